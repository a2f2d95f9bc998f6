"""The composition root: reads the settings once and puts the rooms together into one aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import structlog
from aiohttp import WSCloseCode, web

from bmv.audio import mulaw, wav
from bmv.audio.music import hold_music
from bmv.call.alongside import alongside
from bmv.call.captions import CaptionFeed
from bmv.call.metronome import Metronome
from bmv.call.registry import CallRegistry
from bmv.call.renewal import Renewing
from bmv.call.services import CallPolicy, CallServices, Notice
from bmv.call.speaker import Speaker, Voice
from bmv.call.transcript import Transcripts
from bmv.call.translator import TranslatorFactory
from bmv.config import Settings
from bmv.errors import SettingsError
from bmv.languages import LANGUAGES
from bmv.speakers.openai_speech import OpenAISpeech
from bmv.speakers.prompts import Prompts
from bmv.telephony import rest
from bmv.telephony.carrier import AgentRoute, TwilioCarrier
from bmv.telephony.menu import Menu
from bmv.telephony.pairing import Pairing
from bmv.telephony.signatures import SignatureVerifier
from bmv.telephony.twiml import Addresses
from bmv.translators import plugins
from bmv.translators.by_target import ByTarget
from bmv.translators.loopback import LoopbackFactory
from bmv.translators.openai_interpreter import OpenAIInterpreterFactory
from bmv.translators.openai_reader import FAMILY, SUCCESSOR, OpenAIReader
from bmv.translators.openai_service import Service, azure, openai
from bmv.translators.openai_translate import OpenAITranslateFactory
from bmv.translators.plugins import TranslatorOptions
from bmv.translators.prompt import Glossary, Prompt, Register, load_glossary
from bmv.web import doorway as doorways
from bmv.web.console import Console
from bmv.web.console_login import Sessions
from bmv.web.doorway import Doorway
from bmv.web.exposition import CallFigures
from bmv.web.gate import MAX_BODY_BYTES, Gate
from bmv.web.health import Check, Health
from bmv.web.intercept import SOCKETS, Intercept
from bmv.web.links import Links, Purpose, secret_of
from bmv.web.metrics_page import MetricsPage, is_loopback, only_by_address
from bmv.web.onlookers import Onlookers
from bmv.web.orders import AgentPlaces, Orders
from bmv.web.overview import Overview
from bmv.web.paper import Paper
from bmv.web.reception import Reception
from bmv.web.webhooks import FlexDesk, Webhooks

log = structlog.get_logger()

LARGEST_HOLD_AUDIO = 600 * 2 * mulaw.SAMPLE_RATE + 65_536  # bytes: ten minutes, and room for what else is in a file
MOMENTS_SECONDS = 120  # for all that belongs to a call besides waiting and talking: ringing, goodbyes
TWILIO_TIME_LIMIT_SECONDS = 14_400  # what every account may ask for; more is a setting of the account


class CannotListen(Exception):
    """An address is taken, or none of this machine's: `where`, and the beginning of the settings that say so."""

    def __init__(self, host: str, port: int, setting: str) -> None:
        super().__init__(f"{host}:{port}")
        self.where = f"{host}:{port}"
        self.setting = setting


@dataclass(frozen=True)
class Server:
    """A server that takes calls: where it listens, its calls and its captions."""

    host: str
    port: int
    registry: CallRegistry
    captions: CaptionFeed
    transcripts: Transcripts
    metrics_port: int | None = None
    """Where metrics are served without a token, if they are."""


