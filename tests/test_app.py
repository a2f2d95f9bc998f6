"""The composition: every setting acts where it should, and a server comes and goes without leaving anything behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import numpy as np
import pytest
from house import ACCOUNT, CALLER_NUMBER, HOST, TOKEN, House, environment, house, says
from listening import listen

from bmv import app
from bmv.app import serving
from bmv.audio import mulaw
from bmv.config import Settings
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.openai import FakeOpenAI, Piece, Said, SessionRecord
from bmv.simulator.openai.brains import is_quiet
from bmv.simulator.ports import free_port
from bmv.simulator.twilio import FakeTwilio, Party
from bmv.telephony.pairing import Pairing

SPANISH = voices.speak("Muchas gracias por su ayuda.", "es")
SHARED_KEY = "shared-key-of-the-tests"
AT_ONCE = 2.5  # seconds, where the next longer wait, aiohttp's for open connections, is 5


def quiet(**changes: str) -> Settings:
    """Settings of a server that nobody calls; nothing of the world around it needs to be open."""
    twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN)
    return Settings.load(environment(twilio, FakeOpenAI(), {"OPENAI_BASE_URL": ""} | changes))


def dialled(home: House) -> list[dict[str, str]]:
    """The forms of the agent calls that were ordered."""
    return [request.fields for request in home.twilio.requests if request.path.endswith("/Calls.json")]


async def eventually(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not happened():
            await asyncio.sleep(0.01)


async def ready(port: int, *, busy: bool = False) -> dict[str, str]:
    """What is not ready, by name; that this machine is `busy` only if asked."""
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/ready") as answer:
        problems: dict[str, str] = (await answer.json())["problems"]
        assert answer.status == (503 if problems else 200)
        return {name: problem for name, problem in problems.items() if busy or name != "processor"}


# -- what the agent call is allowed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wait", "talk", "limit"),
    [
        ("11", "1234", "1245"),
        ("600", "14400", "14400"),  # no more than every account may ask for ...
        ("600", "20000", "20000"),  # ... unless the operator does
    ],
)
async def test_the_agent_call_rings_and_lasts_as_long_as_it_is_set(wait: str, talk: str, limit: str) -> None:
    settings: dict[str, Any] = {
        "AGENT_ANSWER_TIMEOUT_SECONDS": "17",
        "MAX_WAIT_SECONDS": wait,
        "MAX_CALL_SECONDS": talk,
    }
    async with house(TRANSLATOR="loopback", **settings) as home:
        _, call = await home.calls()
        await home.twilio.next_task(timeout=5)
        await call.hang_up()
        await home.empty()
    (form,) = dialled(home)
    assert (form["Timeout"], form["TimeLimit"]) == ("17", limit)


async def test_an_agent_call_may_be_announced_while_it_rings_and_a_little_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patiences = []

    class NotedPairing(Pairing):
        def __init__(self, *, patience: float) -> None:
            patiences.append(patience)
            super().__init__(patience=patience)

    monkeypatch.setattr(app, "Pairing", NotedPairing)
    for seconds in ("17", "117"):
        async with serving(quiet(AGENT_ANSWER_TIMEOUT_SECONDS=seconds)):
            pass
    short, long = patiences
    assert short > 17
    assert long - short == 100


async def test_who_waits_longer_than_the_longest_wait_is_told_that_nobody_is_there() -> None:
    async with house(TRANSLATOR="loopback", MAX_WAIT_SECONDS="1") as home:
        maria, call = await home.calls()
        await call.ended(timeout=5)
        await home.empty()
    assert says("es", Sentence.UNAVAILABLE) in maria.sentences_heard


async def test_a_conversation_ends_at_its_longest_duration() -> None:
    async with house(TRANSLATOR="loopback", MAX_CALL_SECONDS="1") as home:
        maria, call = await home.calls()
        await home.accepts()
        await call.ended(timeout=5)
        await home.empty()
    assert says("es", Sentence.INTERRUPTED) in maria.sentences_heard


async def test_as_many_calls_are_carried_as_allowed_and_no_more() -> None:
    async with house(TRANSLATOR="loopback", MAX_CALLS="2") as home:
        calls = [(await home.calls())[1] for _ in range(2)]
        assert "capacity" in await ready(home.server.port)
        marta = Party("Marta")
        await (await home.twilio.dial(from_="anonymous", to=CALLER_NUMBER, party=marta)).ended(timeout=5)
        for call in calls:
            await call.hang_up()
        await home.empty()
    assert marta.sentences_heard == [says("es", Sentence.BUSY)]


# -- the translation --------------------------------------------------------------------------------------------------


async def opened_sessions(**changes: Any) -> list[SessionRecord]:
    """Call, let both sessions be opened, and hang up."""
    async with house(**changes) as home:
        _, call = await home.calls()
        await home.openai.until(lambda: sum(bool(session.updates) for session in home.openai.sessions) == 2)
        await call.hang_up()
        await home.empty()
    return home.openai.sessions


async def test_the_caller_is_translated_into_the_agents_language_and_back() -> None:
    sessions = await opened_sessions(AGENT_LANGUAGE="fr")
    assert {session.language for session in sessions} == {"fr", "es"}


@pytest.mark.parametrize("switch", ["on", "off"])
async def test_the_words_of_the_original_are_asked_for_only_with_captions(switch: str) -> None:
    sessions = await opened_sessions(CAPTIONS=switch)
    assert {session.settings.transcriber is not None for session in sessions} == {switch == "on"}


@pytest.mark.parametrize(
    ("setting", "problem"),
    [("OPENAI_TRANSLATE_MODEL", "check the model's name"), ("OPENAI_API_KEY", "check OPENAI_API_KEY")],
)
async def test_another_model_or_key_is_what_openai_is_asked_with(setting: str, problem: str) -> None:
    changes: dict[str, Any] = {setting: "unheard-of"}
    async with house(**changes) as home:
        _, call = await home.calls()
        async with asyncio.timeout(5):
            while problem not in (await ready(home.server.port)).get("translator", ""):
                await asyncio.sleep(0.02)
        await call.hang_up()
        await home.empty()
    assert home.openai.connections
    assert home.openai.sessions == []


class Humming:
    """Says one soft tone for as long as it hears something."""

    def aim(self, language: str) -> None:
        pass

    def hear(self, frame: mulaw.Samples) -> Said:
        seconds = np.arange(len(frame)) / 24_000
        tone = np.rint(500 * np.sin(2 * np.pi * 1000 * seconds)).astype(np.int16)
        return Said() if is_quiet(frame) else Said(pieces=(Piece(tone),))

    def finish(self) -> Said:
        return Said()


async def test_the_original_lies_under_the_translation_as_loud_as_it_is_set() -> None:
    async with house(brain=Humming, FORWARD_AUDIO_BEFORE_TRANSLATION="on", ORIGINAL_VOICE_LEVEL_DB="-6") as home:
        maria, call = await home.calls()
        alex, _ = await home.accepts(beep=False)
        maria.say(SPANISH)
        await maria.done_speaking(timeout=10)
        await alex.hears_quiet(0.5, timeout=10)
        await call.hang_up()
        await home.empty()
    ending = SPANISH[len(SPANISH) // 2 :]  # over which the tone has long begun
    assert listen(alex.heard, ending).gain_db == pytest.approx(-6, abs=2)


# -- Twilio -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [SHARED_KEY, ""])
async def test_webhooks_signed_with_a_shared_key_are_taken_only_where_it_is_set(key: str) -> None:
    async with house(TRANSLATOR="loopback", TWILIO_WEBHOOK_SHARED_KEY=key) as home:
        home.twilio.use_shared_key("KY" + "4" * 32, SHARED_KEY)
        answer = await home.twilio.post(f"https://{HOST}/call-status", {"CallSid": "CA" + "0" * 32})
    assert (answer.status != 403) == bool(key)


async def test_the_agent_call_is_ordered_where_twilio_is_said_to_be() -> None:
    region = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN)
    async with region:  # noqa: SIM117 - its address is a setting
        async with house(TRANSLATOR="loopback", TWILIO_API_BASE_URL=region.url) as home:
            _, call = await home.calls()
            await eventually(lambda: region.requests)
            await call.hang_up()
            await home.empty()
    assert region.requests[0].path.endswith(f"/Accounts/{ACCOUNT}/Calls.json")
    assert home.twilio.requests == []


# -- coming and going -------------------------------------------------------------------------------------------------


async def test_it_listens_where_it_is_told_to_and_nowhere_afterwards() -> None:
    port = free_port()
    async with serving(quiet(API_PORT=str(port))) as server:
        assert (server.host, server.port) == ("127.0.0.1", port)
        assert await ready(port) == {}
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize("connection", ["none", "idle", "stream"])
async def test_leaving_takes_no_time_while_no_call_is_running(connection: str) -> None:
    loop = asyncio.get_running_loop()
    twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN)
    async with twilio, aiohttp.ClientSession() as http, AsyncExitStack() as afterwards:
        async with serving(quiet()) as server:
            address = f"http://127.0.0.1:{server.port}"
            twilio.route(HOST, address)
            if connection == "idle":
                await (await http.get(f"{address}/live")).read()
            if connection == "stream":  # accepted, and it never says whose it is
                await afterwards.enter_async_context(twilio.raw_stream(f"wss://{HOST}/intercept", start=False))
            left = loop.time()
        assert loop.time() - left < AT_ONCE


async def test_two_servers_in_one_process_share_no_calls() -> None:
    async with house(TRANSLATOR="loopback", MAX_CALLS="1") as home:
        changes = {"TRANSLATOR": "loopback", "MAX_CALLS": "1"}
        async with serving(Settings.load(environment(home.twilio, home.openai, changes))) as other:
            _, call = await home.calls()
            await home.twilio.next_task(timeout=5)
            assert "capacity" in await ready(home.server.port)
            assert await ready(other.port) == {}
            home.twilio.route(HOST, f"http://127.0.0.1:{other.port}")
            _, second = await home.calls(from_="anonymous")
            assert (len(home.server.registry), len(other.registry)) == (1, 1)
            await second.hang_up()
            await eventually(lambda: not len(other.registry))
            home.twilio.route(HOST, home.base_url)
            assert len(home.server.registry) == 1
            await call.hang_up()
            await home.empty()
