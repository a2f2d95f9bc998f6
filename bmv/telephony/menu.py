"""The menu at the door: which languages a caller may choose, by which key and by which words.

Both faces of it ask from here, `twiml.ask_language` and the Studio flow (`flow`), so that a caller hears the same with
Studio and without.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from bmv.languages import Language, Sentence

MOST_LANGUAGES: Final = 9
"""As many as there are keys for; 0 is no place in a list."""

ROUNDS: Final = 2
"""How often everything is asked before a caller is answered in the agents' language."""

AGENT_WORD: Final = "agent"
"""`lang=agent`: a caller who did not choose; the call goes on in the agents' language."""

LONGEST_ANSWER: Final = 200
"""Characters of an answer that are looked at; who names a language does so in fewer."""

_PAUSE, _LAST_PAUSE = 1, 5
_CODE = re.compile(r"[a-z]{2,3}(-[a-z0-9]+)*")  # nobody says them, and "por", "vie" and "hin" are words of languages
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")  # Korean has spaces, but joins its particles to the name


class Menu:
    """One to nine languages, each once; the key of a language is its place in the list."""

    def __init__(self, languages: Sequence[Language]) -> None:
        if not 1 <= len(languages) <= MOST_LANGUAGES or len(set(languages)) < len(languages):
            raise ValueError(f"a menu has 1 to {MOST_LANGUAGES} languages, none of them twice")
        self.languages = tuple(languages)
        self._names = {language: {_folded(name) for name in names(language)} for language in self.languages}

    def __len__(self) -> int:
        return len(self.languages)

    def __iter__(self) -> Iterator[Language]:
        return iter(self.languages)

    def key(self, language: Language) -> str:
        """The key to press for a language of the menu."""
        return str(self.languages.index(language) + 1)

    def question(self, language: Language) -> str:
        """What is said, in this language, to those who speak it."""
        return language.sentences[Sentence.MENU].replace("{key}", self.key(language))

    def patience(self, language: Language) -> int:
        """Seconds of silence after this question until the next one; more after the last, when all is said."""
        return _LAST_PAUSE if language == self.languages[-1] else _PAUSE

    def by_key(self, key: str) -> Language | None:
        """The language of a key that was pressed, if it has one."""
        return next((language for language in self.languages if self.key(language) == key), None)

    def by_words(self, words: str) -> Language | None:
        """The one language of the menu that is named in what somebody said, as a whole word.

        Case, accents and punctuation do not matter. None when no language is named, and when two are. A number alone
        is taken for the key. Any text is safe to pass: it is compared with the names and never used for anything else.
        """
        heard = _folded(words[:LONGEST_ANSWER])
        if len(heard) == 1 and (number := unicodedata.digit(heard, None)) is not None:
            return self.by_key(str(number))
        named = [language for language in self.languages if any(_holds(heard, name) for name in self._names[language])]
        return named[0] if len(named) == 1 else None


def names(language: Language) -> tuple[str, ...]:
    """What a caller may call this language, in lower case: its own name, the English one, further ones; no codes."""
    known = (language.own, language.english, *sorted(language.words))
    lower = (unicodedata.normalize("NFC", name).casefold() for name in known)
    return tuple(dict.fromkeys(name for name in lower if not _CODE.fullmatch(name)))


def _folded(text: str) -> str:
    """The words alone, one blank between them, in lower case and without accents."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(sign for sign in letters if not unicodedata.combining(sign))
    words = "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in plain)
    return " ".join(unicodedata.normalize("NFC", words).split())


def _holds(heard: str, name: str) -> bool:
    """Whether a name is among these words; within a word only where the script puts no blanks between them."""
    within = unicodedata.name(name[0]).startswith(_WITHOUT_SPACES)
    return name in heard if within else f" {name} " in f" {heard} "
