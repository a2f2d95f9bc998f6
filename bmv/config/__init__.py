"""The settings: what can be set, what a usable value looks like, and where the operator finds it.

Each setting is declared once, as a field of `Settings`; the checks, the messages and the documentation's tests all read
that declaration. Settings are read once, at the start, and nothing below `app` sees them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

from bmv.config import parsers
from bmv.config.contradictions import contradictions
from bmv.config.environment import read_environment
from bmv.config.setting import METADATA, Setting, read, setting
from bmv.config.telephone import TelephoneSettings
from bmv.errors import SettingsError
from bmv.languages import Language

__all__ = ["SETTINGS", "Settings", "given", "read_environment", "secrets_in"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings(TelephoneSettings):
    """What the operator has set, checked and complete. `repr` leaves the secrets out."""

    openai_api_key: str | None = setting(
        "OPENAI_API_KEY",
        parsers.word,
        "The key that pays for the translation. Not needed where TRANSLATOR is none of OpenAI's.",
        where="Create one at platform.openai.com/api-keys.",
        unless=("TRANSLATOR=!openai",),
        secret=True,
    )
    openai_api_type: str = setting(
        "OPENAI_API_TYPE",
        parsers.api_type,
        "Whose service it is: openai, or azure for Azure OpenAI, where every model is the name of a deployment.",
        default="openai",
        also="OPENAI_AUTH",
    )
    translator: str = setting(
        "TRANSLATOR",
        parsers.translator,
        "Who translates: openai, openai-interpreter (sentence by sentence), loopback (nobody), or an installed one.",
        default="openai",
    )
    translator_fallback: str | None = setting(
        "TRANSLATOR_FALLBACK",
        parsers.translator,
        "Who translates when that one fails; blank for nobody, then the original voice is heard.",
        where="Leave it out where nobody shall.",
        default="",
    )
    openai_base_url: str = setting(
        "OPENAI_BASE_URL",
        parsers.openai_base_url,
        "Where the translation service is reached, over https or wss; for data in Europe https://eu.api.openai.com/v1.",
        default="https://api.openai.com/v1",
    )
    openai_translate_model: str = setting(
        "OPENAI_TRANSLATE_MODEL", parsers.word, "The translation model's name.", default="gpt-realtime-translate"
    )
    openai_realtime_model: str = setting(
        "OPENAI_REALTIME_MODEL",
        parsers.word,
        "The model of openai-interpreter, a conversational one that is told to interpret.",
        default="gpt-realtime-2.1",
        also="OPENAI_INTERPRETER_MODEL",
    )
    openai_transcription_model: str | None = setting(
        "OPENAI_TRANSCRIPTION_MODEL",
        parsers.word,
        "What transcribes for captions; blank for gpt-realtime-whisper, or gpt-transcribe with openai-interpreter.",
        where="Leave it out for these.",
        default="",
        also="OPENAI_TRANSCRIBE_MODEL",
    )
    openai_realtime_voice: str = setting(
        "OPENAI_REALTIME_VOICE",
        parsers.word,
        "The voice of openai-interpreter; the continuous model follows the speaker's and has no choice.",
        default="marin",
        also="OPENAI_INTERPRETER_VOICE",
    )
    glossary_file: Path | None = setting(
        "GLOSSARY_FILE",
        parsers.path,
        "A file with words that shall be translated as you say, for openai-interpreter; see docs/translators.md.",
        where="Leave it out where there is none.",
        default="",
    )
    register: str = setting(
        "TRANSLATION_REGISTER",
        parsers.choice("formal", "informal"),
        "How openai-interpreter addresses people, in languages that make a difference.",
        default="formal",
    )
    replay_seconds: float = setting(
        "REPLAY_SECONDS",
        parsers.number(0, 60),
        "How much of what a lost session had not translated is given to the next one; what is older is lost.",
        default="5",
    )
    untranslated_limit_seconds: float = setting(
        "UNTRANSLATED_LIMIT_SECONDS",
        parsers.number(0, 86_400),
        "How long a call may go on with the original voice when the translation is lost; 0 until somebody hangs up.",
        default="0",
    )
    prompts_dir: Path | None = setting(
        "PROMPTS_DIR",
        parsers.path,
        "A folder with your own recordings of the sentences spoken during a call; see docs/prompts.md.",
        where="Leave it out where you have none.",
        default="",
    )
    prompts_cache_dir: Path = setting(
        "PROMPTS_CACHE_DIR",
        parsers.path,
        "Where sentences are kept that were rendered once, so that they can be heard when OpenAI is down.",
        default="~/.cache/bmv/prompts",
    )
    openai_speech_model: str = setting(
        "OPENAI_SPEECH_MODEL",
        parsers.word,
        "The model that renders those sentences: one of the speech endpoint, or one that begins with gpt-realtime.",
        default="gpt-4o-mini-tts",
    )
    openai_speech_voice: str = setting(
        "OPENAI_SPEECH_VOICE",
        parsers.word,
        "The voice that speaks them.",
        default="marin",
    )
    agent_language: Language = setting(
        "AGENT_LANGUAGE",
        parsers.language,
        "The language the agents speak, as a code or an English name: en, es, german and so on.",
        default="en",
    )
    caller_languages: tuple[Language, ...] = setting(
        "CALLER_LANGUAGES",
        parsers.menu,
        "The languages that callers may choose, as codes or English names; the key to press is the place in the list.",
        default="en,es,fr,zh,hi",
    )
    agent_languages_attribute: tuple[str, ...] = setting(
        "AGENT_LANGUAGES_ATTRIBUTE",
        parsers.agent_attributes,
        "The worker attributes in which Flex says what an agent speaks; the first that names a language counts.",
        default="languages,language",
    )
    interpreter_notice: str = setting(
        "INTERPRETER_NOTICE",
        parsers.choice("on", "caller", "off"),
        "Who is told, when the conversation begins, that an AI interprets: both (on), the caller alone, or nobody.",
        default="on",
    )
    hold_audio: str | Path = setting(
        "HOLD_AUDIO",
        parsers.hold_audio,
        "What a waiting caller hears: music (ours), quiet, or a WAV file of 8000 Hz, 16 bits, mono.",
        default="music",
    )
    hold_message_seconds: float = setting(
        "HOLD_MESSAGE_SECONDS",
        parsers.number(0, 3600),
        "After how many seconds a waiting caller is asked to stay on the line, again and again; 0 for never.",
        default="20",
    )
    forward_original: bool = setting(
        "FORWARD_AUDIO_BEFORE_TRANSLATION",
        parsers.switch,
        "Whether each party also hears the other's own voice, quietly underneath the translation.",
        default="false",
    )
    original_level_db: float = setting(
        "ORIGINAL_VOICE_LEVEL_DB",
        parsers.number(-60, 0),
        "How loud that own voice is under the translation, in decibels: 0 is full level, -18 about an eighth.",
        default="-18",
    )
    captions: bool = setting(
        "CAPTIONS",
        parsers.switch,
        "Whether the words of both parties are transcribed as well, for captions.",
        default="on",
    )
    captions_retention_seconds: float = setting(
        "CAPTIONS_RETENTION_SECONDS",
        parsers.number(0, 86_400),
        "How many seconds the captions of a call can be read after its end; 0 for not at all.",
        default="0",
    )
    max_calls: int = setting(
        "MAX_CALLS",
        parsers.whole_number(1, 10_000),
        "How many calls are carried at once; a further caller is told in his language that all lines are busy.",
        default="50",
    )
    agent_answer_timeout_seconds: int = setting(
        "AGENT_ANSWER_TIMEOUT_SECONDS",
        parsers.whole_number(1, 600),  # the range of Timeout in Twilio's Calls API
        "How long the call to the agent side may ring before it counts as not answered.",
        default="30",
    )
    max_wait_seconds: int = setting(
        "MAX_WAIT_SECONDS",
        parsers.whole_number(1, 86_400),
        "How long a caller waits for an agent before being asked to call again later.",
        default="600",
    )
    max_call_seconds: int = setting(
        "MAX_CALL_SECONDS",
        parsers.whole_number(1, 86_400),
        "How long a conversation may last; 14400 seconds (4 hours) is also what Twilio allows a call by default.",
        default="14400",
    )
    api_token: str | None = setting(
        "API_TOKEN",
        parsers.api_token,
        "The secret with which calls may be ordered (POST /calls, python -m bmv call); without one nobody can.",
        where="Make one up: `openssl rand -hex 24`.",
        default="",
        secret=True,
    )
    link_secret: str | None = setting(
        "LINK_SECRET",
        parsers.api_token,
        "What signs the links to caption pages; without it that follows from TWILIO_AUTH_TOKEN. A new one revokes all.",
        where="Make one up: `openssl rand -hex 24`.",
        default="",
        secret=True,
    )
    console_password: str | None = setting(
        "CONSOLE_PASSWORD",
        parsers.console_password,
        "The password of /console, where a supervisor sees and ends calls; without one there is no console.",
        where="Make one up: `openssl rand -hex 12`.",
        default="",
        secret=True,
    )
    api_host: str = setting(
        "API_HOST",
        parsers.word,
        "The address this server listens on; 0.0.0.0 is every address of the machine.",
        default="0.0.0.0",  # noqa: S104 (a server in a container must be reached from outside it)
    )
    api_port: int = setting(
        "API_PORT",
        parsers.whole_number(0, 65_535),
        "The port this server listens on; 0 takes any free one.",
        default="5050",
    )
    metrics_token: str | None = setting(
        "METRICS_TOKEN",
        parsers.api_token,
        "The secret with which GET /metrics may be read from outside; without one it cannot.",
        where="Make one up: `openssl rand -hex 24`.",
        default="",
        secret=True,
    )
    metrics_host: str = setting(
        "METRICS_HOST",
        parsers.word,
        "The address of METRICS_PORT; whoever reaches it needs no token.",
        default="127.0.0.1",
    )
    metrics_port: int | None = setting(
        "METRICS_PORT",
        parsers.whole_number(0, 65_535),
        "A second port that serves GET /metrics alone, without a token; 0 takes any free one.",
        where="Leave it out where none is wanted.",
        default="",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        parsers.choice("debug", "info", "warning", "error"),
        "How much is logged: debug, info, warning or error.",
        default="info",
    )
    log_format: str = setting(
        "LOG_FORMAT",
        parsers.choice("auto", "json", "console"),
        "How a line is written: json (an object a line), console (for reading), or auto: console in a terminal only.",
        default="auto",
    )
    shutdown_grace_seconds: float = setting(
        "SHUTDOWN_GRACE_SECONDS",
        parsers.number(0, 86_400),
        "How long running calls may go on after the server was told to stop; new calls are refused meanwhile.",
        default="30",
    )
    twilio_api_base_url: str = setting(
        "TWILIO_API_BASE_URL",
        parsers.base_url,
        "Where Twilio's REST API is reached; another region has another host.",
        default="https://api.twilio.com",
    )
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """All that was given, for translators by other people, which have settings of their own."""

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read and check everything at once.

        Raises `SettingsError` with every problem, one line each: the name, what a usable value must be, what to do.
        """
        values: dict[str, object] = {}
        problems: list[str] = []
        for attribute, each in _DECLARED.items():
            try:
                values[attribute] = read(each, environ)
            except ValueError as problem:
                problems.append(str(problem))
        problems += contradictions(values)
        if problems:
            raise SettingsError(problems)
        return cls(**values, environ=dict(environ))  # type: ignore[arg-type]  # each field's parser makes the field's type

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be seen in a log."""
        return tuple(value for name, each in _DECLARED.items() if each.secret and (value := getattr(self, name)))


_DECLARED: Mapping[str, Setting] = {
    each.name: each.metadata[METADATA] for each in fields(Settings) if METADATA in each.metadata
}

SETTINGS: tuple[Setting, ...] = tuple(_DECLARED.values())
"""Every setting, in the order of the documentation."""


def secrets_in(environ: Mapping[str, str]) -> list[str]:
    """The secrets that are set, by either name and as they would be read, to be kept out of the log."""
    return [found[1] for each in SETTINGS if each.secret and (found := each.given(environ))]


def given(name: str, environ: Mapping[str, str]) -> str:
    """The text of one setting as it would be read, its usual value where it is not set, unchecked."""
    (setting,) = (each for each in SETTINGS if each.name == name)
    found = setting.given(environ)
    return found[1] if found else setting.default or ""
