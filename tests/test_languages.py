"""The table of languages: what is found, what is not, and that every language is complete."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.audio import levels, mulaw
from bmv.languages import IN_STREAM, LANGUAGES, Language, Sentence, find, get
from bmv.simulator import voices

# The output languages of gpt-realtime-translate (OpenAI, realtime translation guide).
TARGETS = ["de", "en", "es", "fr", "hi", "id", "it", "ja", "ko", "pt", "ru", "vi", "zh"]

# The `<Say>` pairs we use (Twilio, text-to-speech: available voices).
SAY_PAIRS = {
    ("en-US", "Polly.Joanna-Neural"),
    ("es-MX", "Polly.Mia-Neural"),
    ("fr-FR", "Polly.Lea-Neural"),
    ("cmn-CN", "Polly.Zhiyu-Neural"),
    ("hi-IN", "Polly.Kajal-Neural"),
    ("de-DE", "Polly.Vicki-Neural"),
    ("it-IT", "Polly.Bianca-Neural"),
    ("pt-BR", "Polly.Camila-Neural"),
    ("ja-JP", "Polly.Kazuha-Neural"),
    ("ko-KR", "Polly.Seoyeon-Neural"),
    ("ru-RU", "Polly.Tatyana"),
    ("vi-VN", "Google.vi-VN-Wavenet-A"),
    ("id-ID", "Google.id-ID-Standard-A"),
}

# How Unicode names the letters a language is written in; the rest use the Latin alphabet.
SCRIPTS = {"zh": "CJK", "ja": "HIRAGANA", "ko": "HANGUL", "ru": "CYRILLIC", "hi": "DEVANAGARI"}

# Letters that are spoken in about three seconds, at five Chinese characters, seven Korean syllables or sixteen letters
# of an alphabet a second. A Japanese character may be two morae, of which there are about eight in a second.
LONGEST_IN_STREAM = {"zh": 16, "ja": 21, "ko": 26}

every_language = pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))


def tag(text: str | None) -> str | None:
    language = find(text)
    return language.tag if language else None


def test_the_thirteen_spoken_by_the_translation_model_are_there() -> None:
    assert sorted(name for name, language in LANGUAGES.items() if language.continuous_target) == TARGETS


@pytest.mark.parametrize(
    ("word", "expected"),
    [("english", "en"), ("spanish", "es"), ("french", "fr"), ("mandarin", "zh"), ("hindi", "hi")],
)
def test_the_words_of_the_original_menu_are_understood(word: str, expected: str) -> None:
    assert tag(word) == tag(word.upper()) == tag(f" {word.title()} ") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("es", "es"),
        ("es-MX", "es"),
        ("ES_mx", "es"),
        ("es-419", "es"),
        ("spa", "es"),
        ("Español", "es"),
        ("Espan\u0303ol", "es"),  # the same word, spelled with a combining tilde
        ("espanol", "es"),
        ("ESPAÑOL", "es"),
        ("cmn-CN", "zh"),
        ("chinese", "zh"),
        ("zh_Hant_TW", "zh"),
        ("中文", "zh"),
        ("हिंदी", "hi"),
        ("हिन्दी", "hi"),
        ("Bahasa  Indonesia", "id"),
        ("pt-BR", "pt"),
        ("Русский", "ru"),
    ],
)
def test_a_language_is_found_however_it_is_written(text: str, expected: str) -> None:
    assert tag(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "agent",
        "klingon",
        "e",
        "esp",
        "-es",
        "es-",
        "es--MX",
        "es MX",
        "es&lang=en",
        "es;DROP TABLE",
        '"es"',
        "<Say>es</Say>",
        "es\x00",
        "\ud800",
        "es-" * 1000,
        "english" + " " * 1000,
        "yue-HK",
    ],
)
def test_what_names_no_language_of_ours_is_none(text: str | None) -> None:
    assert find(text) is None


@given(st.text(max_size=60))
def test_any_text_is_safe_and_finds_a_language_of_the_table_or_none(text: str) -> None:
    assert find(text) in (None, *LANGUAGES.values())


@every_language
def test_a_language_is_found_by_every_name_it_has(language: Language) -> None:
    for name in (language.tag, language.english, language.own, *language.words):
        assert find(name) is language
        assert find(name.upper()) is language
    assert find(language.say_language) is language
    assert get(language.tag) is language


def test_no_name_stands_for_two_languages() -> None:
    names = [word for language in LANGUAGES.values() for word in {language.tag, *language.words}]
    assert len(names) == len(set(names))


def test_asking_for_an_unknown_tag_of_our_own_is_a_bug() -> None:
    with pytest.raises(KeyError):
        get("xx")


@every_language
def test_its_voice_and_locale_are_a_pair_that_twilio_offers(language: Language) -> None:
    assert (language.say_language, language.say_voice) in SAY_PAIRS


@every_language
def test_every_sentence_is_there_and_can_be_spoken(language: Language) -> None:
    assert set(language.sentences) == set(Sentence)
    assert len(set(language.sentences.values())) == len(Sentence)
    for sentence in language.sentences.values():
        assert sentence == unicodedata.normalize("NFC", sentence).strip()
        assert sentence.endswith((".", "。", "।"))
        assert "  " not in sentence
        # A missing space where two lines of the table meet: a stop directly followed by a letter.
        assert not re.search(r"[.,](?=\w)", sentence)
        assert 7 <= len(sentence) <= 200


@every_language
def test_every_sentence_is_in_the_languages_own_script(language: Language) -> None:
    script = SCRIPTS.get(language.tag, "LATIN")
    for sentence in language.sentences.values():
        letters = [unicodedata.name(letter) for letter in sentence if letter.isalpha()]
        fitting = sum(name.startswith((script, "CJK") if language.tag == "ja" else script) for name in letters)
        assert fitting == len(letters), sentence


@every_language
def test_the_sentences_that_end_a_call_say_goodbye_alike(language: Language) -> None:
    ends = [
        language.sentences[each]
        for each in (Sentence.BUSY, Sentence.UNAVAILABLE, Sentence.INTERRUPTED, Sentence.GOODBYE)
    ]
    farewell = re.split(r"[.。।，]\s*", ends[0])[-2]
    assert all(farewell in sentence for sentence in ends)
    assert not any(farewell in language.sentences[each] for each in (Sentence.GREETING, Sentence.UNTRANSLATED))


def test_languages_can_be_compared_and_kept_in_sets() -> None:
    assert {find("es-MX"), find("spanish"), find("en")} == {get("es"), get("en")}
    assert "Gracias" not in repr(get("es"))


# -- what is spoken inside a stream -----------------------------------------------------------------------------------


@every_language
def test_what_is_said_inside_a_stream_is_short(language: Language) -> None:
    for sentence in IN_STREAM:
        assert len(language.sentences[sentence]) <= LONGEST_IN_STREAM.get(language.tag, 57)


@pytest.mark.parametrize("tag", voices.LANGUAGES)
def test_what_is_said_inside_a_stream_takes_about_three_seconds_even_of_a_slow_speaker(tag: str) -> None:
    for sentence in IN_STREAM:
        frames = list(mulaw.frames(voices.speak(get(tag).sentences[sentence], tag)))
        audible = [number for number, frame in enumerate(frames) if not levels.is_silent(frame)]
        assert 1.0 < (audible[-1] + 1 - audible[0]) * mulaw.FRAME_SECONDS <= 3.6


@every_language
def test_what_is_said_inside_a_stream_fits_caller_and_agent(language: Language) -> None:
    """Nobody is greeted, thanked or told goodbye in the middle of a conversation."""
    farewell = re.split(r"[.。।，]\s*", language.sentences[Sentence.GOODBYE])[-2]
    for sentence in IN_STREAM:
        said = language.sentences[sentence]
        assert farewell not in said
        assert not re.search(r"agent|caller|customer|quý khách|お客様|고객", said, re.IGNORECASE)
    assert len(IN_STREAM) == 3