@asynccontextmanager
async def serving(settings: Settings, metronome: Metronome | None = None) -> AsyncIterator[Server]:
    """Serve while inside. Leaving ends every call that still runs, tells both parties, and closes everything.

    To let running calls end by themselves, `await server.registry.drain(seconds)` before leaving. `metronome` is one of
    its own unless a test brings another.
    """
    connector = aiohttp.TCPConnector(limit=0)  # the usual limit of 100 connections is reached by the 50th call
    async with aiohttp.ClientSession(connector=connector) as http:
        speaker = await prompts(settings, http)
        hold_audio = read_hold_audio(settings.hold_audio)  # here: what a thread has freed is of no use to others
        services, pairing = _services(settings, http, speaker, hold_audio, metronome or Metronome())
        registry = CallRegistry(services, max_calls=settings.max_calls)
        app = _application(settings, registry, services, pairing)
        doorway = Doorway(app)
        runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=5, **doorways.OPTIONS)
        await runner.setup()
        try:
            async with (
                alongside(services.metronome.run()),
                alongside(speaker.render()),
                _metrics_served(settings, registry, services) as metrics_port,
                registry,
            ):
                port = await _listen(doorway, runner, settings)
                with services.metronome.attached(services.transcripts.tick):
                    yield Server(
                        settings.api_host,
                        port,
                        registry,
                        services.captions,
                        services.transcripts,
                        metrics_port,
                    )
        finally:
            doorway.close()
            await runner.cleanup()


async def _listen(doorway: Doorway, runner: web.AppRunner, settings: Settings) -> int:
    """Returns the port, which is another one if any free one was asked for. Raises `CannotListen`."""
    assert runner.server is not None  # noqa: S101 - it is set up
    try:
        return await doorway.listen(runner.server, settings.api_host, settings.api_port)
    except OSError as error:
        raise CannotListen(settings.api_host, settings.api_port, "API") from error


@asynccontextmanager
async def _metrics_served(
    settings: Settings, registry: CallRegistry, services: CallServices
) -> AsyncIterator[int | None]:
    """Serve metrics at `METRICS_PORT`, if it is set, while inside."""
    if settings.metrics_port is None:
        yield None
        return
    app = web.Application(middlewares=[only_by_address] if is_loopback(settings.metrics_host) else [])
    app.add_routes(_metrics_page(settings, registry, services).open_routes())
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1, **doorways.OPTIONS)
    await runner.setup()
    site = web.TCPSite(runner, settings.metrics_host, settings.metrics_port)
    try:
        try:
            await site.start()
        except OSError as error:
            raise CannotListen(settings.metrics_host, settings.metrics_port, "METRICS") from error
        yield site.port
    finally:
        await runner.cleanup()


def _metrics_page(settings: Settings, registry: CallRegistry, services: CallServices) -> MetricsPage:
    figures = CallFigures(registry, lateness=services.metronome.late, checks=_checks(registry, services))
    return MetricsPage(figures, token=settings.metrics_token)


async def prompts(settings: Settings, http: aiohttp.ClientSession) -> Prompts:
    """Who says our own sentences during a call, in any language that a party may have, the likeliest first."""
    return await Prompts.load(
        dict.fromkeys((settings.agent_language, *settings.caller_languages, *LANGUAGES.values())),
        voices=_voices(settings, http),
        own=settings.prompts_dir,
        cache=settings.prompts_cache_dir,
    )


def _voices(settings: Settings, http: aiohttp.ClientSession) -> list[Voice]:
    """Who renders them: the model that was chosen, and its successor for the day the speech endpoint ends."""
    service = openai_service(settings)
    if settings.translator == "loopback":
        service = replace(service, headers={})  # without a key nothing is asked there: it is to cost nothing
    chosen, voice = settings.openai_speech_model, settings.openai_speech_voice
    if chosen.startswith(FAMILY) or chosen == settings.openai_realtime_model:
        return [OpenAIReader(http, service=service, model=chosen, voice=voice)]
    at_azure = settings.openai_api_type == "azure"
    url = f"{service.base_url}/audio/speech{'?api-version=preview' if at_azure else ''}"  # as documented
    successor = settings.openai_realtime_model if at_azure else SUCCESSOR  # a deployment that may well be there
    return [
        OpenAISpeech(http, url=url, headers=service.headers, model=chosen, voice=voice),
        OpenAIReader(http, service=service, model=successor, voice=voice),
    ]


def openai_service(settings: Settings) -> Service:
    """Whose service it is, OpenAI's own or Azure's, and how it is told who we are."""
    kind = azure if settings.openai_api_type == "azure" else openai
    return kind(settings.openai_base_url, settings.openai_api_key, settings.openai_transcription_model)


