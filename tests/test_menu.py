"""The menu at the door: its keys, its questions, and what counts as the name of a language."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv import languages
from bmv.languages import LANGUAGES, Language
from bmv.telephony.menu import LONGEST_ANSWER, MOST_LANGUAGES, Menu, names

FIVE = ("en", "es", "fr", "zh", "hi")
EVERYBODY = [LANGUAGES[tag] for tag in LANGUAGES]

each_language = pytest.mark.parametrize("language", EVERYBODY, ids=LANGUAGES)


def menu(*tags: str) -> Menu:
    return Menu([languages.get(tag) for tag in tags])


def chosen(words: str, *tags: str) -> str | None:
    language = menu(*tags or FIVE).by_words(words)
    return language.tag if language else None


def test_the_key_of_a_language_is_its_place_in_the_list() -> None:
    assert [menu(*FIVE).key(languages.get(tag)) for tag in FIVE] == ["1", "2", "3", "4", "5"]
    assert [menu("hi", "yue").by_key(key) for key in ("1", "2")] == [languages.get("hi"), languages.get("yue")]


@pytest.mark.parametrize("key", ["", "0", "6", "9", "*", "#", "11", "1 ", "١", "٢", "x" * 10_000])
def test_a_key_without_a_language_chooses_none(key: str) -> None:
    assert menu(*FIVE).by_key(key) is None


def test_as_many_languages_have_a_place_as_there_are_keys_and_each_has_one() -> None:
    assert len(Menu(EVERYBODY[:MOST_LANGUAGES])) == MOST_LANGUAGES
    for wrong in ([], EVERYBODY[: MOST_LANGUAGES + 1], [EVERYBODY[0], EVERYBODY[1], EVERYBODY[0]]):
        with pytest.raises(ValueError, match="1 to 9 languages"):
            Menu(wrong)


@each_language
def test_the_question_names_the_key_in_the_language_itself(language: Language) -> None:
    others = [each for each in EVERYBODY if each != language][:6]
    question = Menu([*others, language]).question(language)
    assert re.findall(r"\d", question) == ["7"]
    assert "{" not in question
    assert question != Menu([language]).question(language)


def test_only_after_the_last_question_there_is_time_to_think() -> None:
    assert [menu(*FIVE).patience(languages.get(tag)) for tag in FIVE] == [1, 1, 1, 1, 5]
    assert menu("es").patience(languages.get("es")) == 5


# -- words ------------------------------------------------------------------------------------------------------------


@each_language
def test_every_name_of_a_language_chooses_it_among_any_others(language: Language) -> None:
    others = [each for each in EVERYBODY if each != language]
    for first in range(0, len(others), MOST_LANGUAGES - 1):
        offered = Menu([*others[first : first + MOST_LANGUAGES - 1], language])
        for name in names(language):
            for said in (name, name.upper(), f"{name}.", f"¡{name}!", f" «{name}», "):
                assert offered.by_words(said) is language, said


@each_language
def test_the_question_is_answered_with_a_word_that_it_says_itself(language: Language) -> None:
    """The word to say stands in the question, so to repeat the question's end must be understood."""
    assert Menu([language]).by_words(Menu([language]).question(language)) is language


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("Español.", "es"),
        ("ESPAÑOL", "es"),
        ("espanol", "es"),
        ("Espan\u0303ol", "es"),
        ("Spanish, please!", "es"),
        ("Uh... I'd like Spanish.", "es"),
        ("quisiera hablar en español por favor", "es"),
        ("Français", "fr"),
        ("le francais s'il vous plaît", "fr"),
        ("我要说中文。", "zh"),
        ("普通话", "zh"),
        ("Mandarin Chinese", "zh"),
        ("हिंदी।", "hi"),
        ("हिन्दी में बात कीजिए", "hi"),
        ("ｅｎｇｌｉｓｈ", "en"),
    ],
)
def test_a_name_counts_however_a_recogniser_writes_it_and_whatever_is_said_around_it(said: str, tag: str) -> None:
    assert chosen(said) == tag


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("한국어로 해 주세요", "ko"),
        ("日本語でお願いします", "ja"),
        ("Türkçe lütfen", "tr"),
        ("TÜRKÇE", "tr"),
        ("بالعربية من فضلك", "ar"),
        ("العَرَبِيَّة", "ar"),
        ("廣東話，唔該", "yue"),
        ("tiếng Việt ạ", "vi"),
        ("Русский.", "ru"),
    ],
)
def test_names_are_found_in_scripts_with_and_without_blanks_between_words(said: str, tag: str) -> None:
    assert chosen(said, "ko", "ja", "tr", "ar", "yue", "vi", "ru") == tag


@pytest.mark.parametrize(
    "said",
    [
        "",
        " ",
        ".",
        "¿?",
        "\u0303",
        "hello",
        "Spanishness",
        "Frenchman",
        "the Englishman",
        "German",
        "Deutsch",
        "klingon",
        "por favor",
        "por",
        "es",
        "EN",
        "fra",
        "zh-hk",
        "hin und her",
        "la vie",
    ],
)
def test_what_names_no_language_of_the_menu_chooses_none(said: str) -> None:
    assert chosen(said) is None
    assert chosen(said, "pt", "vi", "hi", "ja") is None


@pytest.mark.parametrize(
    "said", ["English or Spanish?", "no, not English, français", "inglés y español", "mandarin english", "中文 English"]
)
def test_who_names_two_languages_of_the_menu_has_chosen_none(said: str) -> None:
    assert chosen(said) is None


def test_a_language_that_is_not_on_the_menu_takes_no_other_ones_place() -> None:
    assert chosen("German") is None
    assert chosen("German", "en", "de") == "de"
    assert chosen("Cantonese", "zh", "en") is None
    assert chosen("not German, Spanish") == "es"


@pytest.mark.parametrize("said", ["2", "2.", " 2 ", "２", "२", "٢"])
def test_a_number_alone_stands_for_its_key(said: str) -> None:
    assert chosen(said) == "es"


@pytest.mark.parametrize("said", ["0", "9", "12", "2 2", "2 people", "²²"])
def test_any_other_number_stands_for_nothing(said: str) -> None:
    assert chosen(said) is None


def test_no_language_is_named_within_the_name_of_another() -> None:
    """Else Studio, which looks for names anywhere in what was said, would choose by the order of the menu."""
    for language in EVERYBODY:
        for other in EVERYBODY:
            if other != language:
                assert not [(a, b) for a in names(language) for b in names(other) if a in b]


@each_language
def test_a_language_is_known_by_its_own_and_its_english_name_first_and_by_no_code(language: Language) -> None:
    known = names(language)
    assert known[0] == language.own.casefold()
    assert language.english.casefold() in known[:2]
    assert not {language.tag, "por", "vie", "hin", "zh-hk"} & set(known)
    assert len(set(known)) == len(known)
    assert list(known) == list(names(language))


@given(st.text(st.characters()))
def test_any_text_is_safe(text: str) -> None:
    offered = menu(*FIVE)
    assert offered.by_words(text) in (None, *offered)
    assert offered.by_key(text) in (None, *offered)


def test_of_a_long_answer_only_the_beginning_is_looked_at() -> None:
    assert chosen("spanish " + "x" * 100_000) == "es"
    assert chosen("x " * LONGEST_ANSWER + "spanish") is None
    assert chosen("\ufdfa" * 100_000) is None
