"""The languages a call can be held in: their names, their telephone voices and the sentences we speak ourselves.

One table, one file per language: `<tag>.toml` beside this module holds all there is to know about it, so that whoever
speaks it can review it without reading Python. A further language is a further file, named in `ORDER`; a further
sentence is a further member of `Sentence`, and then no file is accepted that lacks it.
"""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

import msgspec

LONGEST_NAME = 40
"""Characters `find` looks at; no name in the table has more than half as many."""

# fmt: off
ORDER: Final = (
    "en", "es", "fr", "zh", "hi", "de", "it", "pt", "ja", "ko", "ru", "id", "vi",
    "ar", "pl", "tr", "uk", "nl", "yue",
)
# fmt: on
"""The tags of all languages, in the order the menus name them."""

_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{1,8})*")
_AROUND = " \t\r\n.,;:!?¡¿…。，、！？؟،۔।\"'“”„‘’‚«»‹›「」『』"
"""What a speech recogniser, or a person, may write around a name: it is no part of it."""


class Sentence(Enum):
    """What the service itself says to somebody on the phone."""

    GREETING = auto()
    """Thank you for calling, please hold."""
    MENU = auto()
    """How to choose this language; a template with `{key}`, the digit to press. Spoken before anything is chosen."""
    UNTRANSLATED = auto()
    """No interpreter for the caller's language, the call goes on without one. Spoken in the *agent's* language."""
    BUSY = auto()
    """As many calls as we can carry are going on: call again in a few minutes."""
    UNAVAILABLE = auto()
    """Nobody took the call: call again later."""
    INTERRUPTED = auto()
    """The connection or the service broke: call again. For somebody who called us."""
    NOT_REACHED = auto()
    """Whom we were asked to call did not answer. For the agent who asked."""
    CUT_OFF = auto()
    """The connection or the service broke. For somebody whom we called, who could not call again."""
    GOODBYE = auto()
    """The other party has hung up, the conversation is over. For people who called us and whom we called alike."""
    INTERPRETER = auto()
    """An AI interpreter is translating this call. This one and the last three are told to caller and agent alike."""
    HOLD = auto()
    """Stay on the line. Again and again, to a caller who waits for an agent or whom the agent has put on hold."""
    TRANSLATION_LOST = auto()
    """From here on the other party's own voice is heard."""
    TRANSLATION_BACK = auto()
    """The translation goes on."""
    WORDS_LOST = auto()
    """Something was said that nobody will hear: ask for it again."""
    SECURED = auto()
    """The secure pause begins: until it ends both hear each other's own voice. This one and the next: to both alike."""
    UNSECURED = auto()
    """The secure pause is over."""
    ONE_MOMENT = auto()
    """From here on what agents may have said to the caller. One moment, please."""
    SPEAK_SLOWLY = auto()
    """Please speak more slowly."""
    REPEAT = auto()
    """Please say that again."""
    LOOKING_UP = auto()
    """I am looking that up."""
    STAY_ON_LINE = auto()
    """Please stay on the line."""
    THANKS_FOR_WAITING = auto()
    """Thank you for waiting."""


PHRASES: Final = (
    Sentence.ONE_MOMENT,
    Sentence.SPEAK_SLOWLY,
    Sentence.REPEAT,
    Sentence.LOOKING_UP,
    Sentence.STAY_ON_LINE,
    Sentence.THANKS_FOR_WAITING,
)
"""What agents may have said to the caller at once, in the caller's language, at the press of a button."""