def read_hold_audio(chosen: str | Path) -> bytes:
    """What waiting callers hear again and again. Raises `SettingsError` for a file that cannot be used."""
    if isinstance(chosen, str):
        return hold_music() if chosen == "music" else b""
    try:
        if chosen.stat().st_size > LARGEST_HOLD_AUDIO:
            raise ValueError(f"{chosen} is longer than ten minutes")
        audio = b"".join(mulaw.frames(wav.read_wav(chosen)))
    except (OSError, ValueError) as error:
        raise SettingsError([f"HOLD_AUDIO: {error}."]) from error
    if not audio:
        raise SettingsError([f"HOLD_AUDIO: {chosen} holds no sound; for none write quiet."])
    return audio


def _services(
    settings: Settings, http: aiohttp.ClientSession, speaker: Speaker, hold_audio: bytes, metronome: Metronome
) -> tuple[CallServices, Pairing]:
    # From the turn on: the request that dials, the ringing, and the five seconds that Twilio may add to it.
    patience = rest.REQUEST_SECONDS + settings.agent_answer_timeout_seconds + 5
    pairing = Pairing(patience=patience)
    carrier = TwilioCarrier(
        rest.Api(
            http,
            account_sid=settings.account_sid,
            auth_token=settings.auth_token,
            secondary_auth_token=settings.secondary_auth_token,
            base_url=settings.twilio_api_base_url,
        ),
        route=AgentRoute(
            from_number=settings.caller_number,
            flex_number=settings.flex_number,
            app_sid=settings.flex_app_sid,
            answer_timeout=settings.agent_answer_timeout_seconds,
            time_limit=min(
                settings.max_wait_seconds + settings.max_call_seconds,
                max(settings.max_call_seconds, TWILIO_TIME_LIMIT_SECONDS),
            ),
        ),
        addresses=Addresses(settings.public_host),
        pairing=pairing,
    )
    policy = CallPolicy(
        agent_language=settings.agent_language,
        agent_destination=settings.agent_destination,
        interpreter_notice=Notice.OFF if settings.translator == "loopback" else Notice(settings.interpreter_notice),
        hold_audio=hold_audio,
        hold_message=settings.hold_message_seconds,
        ring_timeout=patience,
        captions=settings.captions,
        forward_original=settings.forward_original,
        original_level_db=settings.original_level_db,
        replay=settings.replay_seconds,
        untranslated_limit=settings.untranslated_limit_seconds,
        max_wait=settings.max_wait_seconds,
        max_call=settings.max_call_seconds,
    )
    transcripts = Transcripts(metronome.now, retention=settings.captions_retention_seconds)
    kinds = translators(settings, http)
    return CallServices(carrier, kinds, speaker, metronome, CaptionFeed(), transcripts, policy), pairing


def translators(settings: Settings, http: aiohttp.ClientSession) -> tuple[TranslatorFactory, ...]:
    """The first choice and, where there is one, what takes its place when it fails."""
    service = openai_service(settings)
    continuous = OpenAITranslateFactory(
        http,
        service=service,
        model=settings.openai_translate_model,
        captions=settings.captions,
    )
    interpreter = OpenAIInterpreterFactory(
        http,
        service=service,
        model=settings.openai_realtime_model,
        voice=settings.openai_realtime_voice,
        captions=settings.captions,
        instructions=_prompt(settings),
    )
    built_in: dict[str, Callable[[], TranslatorFactory]] = {
        "openai": lambda: ByTarget(continuous, otherwise=interpreter),
        "openai-interpreter": lambda: interpreter,
        "loopback": LoopbackFactory,
    }
    options = TranslatorOptions(environ=settings.environ, captions=settings.captions)
    names = filter(None, (settings.translator, settings.translator_fallback))
    return tuple(
        Renewing(built_in[name]() if name in built_in else plugins.load(name)(http, options)) for name in names
    )


def _prompt(settings: Settings) -> Prompt:
    """What a prompted translator is told; the continuous one takes no prompt, which is said once."""
    glossary = load_glossary(settings.glossary_file) if settings.glossary_file else Glossary()
    others = {settings.translator, settings.translator_fallback} - {"openai-interpreter", None}
    if settings.glossary_file and others:
        log.warning("glossary_used_by_openai_interpreter_only", not_by=sorted(map(str, others)))
    return Prompt(register=Register(settings.register), glossary=glossary)


