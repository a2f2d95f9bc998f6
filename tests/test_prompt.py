"""What the interpreter is told, and the operator's glossary in it."""

import re
from pathlib import Path

import pytest

from bmv.call.translator import LanguagePair
from bmv.errors import SettingsError
from bmv.languages import LANGUAGES, get
from bmv.simulator.openai.turns import language_asked_for
from bmv.translators.prompt import MAX_ENTRIES, MAX_LETTERS, Glossary, Prompt, Register, load_glossary

PAIR = LanguagePair(get("es"), get("en"))
GLOSSARY = """
names = ["Acme Prime", "José"]

[[term]]
en = "standing order"
es = "orden permanente"
Deutsch = "Dauerauftrag"

[[term]]
en = "refund"
de = "Rückerstattung"
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "glossary.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load_glossary(written(folder, text))
    assert all(problem.startswith("GLOSSARY_FILE: ") for problem in error.value.problems)
    return [problem.removeprefix("GLOSSARY_FILE: ") for problem in error.value.problems]


# -- the instructions -----------------------------------------------------------------------------------------------


def test_the_instructions_name_both_languages_and_what_an_interpreter_never_does() -> None:
    text = Prompt()(PAIR)
    assert "Spanish" in text
    assert "English" in text
    for measure in ("first person", "Never answer, greet, comment", "numbers", "names", "say nothing", "Examples"):
        assert measure in text
    assert "{" not in text


def test_the_direction_is_told() -> None:
    there, back = Prompt()(PAIR), Prompt()(LanguagePair(PAIR.target, PAIR.source))
    assert "speaker of Spanish; you say in English" in there
    assert "speaker of English; you say in Spanish" in back


def test_mandarin_is_called_so_because_cantonese_is_chinese_too() -> None:
    text = Prompt()(LanguagePair(get("zh"), get("yue")))
    assert "speaker of Mandarin Chinese; you say in Cantonese" in text
    assert "you say in Mandarin Chinese" in Prompt()(LanguagePair(get("en"), get("zh")))
    assert language_asked_for(Prompt()(LanguagePair(get("en"), get("zh")))) == "zh"


@pytest.mark.parametrize("register", [None, *Register])
def test_the_instructions_stay_short_because_every_turn_pays_for_them(register: Register | None) -> None:
    """Four letters make a token of English, by the provider's own rule of thumb; 250 tokens are what is allowed."""
    for source in LANGUAGES.values():
        for target in LANGUAGES.values():
            assert len(Prompt(register)(LanguagePair(source, target))) / 4 <= 250


def test_a_register_is_asked_for_only_where_it_is_set() -> None:
    assert "formally" not in Prompt()(PAIR)
    assert "Address the listener formally" in Prompt(Register.FORMAL)(PAIR)
    assert "Address the listener informally" in Prompt(Register.INFORMAL)(PAIR)


# -- the glossary ---------------------------------------------------------------------------------------------------


def test_only_the_terms_of_the_pair_are_told_and_in_the_right_direction(tmp_path: Path) -> None:
    prompt = Prompt(glossary=load_glossary(written(tmp_path, GLOSSARY)))
    there = prompt(PAIR)
    assert "orden permanente = standing order" in there
    assert "refund" not in there
    assert "Dauerauftrag" not in there
    back = prompt(LanguagePair(get("en"), get("de")))
    assert "standing order = Dauerauftrag\nrefund = Rückerstattung" in back


def test_the_glossary_of_the_documents_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs" / "openai.md").read_text("utf-8")
    (example,) = re.findall(r"^```toml\n(names = .*?)^```$", page, re.M | re.S)
    text = Prompt(glossary=load_glossary(written(tmp_path, example)))(PAIR)
    assert text.endswith("orden permanente = standing order\nNever translate: Acme Prime")


def test_names_are_told_to_every_pair_and_a_pair_without_terms_hears_of_none(tmp_path: Path) -> None:
    text = Prompt(glossary=load_glossary(written(tmp_path, GLOSSARY)))(LanguagePair(get("fr"), get("ja")))
    assert text.endswith("Never translate: Acme Prime; José")
    assert "Always translate" not in text


def test_a_glossary_without_entries_changes_nothing(tmp_path: Path) -> None:
    assert Prompt(glossary=load_glossary(written(tmp_path, "")))(PAIR) == Prompt()(PAIR)
    assert load_glossary(written(tmp_path, "")) == Glossary()


def test_braces_in_a_term_are_letters_like_any_others(tmp_path: Path) -> None:
    glossary = load_glossary(written(tmp_path, '[[term]]\nen = "{target} {0}"\nes = "{{x}"\n'))
    assert "{{x} = {target} {0}" in Prompt(glossary=glossary)(PAIR)


def test_every_problem_of_a_glossary_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        f"""
        names = ["fine", "", 7]
        terms = "?"
        term = [
            {{ en = "only one" }},
            {{ en = "a", english = "b", es = "c" }},
            {{ en = "a", klingon = "b" }},
            {{ en = "a", es = "{"x" * (MAX_LETTERS + 1)}" }},
            {{ en = "a", es = "two\\nlines" }},
            {{ en = "a", es = 5 }},
            "word",
        ]
        """,
    )
    assert found == [
        "'terms' is not known: a glossary has 'names' and 'term'",
        "name 2 must be a text",
        "name 3 must be a text",
        "term 1 needs at least two languages",
        "term 2 has English twice",
        "term 3: 'klingon' is none of our languages",
        f"term 4, 'es' must be one line of at most {MAX_LETTERS} characters",
        f"term 5, 'es' must be one line of at most {MAX_LETTERS} characters",
        "term 6, 'es' must be a text",
        "term 7 must be a table of languages",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("names = 5", "'names' must be a list of words"),
        ("[term]\nen = 'a'", "'term' must be written as [[term]], once for each term"),
        ("[[term]", "is not valid TOML"),
        (b"names = ['\xff']", "is not UTF-8 text"),
        ("#" * 200_001, "has more than 200,000 bytes"),
        ("a = " + "[" * 5000, "is not valid TOML"),
    ],
)
def test_a_file_that_is_no_glossary_is_said_to_be_none(tmp_path: Path, text: str | bytes, words: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert words in problem


def test_a_file_that_is_not_there_is_told_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.toml"
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read: No such file"):
        load_glossary(path)


def test_a_glossary_too_long_for_a_prompt_is_refused_and_not_cut(tmp_path: Path) -> None:
    terms = "".join(f'[[term]]\nen = "a{number}"\nes = "b{number}"\n' for number in range(MAX_ENTRIES))
    glossary = load_glossary(written(tmp_path, terms))
    assert Prompt(glossary=glossary)(PAIR).count(" = ") == MAX_ENTRIES
    (problem,) = problems(tmp_path, 'names = ["one more"]\n' + terms)
    assert problem == f"{MAX_ENTRIES + 1} terms and names for English and Spanish; at most {MAX_ENTRIES} are possible"
    names = ", ".join(f'"n{number}"' for number in range(MAX_ENTRIES + 1))
    assert problems(tmp_path, f"names = [{names}]") == [f"{MAX_ENTRIES + 1} names; at most {MAX_ENTRIES} are possible"]
