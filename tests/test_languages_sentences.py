"""What we say ourselves, in every language: that nothing is missing, too long, for others, or in another script."""

import re
import string
import unicodedata

import pytest

from bmv.audio import levels, mulaw
from bmv.languages import IN_STREAM, LANGUAGES, PHRASES, Language, Sentence, get
from bmv.simulator import voices

# How Unicode names the letters a language is written in; the rest use the Latin alphabet.
SCRIPTS = {
    "zh": ("CJK",),
    "yue": ("CJK",),
    "ja": ("HIRAGANA", "CJK"),
    "ko": ("HANGUL",),
    "ru": ("CYRILLIC",),
    "uk": ("CYRILLIC",),
    "hi": ("DEVANAGARI",),
    "ar": ("ARABIC",),
}
STOP = re.compile(r"[.。।]\s*")

ENDS = {
    *(Sentence.BUSY, Sentence.UNAVAILABLE, Sentence.INTERRUPTED),
    *(Sentence.NOT_REACHED, Sentence.CUT_OFF, Sentence.GOODBYE),
}

# Who is not meant when caller and agent are addressed alike.
ONE_PARTY = r"agent|caller|customer|client|klient|kunde|klant|cliente|müşteri|клиент|клієнт"
ONE_PARTY += "|quý khách|お客様|고객|客户|客戶|顾客|العميل|ग्राहक|pelanggan"

# Letters that are spoken in about three seconds, at five Chinese characters, seven Korean syllables or sixteen letters
# of an alphabet a second. A Japanese character may be two morae, of which there are about eight in a second.
LONGEST_IN_STREAM = {"zh": 16, "yue": 16, "ja": 21, "ko": 26}
# What keeps the parties from each other is to be over sooner.
LONGEST_INTERPRETER = {"zh": 13, "yue": 13, "ja": 18, "ko": 20}

every_language = pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))


def parts(language: Language, sentence: Sentence) -> list[str]:
    """The single sentences of one of ours."""
    return [part for part in STOP.split(language.sentences[sentence]) if part]


def spoken(language: Language) -> list[str]:
    """All that the language's voice says, as it says it."""
    return [text.replace("{key}", "4") for text in language.sentences.values()]


# -- the sentences ----------------------------------------------------------------------------------------------------


@every_language
def test_every_sentence_is_there_and_can_be_spoken(language: Language) -> None:
    assert set(language.sentences) == set(Sentence)
    assert len(set(language.sentences.values())) == len(Sentence)
    for sentence in language.sentences.values():
        assert sentence == unicodedata.normalize("NFC", sentence).strip()
        assert sentence.endswith((".", "。", "।", "?", "？", "؟"))
        assert "  " not in sentence
        # A stop directly followed by a letter.
        assert not re.search(r"[.,،](?=\w)", sentence)
        assert 7 <= len(sentence) <= 200


@every_language
def test_every_sentence_is_in_the_languages_own_script(language: Language) -> None:
    scripts = SCRIPTS.get(language.tag, ("LATIN",))
    for sentence in spoken(language):
        letters = [unicodedata.name(letter) for letter in sentence if letter.isalpha()]
        assert all(name.startswith(scripts) for name in letters), sentence


def test_mandarin_is_written_in_simplified_characters_and_cantonese_in_traditional_ones_as_it_is_spoken() -> None:
    assert all(text.encode("gb2312") for text in spoken(get("zh")))
    assert all(text.encode("big5hkscs") for text in spoken(get("yue")))
    assert not any(set("嘅咗唔啲冇嚟哋呢") & set(text) for text in spoken(get("zh")))
    assert sum(bool(set("嘅咗唔啲冇嚟哋呢") & set(text)) for text in spoken(get("yue"))) > len(Sentence) // 2


@every_language
def test_the_menu_has_one_place_for_the_key_and_names_a_word_that_is_understood(language: Language) -> None:
    for sentence, text in language.sentences.items():
        fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
        assert fields == (["key"] if sentence is Sentence.MENU else [])
    menu = language.sentences[Sentence.MENU].format(key="7").casefold()
    assert "7" in menu
    assert any(word.casefold() in menu for word in (language.own, *language.words))


@every_language
def test_the_sentences_that_end_a_call_say_goodbye_alike_and_no_others(language: Language) -> None:
    (farewell,) = {parts(language, sentence)[-1] for sentence in ENDS}
    assert not any(farewell in text for sentence, text in language.sentences.items() if sentence not in ENDS)


@every_language
def test_whom_we_called_is_not_thanked_for_calling_nor_asked_to_call_again(language: Language) -> None:
    assert len(parts(language, Sentence.GOODBYE)) == 2  # it is over; goodbye
    *told, _again, farewell = parts(language, Sentence.INTERRUPTED)
    assert parts(language, Sentence.CUT_OFF) == [*told, farewell]


# -- what is spoken inside a stream -----------------------------------------------------------------------------------


def seconds(sentence: Sentence, tag: str) -> float:
    """From the first sound to the last, as spoken by a slow voice."""
    frames = list(mulaw.frames(voices.speak(get(tag).sentences[sentence], tag)))
    audible = [number for number, frame in enumerate(frames) if not levels.is_silent(frame)]
    return (audible[-1] + 1 - audible[0]) * mulaw.FRAME_SECONDS


@every_language
def test_what_is_said_inside_a_stream_is_short(language: Language) -> None:
    for sentence in IN_STREAM:
        assert len(language.sentences[sentence]) <= LONGEST_IN_STREAM.get(language.tag, 57)
    assert len(language.sentences[Sentence.INTERPRETER]) <= LONGEST_INTERPRETER.get(language.tag, 45)


@pytest.mark.parametrize("tag", voices.LANGUAGES)
def test_what_is_said_inside_a_stream_takes_about_three_seconds_even_of_a_slow_speaker(tag: str) -> None:
    for sentence in IN_STREAM:
        assert 1.0 < seconds(sentence, tag) <= 3.6


@pytest.mark.parametrize("tag", voices.LANGUAGES)
def test_that_an_ai_translates_and_that_one_should_wait_is_told_in_under_three_seconds(tag: str) -> None:
    assert seconds(Sentence.INTERPRETER, tag) < 3.0
    assert seconds(Sentence.HOLD, tag) < 3.0


@every_language
def test_what_is_said_inside_a_stream_fits_caller_and_agent_but_for_the_one_who_waits(language: Language) -> None:
    """Nobody is greeted or told goodbye in the middle of a conversation; only a caller is asked to wait, by us or by
    the agent."""
    thanks, farewell = parts(language, Sentence.GREETING)[0], parts(language, Sentence.GOODBYE)[-1]
    for sentence in IN_STREAM:
        said = language.sentences[sentence]
        assert farewell not in said
        assert thanks not in said
        assert sentence in (Sentence.HOLD, *PHRASES) or not re.search(ONE_PARTY, said, re.IGNORECASE)
    assert len(IN_STREAM) == len(set(IN_STREAM)) == 13
    assert set(PHRASES) < set(IN_STREAM)