def _application(
    settings: Settings, registry: CallRegistry, services: CallServices, pairing: Pairing
) -> web.Application:
    verifier = SignatureVerifier(
        settings.public_host,
        auth_token=settings.auth_token,
        secondary_auth_token=settings.secondary_auth_token,
        shared_key=settings.webhook_shared_key,
    )
    own_lock = Health.PATHS | Orders.PATHS | Onlookers.PATHS | Paper.PATHS | Console.PATHS | MetricsPage.PATHS
    gate = Gate(verifier, open_paths=own_lock)
    app = web.Application(middlewares=[gate.middleware], client_max_size=MAX_BODY_BYTES)
    app[SOCKETS] = set()
    addresses = Addresses(settings.public_host)
    reception = Reception(
        registry,
        addresses=addresses,
        menu=Menu(settings.caller_languages),
        agent_language=settings.agent_language,
    )
    secret = secret_of(settings.link_secret, settings.auth_token)
    links = Links(settings.public_host, secret)
    onlookers = Onlookers(
        registry,
        services.transcripts,
        links=links,
        public_host=settings.public_host,
        captions=settings.captions,
    )
    captions_for = (
        settings.max_wait_seconds + settings.max_call_seconds + settings.captions_retention_seconds + MOMENTS_SECONDS
    )
    webhooks = Webhooks(
        registry,
        carrier=services.carrier,
        pairing=pairing,
        desk=FlexDesk(
            settings.flex_workflow_sid,
            settings.agent_language,
            settings.caller_number,
            settings.agent_languages_attribute,
        ),
        captions_url=lambda call_id: links.url(Purpose.CAPTIONS, call_id, captions_for),
    )
    health = Health(_checks(registry, services))
    flex = settings.flex_workflow_sid and (settings.flex_number or settings.flex_app_sid)
    places = AgentPlaces(settings.agent_destination, flex=bool(flex))
    own_numbers = frozenset(filter(None, (settings.caller_number, settings.flex_number)))
    orders = Orders(registry, token=settings.api_token, agents=places, own_numbers=own_numbers)
    metrics = _metrics_page(settings, registry, services)
    console = Console(
        registry,
        Overview(registry, lateness=services.metronome.late),
        sessions=Sessions(settings.console_password, secret) if settings.console_password else None,
        links=links,
        public_host=settings.public_host,
    )
    parts = (reception, webhooks, Intercept(registry), orders, onlookers, Paper(), console, metrics, health)
    app.add_routes([route for part in parts for route in part.routes()])
    app.on_shutdown.append(_close_streams)
    app.on_shutdown.append(onlookers.close)
    app.on_shutdown.append(console.close)
    app.cleanup_ctx.append(console.watching)
    return app


def _checks(registry: CallRegistry, services: CallServices) -> dict[str, Check]:
    """What may be in the way of a further call."""
    return {
        "draining": lambda: "the process is shutting down" if registry.draining else None,
        "capacity": lambda: f"{len(registry)} calls are running, MAX_CALLS allows no more" if registry.full else None,
        "processor": lambda: _strain(services.metronome),
        "translator": lambda: _problem(services.translators),
        "carrier": lambda: services.carrier.problem,
    }


def _strain(metronome: Metronome) -> str | None:
    """Why sound is about to have gaps, or has; None while it comes in time."""
    if metronome.strained.on:
        return f"it does not keep up: sound comes up to {metronome.strained.worst * 1000:.0f} ms too late"
    return f"{metronome.core.share:.0%} of the core are in use" if metronome.core.full else None


def _problem(translators: Sequence[TranslatorFactory]) -> str | None:
    """Why nobody can be translated; None while one of them is well."""
    problems = [each.problem for each in translators]
    return problems[0] if all(problems) else None


async def _close_streams(app: web.Application) -> None:
    """Without this aiohttp would wait out its shutdown timeout twice."""
    sockets = app[SOCKETS]
    await asyncio.gather(*(ws.close(code=WSCloseCode.GOING_AWAY) for ws in tuple(sockets)))