IN_STREAM: Final = (
    Sentence.TRANSLATION_LOST,
    Sentence.TRANSLATION_BACK,
    Sentence.WORDS_LOST,
    Sentence.INTERPRETER,
    Sentence.HOLD,
    Sentence.SECURED,
    Sentence.UNSECURED,
    *PHRASES,
)
"""What is spoken into a running stream, where the carrier's voice cannot sound: about three seconds at most, because
the conversation goes on underneath. The rest is said before or after a stream."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language, spoken by a caller or an agent.

    `tag` is its short name everywhere in this program ("es"). `words` are the further lower-case names and codes people
    write and say for it. `say_language` and `say_voice` are the pair Twilio's `<Say>` needs (always set both: the voice
    alone falls back to an English reading); `hears` is what its `<Gather input="speech">` wants as `language`
    (docs/twilio.md, "Voices of <Say>" and "Languages of <Gather>"). `continuous_target` tells whether
    gpt-realtime-translate can be asked to *speak* it (OpenAI's translation guide lists 13 output languages, as bare
    two-letter codes; input is never configured).
    """

    tag: str
    english: str
    own: str
    words: frozenset[str] = field(compare=False, repr=False)
    say_language: str
    say_voice: str
    hears: str
    continuous_target: bool
    sentences: Mapping[Sentence, str] = field(compare=False, repr=False)


# -- the files --------------------------------------------------------------------------------------------------------


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """What a file says, as it is written."""

    english: str
    own: str
    words: list[str]
    say_language: str
    say_voice: str
    hears: str
    continuous_target: bool
    sentences: dict[str, str]


def load(folder: Traversable, order: Collection[str]) -> Mapping[str, Language]:
    """Read one file for each tag, in this order, and see that there is no other.

    ValueError, with the file and the key, for what is missing, unknown or of another kind; FileNotFoundError.
    """
    strangers = {file.name for file in folder.iterdir() if file.name.endswith(".toml")} - {
        f"{tag}.toml" for tag in order
    }
    if strangers:
        raise ValueError(f"no language in the order of languages has the file {', '.join(sorted(strangers))}")
    return MappingProxyType({tag: _read(folder / f"{tag}.toml", tag) for tag in order})


def _read(file: Traversable, tag: str) -> Language:
    try:
        content = msgspec.convert(tomllib.loads(file.read_text("utf-8")), _File)
        sentences = dict(_by_sentence(content.sentences))
    except ValueError as error:
        raise ValueError(f"{file.name}: {error}") from error
    return Language(
        tag=tag,
        english=content.english,
        own=content.own,
        words=frozenset(content.words),
        say_language=content.say_language,
        say_voice=content.say_voice,
        hears=content.hears,
        continuous_target=content.continuous_target,
        sentences=sentences,
    )


def _by_sentence(texts: Mapping[str, str]) -> Iterator[tuple[Sentence, str]]:
    known = {sentence.name.lower(): sentence for sentence in Sentence}
    if missing := known.keys() - texts.keys():
        raise ValueError(f"sentences lacks {', '.join(sorted(missing))}")
    if unknown := texts.keys() - known.keys():
        raise ValueError(f"sentences has an unknown {', '.join(sorted(unknown))}")
    for name, sentence in known.items():
        yield sentence, texts[name]


LANGUAGES: Final = load(files(__name__), ORDER)
"""Every language by its short tag, in the order the menus name them."""


# -- finding one ------------------------------------------------------------------------------------------------------


def get(tag: str) -> Language:
    """Return the language of one of our own tags; a `KeyError` here is a bug, for foreign text there is `find`."""
    return LANGUAGES[tag]


def find(text: str | None) -> Language | None:
    """Return the language that a setting, a caller or a `lang=` parameter means, or None when it is none of ours.

    Takes our tags, ISO 639 codes, English and own names in any case, and language tags with script or region
    ("es-MX", "zh_Hant_TW", "cmn-CN"), of which only the language counts unless the table knows more ("zh-HK" is
    Cantonese). Quotes around it and a stop behind it do not matter. Any text is safe to pass: it is compared with the
    table and never used for anything else.
    """
    if text is None or len(text) > LONGEST_NAME:
        return None
    word = _normalised(text)
    if found := _BY_WORD.get(word):
        return found
    tag = word.replace("_", "-")
    if not _TAG.fullmatch(tag):
        return None
    parts = tag.split("-")
    shorter = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((_BY_WORD[each] for each in shorter if each in _BY_WORD), None)


def _normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().strip(_AROUND).split())


def _by_word(languages: Iterable[Language]) -> dict[str, Language]:
    return {
        _normalised(word): language
        for language in languages
        for word in (language.tag, language.english, language.own, *language.words)
    }


_BY_WORD = _by_word(LANGUAGES.values())
