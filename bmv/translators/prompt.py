"""What a conversational model is told so that it interprets and does nothing else; one place, any pair of languages.

Such a model wants to be helpful: now and then it answers a question instead of translating it, greets, or makes up
words for noise. The measures here are those that users of such interpreters report (docs/openai.md, "The turn-based
endpoint"); none was measured by us. A prompt is paid for with every turn, so it is short.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import combinations
from pathlib import Path

from bmv import languages
from bmv.call.translator import LanguagePair
from bmv.errors import SettingsError

MAX_ENTRIES = 60
"""Of a glossary, for one pair of languages: some 600 tokens, as much as a minute of speech."""
MAX_LETTERS = 80
"""Of one term."""
MAX_FILE_BYTES = 200_000


class Register(Enum):
    """How the listener is addressed, in languages that make a difference."""

    FORMAL = "formal"
    INFORMAL = "informal"


_RULES = """\
You interpret a telephone call. You hear one speaker of {source}; you say in {target}, to the listener, exactly what \
was said. You are no party to the call.
- Translate everything, in the first person where the speaker uses it. Speak {target} only.
- Never answer, greet, comment, explain or help, even when asked: questions stay questions, requests stay requests.
- Keep names, numbers, dates, addresses and codes exactly as spoken, digit by digit.
- What is already in {target}, repeat.
- At noise, music or silence, say nothing."""

_REGISTERS = {
    Register.FORMAL: "- Address the listener formally (the polite form, where {target} has one).",
    Register.INFORMAL: "- Address the listener informally (the familiar form, where {target} has one).",
}

_EXAMPLES = """\
Examples:
"Can you hear me? What time is it?" You ask just that in {target}, and give no answer.
"I am Ana Ruiz, my code is 4 0 7." You say just that in {target}, as "I", with the same name and digits."""


_PRECISELY = {"zh": "Mandarin Chinese"}
"""By tag, where our English name could mean another of our languages as well (Cantonese is Chinese, too)."""


@dataclass(frozen=True)
class Glossary:
    """Words that have one right translation: each entry gives a term by the tag of its language."""

    entries: tuple[Mapping[str, str], ...] = ()
    names: tuple[str, ...] = ()
    """Never translated, whatever the languages."""

    def terms(self, source: str, target: str) -> Iterator[tuple[str, str]]:
        """Every term of one language with its translation into another, by tag, in the order of the file."""
        for entry in self.entries:
            if source in entry and target in entry:
                yield entry[source], entry[target]


@dataclass(frozen=True)
class Prompt:
    """Called with a pair of languages it gives the instructions for a session."""

    register: Register | None = None
    glossary: Glossary = Glossary()

    def __call__(self, pair: LanguagePair) -> str:
        """The instructions for interpreting from one language into the other."""
        parts = [_RULES, *([_REGISTERS[self.register]] if self.register else []), _EXAMPLES]
        source, target = (_PRECISELY.get(each.tag, each.english) for each in (pair.source, pair.target))
        text = "\n".join(parts).format(source=source, target=target)
        return "\n".join([text, *self._glossary(pair)])

    def _glossary(self, pair: LanguagePair) -> Iterator[str]:
        if terms := list(self.glossary.terms(pair.source.tag, pair.target.tag)):
            yield "Always translate:"
            yield from (f"{term} = {translation}" for term, translation in terms)
        if self.glossary.names:
            yield f"Never translate: {'; '.join(self.glossary.names)}"


def load_glossary(path: Path) -> Glossary:
    """Read a glossary: TOML with a table `[[term]]` for each term, and a list `names` of what is never translated.

        names = ["Acme Prime"]

        [[term]]
        en = "standing order"
        es = "orden permanente"

    The keys of a term are languages, by tag or name; a term counts for every pair of them, in both directions. Raises
    `SettingsError` with every problem of the file.
    """
    return _Reader().read(path)


class _Reader:
    """Collects the problems while it reads on."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    def read(self, path: Path) -> Glossary:
        document = self._document(path)
        unknown = sorted(document.keys() - {"names", "term"})
        self._problems += [f"{key!r} is not known: a glossary has 'names' and 'term'" for key in unknown]
        names = self._names(document.get("names", []))
        glossary = Glossary(tuple(self._entries(document.get("term", []))), names)
        self._check_size(glossary)
        if self._problems:
            raise SettingsError([f"GLOSSARY_FILE: {problem}" for problem in self._problems])
        return glossary

    def _document(self, path: Path) -> dict[str, object]:
        try:
            content = path.read_bytes()
            if len(content) > MAX_FILE_BYTES:
                raise SettingsError([f"GLOSSARY_FILE: {path} has more than {MAX_FILE_BYTES:,} bytes"])
            return tomllib.loads(content.decode())
        except OSError as error:
            raise SettingsError([f"GLOSSARY_FILE: {path} cannot be read: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise SettingsError([f"GLOSSARY_FILE: {path} is not UTF-8 text"]) from error
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise SettingsError([f"GLOSSARY_FILE: {path} is not valid TOML: {error}"]) from error

    def _names(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            self._problems.append("'names' must be a list of words")
            return ()
        found = (self._text(name, f"name {place}") for place, name in enumerate(value, 1))
        return tuple(name for name in found if name)

    def _entries(self, value: object) -> Iterator[Mapping[str, str]]:
        if not isinstance(value, list):
            self._problems.append("'term' must be written as [[term]], once for each term")
            return
        for place, table in enumerate(value, 1):
            if isinstance(table, dict):
                yield self._entry(table, f"term {place}")
            else:
                self._problems.append(f"term {place} must be a table of languages")

    def _entry(self, table: Mapping[str, object], where: str) -> Mapping[str, str]:
        entry: dict[str, str] = {}
        for key, value in table.items():
            language = languages.find(key)
            text = self._text(value, f"{where}, {key!r}")
            if language is None:
                self._problems.append(f"{where}: {key!r} is none of our languages")
            elif language.tag in entry:
                self._problems.append(f"{where} has {language.english} twice")
            else:
                entry[language.tag] = text
        if len(table) < 2:
            self._problems.append(f"{where} needs at least two languages")
        return entry

    def _text(self, value: object, where: str) -> str:
        if not isinstance(value, str) or not value.strip():
            self._problems.append(f"{where} must be a text")
        elif len(value) > MAX_LETTERS or not value.isprintable():
            self._problems.append(f"{where} must be one line of at most {MAX_LETTERS} characters")
        else:
            return value.strip()
        return ""

    def _check_size(self, glossary: Glossary) -> None:
        """Every turn pays for all of it, so a glossary that is too large is an error and not silently cut."""
        tags = sorted({tag for entry in glossary.entries for tag in entry})
        for source, target in combinations(tags, 2):
            count = len(list(glossary.terms(source, target))) + len(glossary.names)
            if count > MAX_ENTRIES:
                pair = f"{languages.get(source).english} and {languages.get(target).english}"
                self._problems.append(f"{count} terms and names for {pair}; at most {MAX_ENTRIES} are possible")
        if not tags and len(glossary.names) > MAX_ENTRIES:
            self._problems.append(f"{len(glossary.names)} names; at most {MAX_ENTRIES} are possible")
