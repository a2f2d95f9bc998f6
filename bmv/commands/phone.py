"""`make phone`: two telephones in a browser, whose calls go through the real server, on this machine alone.

With a key of OpenAI the real translator interprets; without one a phrasebook does, and the page says which sentences it
knows.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import webbrowser
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from bmv import logs
from bmv.call.captions import Caption
from bmv.call.leg import Role
from bmv.call.translator import CaptionKind
from bmv.commands.exits import DONE, FAILED, WRONG_SETTINGS
from bmv.commands.stage import CALLER_NUMBER, Stage, scripted_stage, stage
from bmv.config import given, secrets_in
from bmv.errors import BmvError, SettingsError
from bmv.languages import Language, Sentence
from bmv.simulator import voices
from bmv.simulator.conversation import DEMO, Script
from bmv.simulator.phone import LOOPBACK, Entrance, House, Offer, Parlour, Site

WELCOME = "/welcome"
SCRIPTED_MENU = "en,es,fr,de,it"  # what the simulated voices speak

SCRIPTED = (
    "There is no OPENAI_API_KEY, so nobody translates but a phrasebook: it knows the sentences below, each by its "
    "sound, and a button says one in a simulated voice. Whatever else you say is heard as it is."
)
TRANSLATED = "OpenAI translates what is said on these phones: it is sent there, and billed to your key."
LOOPBACKED = "TRANSLATOR=loopback: nobody translates, each voice arrives as it is."


@dataclass(frozen=True)
class PhoneRequest:
    """Where the page is served, under which name it is reached from outside, and whether a browser is opened."""

    host: str = "127.0.0.1"
    port: int = 5051
    public_host: str | None = None
    open: bool = False


@dataclass(frozen=True)
class Open:
    """The page is served here; `parlour` is what goes on behind it."""

    address: str
    parlour: Parlour
    stage: Stage


def phone(request: PhoneRequest, environ: Mapping[str, str], script: Script = DEMO) -> int:
    """Serve the page until told to stop, and return the exit code."""
    console = Console(highlight=False)
    logs.configure("warning", "auto", secrets_in(environ))
    try:
        asyncio.run(_phone(console, request, environ, script))
    except SettingsError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return WRONG_SETTINGS
    except BmvError as error:
        print(error, file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"The page cannot be served at {request.host}:{request.port}: {error.strerror}.", file=sys.stderr)
        return FAILED
    return DONE


async def _phone(console: Console, request: PhoneRequest, environ: Mapping[str, str], script: Script) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with opened(request, environ, script) as page:
        console.print(f"Two telephones: [bold]{page.address}[/]\n", soft_wrap=True)
        console.print(_what_translates(environ))
        console.print("Take one phone there. Somebody else takes the other, in another tab; or the scripted partner.")
        if request.host not in LOOPBACK:
            console.print(
                "\nMicrophones work over https and on this machine alone. From another machine: "
                f"ssh -N -L {request.port}:127.0.0.1:{request.port} <this machine>, and there "
                f"http://127.0.0.1:{request.port}; or a tunnel, named by --public-host. See docs/phone.md."
            )
        console.print("\nCtrl-C ends it.")
        if request.open:
            webbrowser.open(page.address)
        await stop.wait()


@asynccontextmanager
async def opened(
    request: PhoneRequest, environ: Mapping[str, str], script: Script = DEMO, *, record: bool = False
) -> AsyncIterator[Open]:
    """Everything, from the translator to the page. With `record` each phone remembers what it heard and said.

    Raises `SettingsError`, `BmvError` where the voices are not installed, or `OSError` where the port is not free.
    """
    settings = _settings(environ)
    made = scripted_stage(script, WELCOME, settings) if _is_scripted(environ) else stage(WELCOME, settings)
    async with made as built:
        menu, agents = built.settings.caller_languages, built.settings.agent_language
        await asyncio.to_thread(_rehearse, script, menu)
        spoken = menu if agents in menu else (*menu, agents)
        house = House(CALLER_NUMBER, built.worker, menu, spoken, agents.tag)
        parlour = Parlour(built.twilio, house, script, record=record)
        entrance = entrance_of(request)
        offer = Offer(_what_translates(environ), menu, spoken, agents.tag, script.lines)
        site = Site(parlour, entrance, offer)
        with built.server.captions.reading(partial(_show, parlour)):
            async with site.serve(request.host, request.port) as port:
                yield Open(_address(request, port, entrance), parlour, built)


def _show(parlour: Parlour, caption: Caption) -> None:
    translated = caption.kind is CaptionKind.TRANSLATION
    parlour.caption("caller" if caption.speaker is Role.CALLER else "agent", caption.text, translated=translated)


def _is_scripted(environ: Mapping[str, str]) -> bool:
    return given("TRANSLATOR", environ).startswith("openai") and not given("OPENAI_API_KEY", environ)


def _settings(environ: Mapping[str, str]) -> dict[str, str]:
    """What is set, and what a phrasebook needs: the original voice where it knows nothing, languages with a voice."""
    if not _is_scripted(environ):
        return dict(environ)
    scripted = {"FORWARD_AUDIO_BEFORE_TRANSLATION": "true", "CALLER_LANGUAGES": SCRIPTED_MENU}
    theirs = {name: text for name, text in environ.items() if not name.startswith("OPENAI_")}
    return scripted | theirs | {"TRANSLATOR": "openai", "TRANSLATOR_FALLBACK": ""}


def _what_translates(environ: Mapping[str, str]) -> str:
    if _is_scripted(environ):
        return SCRIPTED
    translator = given("TRANSLATOR", environ)
    if translator == "loopback":
        return LOOPBACKED
    return TRANSLATED if translator.startswith("openai") else f"The translator {translator!r} translates."


def _rehearse(script: Script, menu: tuple[Language, ...]) -> None:
    """Speak once what the telephone company will say, so that nothing has to be computed during a call."""
    script.rehearse()
    for key, language in enumerate(menu, start=1):
        if language.tag in voices.LANGUAGES:
            for sentence in (Sentence.MENU, Sentence.GREETING, Sentence.GOODBYE):
                voices.speak(language.sentences[sentence].replace("{key}", str(key)), language.tag)


def entrance_of(request: PhoneRequest) -> Entrance:
    """Whoever is at this machine may come in; from elsewhere only with a key, which the address holds."""
    far = request.public_host or request.host not in LOOPBACK
    return Entrance(
        names=[name for name in (request.public_host, request.host) if name],
        any_address=request.host not in LOOPBACK,
        key=secrets.token_urlsafe(16) if far else None,
    )


def _address(request: PhoneRequest, port: int, entrance: Entrance) -> str:
    query = f"?key={entrance.key}" if entrance.key else ""
    if request.public_host:
        return f"https://{request.public_host}/phone{query}"
    everywhere = request.host in ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
    host = "127.0.0.1" if everywhere else f"[{request.host}]" if ":" in request.host else request.host
    return f"http://{host}:{port}/phone{query}"
