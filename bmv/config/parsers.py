"""What a usable value of a setting looks like: text in, value out, or in plain words what it must be."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from bmv import languages
from bmv.languages import Language
from bmv.telephony.destinations import is_destination, is_number
from bmv.telephony.menu import MOST_LANGUAGES
from bmv.translators import plugins

Parser = Callable[[str], object]
"""Turns a setting's text into its value, or raises `ValueError` with what a usable value must be.

The message completes "NAME must be …"; it never repeats the text, which may be a secret pasted into the wrong line.
"""


def word(text: str) -> str:
    """One word of printable ASCII, as keys and model names are."""
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("one word of plain letters, digits and signs, without spaces or line breaks")
    return text


def sid(kind: str) -> Parser:
    """Make the parser of Twilio's SIDs of one kind (AC, WW, AP …)."""

    def parse(text: str) -> str:
        if not re.fullmatch(rf"{kind}[0-9a-fA-F]{{32}}", text):
            raise ValueError(f"{kind} followed by 32 digits or letters a to f")
        return text

    return parse


def auth_token(text: str) -> str:
    """An auth token, and not one of the SIDs that stand beside it in the console."""
    if re.match(r"(AC|SK)[0-9a-fA-F]{32}$", text):
        raise ValueError("the auth token itself, not the account SID (AC…) or an API key's SID (SK…)")
    return word(text)


def phone_number(text: str) -> str:
    """A telephone number as E.164; the spaces and signs people write in it are taken out."""
    number = re.sub(r"[ ().-]", "", text)
    if not is_number(number):
        raise ValueError("a phone number with + and country code, such as +14155550100")
    return number


def agent_attributes(text: str) -> tuple[str, ...]:
    """Names of a worker's attributes, with dots where one is inside of another."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(re.fullmatch(r"[\w-]+(\.[\w-]+)*", name) for name in names):
        raise ValueError("names of worker attributes with commas between them, such as languages,language")
    return names


def destination(text: str) -> str | None:
    """Where an agent is reached: None for Flex, else a number in E.164, a `sip:` or a `client:` address of Twilio's."""
    if text.lower() == "flex":
        return None
    if is_destination(text):
        return text
    try:
        return phone_number(text)
    except ValueError:
        raise ValueError("flex, a phone number such as +14155550100, sip:name@host, or client:name") from None


def hold_audio(text: str) -> str | Path:
    """The name of a sound of ours, or a file."""
    if text.lower() in ("music", "quiet"):
        return text.lower()
    if not text.lower().endswith(".wav"):
        raise ValueError("music, quiet, or a file that ends in .wav")
    return path(text)


def api_token(text: str) -> str:
    """A secret that cannot be guessed."""
    if len(word(text)) < 16:
        raise ValueError("at least 16 characters, such as `openssl rand -hex 24` prints")
    return text


def console_password(text: str) -> str:
    """A password that people type; how often it may be tried is limited."""
    if len(word(text)) < 12:
        raise ValueError("at least 12 characters")
    return text


# One label of a host name. No underscore: Twilio refuses status callbacks to such a host (Calls API, StatusCallback).
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def public_host(text: str) -> str:
    """A host name as Twilio shall use it, whatever was written around it."""
    host = re.sub(r"^(?:https?|wss?)://", "", text.lower()).removesuffix("/").removesuffix(":443")
    if "/" in host or "?" in host:
        raise ValueError("the host name alone, without a path, such as voice.example.com")
    if ":" in host:
        raise ValueError("a host on the standard https port 443, without a port number")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise ValueError("a host name of letters, digits, hyphens and dots, such as voice.example.com")
    return host


def base_url(text: str) -> str:
    """Take http(s) or ws(s), return http(s) without a trailing slash."""
    description = "an address such as https://api.example.com/v1, without a user name, a question mark or a # sign"
    try:
        url = urlsplit(word(text))
        complete = bool(url.hostname) and url.port != 0  # asking for a port that is no number raises as well
    except ValueError:
        raise ValueError(description) from None
    scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
    if not complete or scheme not in ("http", "https") or any(sign in text for sign in "@?#"):
        raise ValueError(description)
    return f"{scheme}://{url.netloc.lower()}{url.path.rstrip('/')}"


def openai_base_url(text: str) -> str:
    """Likewise; Azure's older addresses, with a version in them, are told apart."""
    if "api-version" in text:
        raise ValueError(
            "an address without ?api-version=…, at Azure https://<resource>.openai.azure.com/openai/v1: "
            "its older interface, with versions, is another one"
        )
    return base_url(text)


_SWITCH = dict.fromkeys(("true", "on", "yes", "1"), True) | dict.fromkeys(("false", "off", "no", "0"), False)


def switch(text: str) -> bool:
    """On or off, in the words people use for it."""
    if (value := _SWITCH.get(text.lower())) is None:
        raise ValueError("true or false (on/off, yes/no and 1/0 do as well)")
    return value


def choice(*choices: str) -> Parser:
    """Make the parser that takes one of these words, in any case."""

    def parse(text: str) -> str:
        if (value := text.lower()) not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return parse


def api_type(text: str) -> str:
    """Whose service it is, by its name or by how it is told who we are: `Authorization: Bearer`, or an `api-key`."""
    whose = {"openai": "openai", "azure": "azure", "bearer": "openai", "api-key": "azure"}
    return whose[str(choice(*whose)(text))]


def translator(text: str) -> str:
    """The name of a translator that is there: one of ours, or of an installed package."""
    return str(choice(*(name.casefold() for name in plugins.names()))(text))


def path(text: str) -> Path:
    """A file or folder; ~ is the user's own folder. Whether it is there shows when it is read."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("a path; nobody's home folder is known by what follows the ~") from None


def whole_number(low: int, high: int) -> Parser:
    """Make the parser of whole numbers within a range."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def number(low: float, high: float) -> Parser:
    """Make the parser of numbers within a range."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}(\.[0-9]{1,6})?", text) or not low <= float(text) <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        return float(text)

    return parse


def language(text: str) -> Language:
    """One of the languages of the table, by code or name."""
    if (language := languages.find(text)) is None:
        raise ValueError(f"one of the languages {', '.join(languages.LANGUAGES)} (or its English name)")
    return language


def menu(text: str) -> tuple[Language, ...]:
    """Languages of the table, by code or name, separated by commas: no more than there are keys, none of them twice."""
    found = [languages.find(word) for word in text.split(",") if word.strip()]
    chosen = tuple(language for language in found if language is not None)
    if len(chosen) < len(found) or len(set(chosen)) < len(chosen) or not 1 <= len(chosen) <= MOST_LANGUAGES:
        known = ", ".join(languages.LANGUAGES)
        raise ValueError(f"1 to {MOST_LANGUAGES} of the languages {known}, separated by commas, none of them twice")
    return chosen
