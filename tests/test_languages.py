"""The table of languages: what is found and what is not, what a file must say, and what Twilio speaks and hears."""

import re
import shutil
import unicodedata
from configparser import ConfigParser
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.languages import LANGUAGES, LONGEST_NAME, ORDER, Language, find, get, load

# The output languages of gpt-realtime-translate (OpenAI, realtime translation guide).
TARGETS = ["de", "en", "es", "fr", "hi", "id", "it", "ja", "ko", "pt", "ru", "vi", "zh"]

ORDER_OF_MENUS = ["en", "es", "fr", "zh", "hi", "de", "it", "pt", "ja", "ko", "ru", "id", "vi"]
ORDER_OF_MENUS += ["ar", "pl", "tr", "uk", "nl", "yue"]

OURS = Path(str(files("bmv.languages")))
TWILIO = (Path(__file__).parent.parent / "docs" / "twilio.md").read_text("utf-8")

every_language = pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))


def tag(text: str | None) -> str | None:
    language = find(text)
    return language.tag if language else None


def documented(heading: str) -> list[list[str]]:
    """The rows of the table in a section of docs/twilio.md, without its head."""
    _, _, section = TWILIO.partition(f"\n## {heading}\n")
    lines = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


# -- what is in the table ---------------------------------------------------------------------------------------------


def test_the_languages_come_in_the_order_of_the_menus() -> None:
    assert list(LANGUAGES) == list(ORDER) == ORDER_OF_MENUS


def test_the_thirteen_spoken_by_the_translation_model_are_there() -> None:
    assert sorted(name for name, language in LANGUAGES.items() if language.continuous_target) == TARGETS


# -- what is found ----------------------------------------------------------------------------------------------------


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
        ("po polsku", "pl"),
        ("TÜRKÇE", "tr"),
        ("العربية", "ar"),
        ("yue", "yue"),
        ("yue-HK", "yue"),
        ("yue-Hant-HK", "yue"),
        ("zh-HK", "yue"),
        ("zh_HK", "yue"),
        ("zh-Hant-HK", "yue"),
        ("zh-yue-HK", "yue"),
        ("cantonese", "yue"),
        ("廣東話", "yue"),
        ("zh", "zh"),
        ("zh-CN", "zh"),
        ("zh-Hant", "zh"),
        ("zh-TW", "zh"),
        ("国语", "zh"),
    ],
)
def test_a_language_is_found_however_it_is_written(text: str, expected: str) -> None:
    assert tag(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Spanish.", "es"),
        ("¡Español!", "es"),
        ("¿Español?", "es"),
        ('"Español"', "es"),
        ("“Español.”", "es"),
        ("« Français »", "fr"),
        ("„Polski”.", "pl"),
        ("中文。", "zh"),
        ("「日本語」。", "ja"),
        ("عربي؟", "ar"),
        ("हिंदी।", "hi"),
        ("Bahasa Indonesia!", "id"),
    ],
)
def test_what_a_speech_recogniser_writes_around_a_name_does_not_matter(text: str, expected: str) -> None:
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
        "<Say>es</Say>",
        "es\x00",
        "\ud800",
        "es-" * 1000,
        "english" + " " * 1000,
        ".",
        '""',
        "zh.hk",
        "hk",
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
        assert 2 <= len(name) <= LONGEST_NAME // 2
    assert find(language.say_language) is find(language.hears) is language
    assert get(language.tag) is language


def test_no_name_is_there_twice() -> None:
    names = [
        name
        for language in LANGUAGES.values()
        for name in (language.tag, *{language.english.casefold(), language.own.casefold()}, *language.words)
    ]
    assert len(names) == len(set(names))


@every_language
def test_its_words_are_written_as_they_are_looked_up(language: Language) -> None:
    for word in language.words:
        assert word == unicodedata.normalize("NFC", word.casefold())
        assert word == " ".join(word.split())


def test_asking_for_an_unknown_tag_of_our_own_is_a_bug() -> None:
    with pytest.raises(KeyError):
        get("xx")


def test_languages_can_be_compared_and_kept_in_sets() -> None:
    assert {find("es-MX"), find("spanish"), find("en")} == {get("es"), get("en")}
    assert "Gracias" not in repr(get("es"))


# -- a file for each --------------------------------------------------------------------------------------------------


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """The files of two languages."""
    for name in ("en.toml", "es.toml"):
        shutil.copy(OURS / name, tmp_path)
    return tmp_path


def test_a_table_has_the_languages_of_its_order_and_all_that_the_files_say(copies: Path) -> None:
    assert list(load(copies, ("es", "en"))) == ["es", "en"]
    assert load(copies, ("en", "es"))["es"].sentences == get("es").sentences
    (copies / "es.toml").write_text((OURS / "fr.toml").read_text())
    assert load(copies, ("en", "es"))["es"].own == "Français"


@pytest.mark.parametrize(
    ("line", "instead", "complaint"),
    [
        ("hold", "", "sentences lacks hold"),
        ("hold", 'hold_on = "Espere."', "sentences lacks hold"),
        ("[sentences]", '[sentences]\nfarewell = "Adiós."', "sentences has an unknown farewell"),
        ("hold", "hold = 5", r"Expected `str`, got `int` - at `\$.sentences"),
        ("say_voice", "", "missing required field `say_voice`"),
        ("say_voice", 'voice = "Polly.Mia"', "unknown field `voice`"),
        ("continuous_target", 'continuous_target = "yes"', r"Expected `bool`, got `str` - at `\$.continuous_target"),
        ("words", 'words = "castellano"', r"Expected `array`, got `str` - at `\$.words"),
        ("own", "own = Español", "Invalid value"),
    ],
)
def test_a_file_that_lacks_something_or_says_more_is_named_with_the_key(
    copies: Path, line: str, instead: str, complaint: str
) -> None:
    good = (copies / "es.toml").read_text()
    bad = re.sub(rf"^{re.escape(line)}( = .*)?$", lambda _: instead, good, flags=re.MULTILINE)
    assert bad != good
    (copies / "es.toml").write_text(bad)
    with pytest.raises(ValueError, match=rf"^es\.toml: .*{complaint}"):
        load(copies, ("en", "es"))


def test_a_file_without_a_place_in_the_order_is_named_and_so_is_a_missing_one(copies: Path) -> None:
    with pytest.raises(ValueError, match=r"es\.toml"):
        load(copies, ("en",))
    with pytest.raises(FileNotFoundError, match=r"it\.toml"):
        load(copies, ("en", "es", "it"))


def test_the_files_are_part_of_what_is_installed() -> None:
    setup = ConfigParser()
    setup.read(Path(__file__).parent.parent / "setup.cfg")
    assert setup["options.package_data"]["bmv.languages"] == "*.toml"
    assert sorted(file.stem for file in OURS.glob("*.toml")) == sorted(ORDER)


# -- what Twilio speaks and hears -------------------------------------------------------------------------------------


@every_language
def test_its_voice_and_locale_are_a_pair_that_twilio_lists(language: Language) -> None:
    listed = [(language, voice) for _, language, voice, _ in documented("Voices of `<Say>`")]
    assert (language.say_language, language.say_voice) in listed


@every_language
def test_its_speech_is_one_that_twilio_lists(language: Language) -> None:
    assert [language.english, language.hears] in [row[:2] for row in documented("Speech that `<Gather>` understands")]
