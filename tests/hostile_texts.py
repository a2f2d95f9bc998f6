"""What may be written to our links, settings and log: nobody guesses a link, a line stays a line, a secret untold."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import structlog
import wires
from hostile import Target
from hypothesis import strategies as st

from bmv import logs
from bmv.config import SETTINGS, Settings, read_environment
from bmv.errors import SettingsError
from bmv.web.call_news import phrase_named, seen_of
from bmv.web.links import LinkRefused, Links, Purpose

LINKS = Links(wires.PUBLIC_HOST, wires.LINK_SECRET)


def _opened(data: bytes) -> None:
    """Nobody guesses a link, and what a page says it has seen may be anything."""
    text = data.decode("utf-8", "surrogateescape")
    for purpose in Purpose:
        with suppress(LinkRefused):
            raise AssertionError(LINKS.subject(purpose, text))
    assert 0 <= seen_of("c1", text) < 10**16
    assert phrase_named(text) is None or text.islower()


NEEDED = {
    "PUBLIC_HOST": "voice.example.com",
    "TWILIO_ACCOUNT_SID": wires.ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": wires.AUTH_TOKEN,
    "TWILIO_CALLER_NUMBER": wires.OWN_NUMBER,
    "TWILIO_FLEX_NUMBER": wires.FLEX_NUMBER,
    "TWILIO_FLEX_WORKFLOW_SID": wires.WORKFLOW_SID,
    "OPENAI_API_KEY": "sk-key",
}
FOLDER = TemporaryDirectory(prefix="bmv-fuzz-")


def _set(data: bytes) -> None:
    """A `.env` file: settings that can be used, or every problem in a line that names a setting and no value."""
    path = Path(FOLDER.name, ".env")
    path.write_bytes(data)
    names = tuple(name for each in SETTINGS for name in (each.name, each.also) if name)
    problems = ["PUBLIC_HOST is fine"]
    try:
        Settings.load(NEEDED | read_environment(path, {}))
    except SettingsError as refusal:
        problems = refusal.problems
    assert problems
    for line in problems:
        assert line.isprintable(), line
        assert line.startswith((*names, str(path))), line
        assert len(line) < 700, line


@st.composite
def dotenvs(draw: st.DrawFn) -> bytes:
    values = st.sampled_from([each.default or "" for each in SETTINGS]) | st.sampled_from(VALUES) | st.text(max_size=40)
    names = draw(st.lists(st.sampled_from([each.name for each in SETTINGS]), max_size=6))
    marks = st.sampled_from(["", "", "'", '"', "`"])
    lines = [
        f"{draw(st.sampled_from(['', '', 'export ']))}{name}={(q := draw(marks))}{draw(values)}{q}" for name in names
    ]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


VALUES = (
    *("https://[", "https://h:99999", "wss://h:", "http://a@b", "//", "https://\u2100", "~nobody/x", "~", "\0", "-0"),
    *("+0", "1e9", "９", "٣", "1_000", "inf", "nan", "en,en", ",", "en, es ,fr", "zz", "flex", "sip:a@b", "client:"),
    *("[x]", "<your token>", "AC" + "g" * 32, "SK" + "0" * 32, "openai", "loopback", "..", "a" * 5000, "\u202eabc"),
)
SECRET, NUMBER = "very-secret-value/+=", "+34911222333"


def _logged(data: bytes) -> None:
    """Whatever is logged is a line, cannot command a terminal, and tells no secret."""
    text = data.decode("utf-8", "surrogateescape")
    before, _, after = text.partition("\n")
    for form in ("json", "console"):
        stream = io.StringIO()
        logs.configure("info", form, [SECRET], stream)
        log = structlog.get_logger()
        log.info(before + SECRET + after, value=after + SECRET + before, nested={before: [after, SECRET + after]})
        log.warning("plain", path=text, error=ValueError(f"{before}{SECRET} {NUMBER} {after}"), **{"k" + before: after})
        written = stream.getvalue()
        assert written.count("\n") == 2, written
        assert all(line.isprintable() for line in written.split("\n")), written
        assert SECRET not in written
        assert quote(SECRET, safe="") not in written
        if form == "json":
            for line in written.splitlines():
                json.loads(line)
            assert NUMBER not in written
    logs.configure("critical", "json", [])


texts = st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
nasty = st.lists(
    st.sampled_from(["\r\n", "\x1b[31m", "\u2028", "\u202e", "\x85", "?a=", "/captions/", "sip:"]) | st.text(max_size=9)
)

TARGETS = (
    Target("links", _opened, texts, ("bmv.web.links", "bmv.web.call_news")),
    Target("settings", _set, dotenvs() | texts, ("bmv.config",)),
    Target("log", _logged, nasty.map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")), ("bmv.logs",)),
)
