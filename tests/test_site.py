"""The site of the phones: who comes in, who holds what, and how calls go that are made there."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from house import own_notices

from bmv.audio.listening import listen
from bmv.audio.mulaw import SAMPLE_RATE
from bmv.commands.phone import Open, PhoneRequest, opened
from bmv.errors import SettingsError
from bmv.simulator.conversation import DEMO, Script
from bmv.simulator.phone.site import MOST_VISITORS
from bmv.simulator.twilio import messages

SID = "MZ" + "0" * 32
START = messages.start(account_sid="", call_sid="", stream_sid=SID, parameters={})
STOP = messages.stop(account_sid="", call_sid="", stream_sid=SID, sequence=9)
RECOGNISED = 0.4  # as in the demo
QUICK = PhoneRequest(port=0)


class Tab:
    """What a browser does with one phone, without a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.state: dict[str, Any] = {}
        self.refusals: list[str] = []
        self.heard = b""

    async def tell(self, event: str, **more: object) -> None:
        await self.socket.send_str(json.dumps({"event": event} | more))

    async def until(self, timeout: float = 20, **wanted: object) -> None:
        """Read on until the phone's state has these values."""
        async with asyncio.timeout(timeout):
            while any(self.state.get(name) != value for name, value in wanted.items()):
                await self.read()

    async def refused(self) -> str:
        async with asyncio.timeout(5):
            while not self.refusals:
                await self.read()
        return self.refusals.pop()

    async def read(self) -> None:
        message = json.loads(await self.socket.receive_str())
        match message["event"]:
            case "state":
                self.state = message
            case "refused":
                self.refusals.append(message["why"])
            case "media":
                frame = messages.decode(json.dumps(message), SID)
                assert isinstance(frame, bytes)
                self.heard += frame
            case "mark":
                await self.tell("mark", mark=message["mark"])

    async def hears(self, sentence: bytes, timeout: float = 25) -> None:
        """Read on until a sentence has arrived. Raises `TimeoutError` when it does not."""
        async with asyncio.timeout(timeout):
            while listen(self.heard[-15 * SAMPLE_RATE :], sentence).share < RECOGNISED:
                await self.read_for(1)

    async def read_for(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.read()
        except TimeoutError:
            pass


@asynccontextmanager
async def tab(http: aiohttp.ClientSession, page: Open, side: str) -> AsyncIterator[Tab]:
    url = page.address.replace("/phone", f"/phone/{side}")
    origin = page.address.removesuffix("/phone")
    async with http.ws_connect(url, headers={"Origin": origin}) as socket:
        yield Tab(socket)


@asynccontextmanager
async def both(http: aiohttp.ClientSession, page: Open) -> AsyncIterator[tuple[Tab, Tab]]:
    async with tab(http, page, "caller") as caller, tab(http, page, "agent") as agent:
        yield caller, agent


@asynccontextmanager
async def scene(
    environ: Mapping[str, str] = {}, script: Script = DEMO, *, record: bool = False
) -> AsyncIterator[tuple[aiohttp.ClientSession, Open]]:
    quick = {"PROMPTS_DIR": str(own_notices()), "INTERPRETER_NOTICE": "off", **environ}
    async with opened(QUICK, quick, script, record=record) as page, aiohttp.ClientSession() as http:
        yield http, page


async def test_a_page_is_served_with_strict_headers_and_nothing_but_its_own_files() -> None:
    async with scene() as (http, page):
        async with http.get(page.address) as answer:
            text = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "style=" not in text
        assert " on" + "click" not in text
        assert text.count("<script") == 1
        assert all(line.sentence in text.replace("&#x27;", "'") for line in DEMO.lines)
        assert "There is no OPENAI_API_KEY" in text
        for name in ("../page.py", "phone.html", "..%2f..%2fconversation.py"):
            async with http.get(f"{page.address}/page/{name}") as answer:
                assert answer.status == 404
                assert "Content-Security-Policy" in answer.headers


async def test_only_the_page_itself_may_open_a_phone() -> None:
    async with scene() as (http, page):
        own = page.address.removesuffix("/phone")
        url = f"{page.address}/caller"
        for headers in (
            {},
            {"Origin": "https://evil.example"},
            {"Origin": own.replace("http", "ftp")},
            {"Origin": "null"},
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(url, headers=headers)
            assert refused.value.status == 403
        rebound = {"Host": "evil.example", "Origin": "http://evil.example"}
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url, headers=rebound)
        async with http.get(page.address, headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403


async def test_garbage_closes_its_socket_and_no_other() -> None:
    async with scene() as (http, page), tab(http, page, "caller") as bystander:
        await bystander.until(phase="idle")
        garbage = ["", "{}", '{"event":"start"}', "\x00", "[" * 5000, '{"event":"media","media":{"payload":"!"}}']
        for text in garbage:
            async with tab(http, page, "caller") as other:
                await other.until(phase="idle", holder="nobody")
                await other.socket.send_str(START)
                await other.until(holder="you")
                await other.socket.send_str(text)
                closed = await _closing(other.socket)
                assert closed == aiohttp.WSCloseCode.POLICY_VIOLATION, text[:20]
        async with tab(http, page, "agent") as other:
            await other.socket.send_bytes(b"\xff" * 160)
            assert await _closing(other.socket) == aiohttp.WSCloseCode.POLICY_VIOLATION
        async with tab(http, page, "agent") as other:
            await other.socket.send_str("x" * 20_000)
            assert await _closing(other.socket) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        await bystander.socket.send_str(START)
        await bystander.until(holder="you")


async def _closing(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(5):
        while not socket.closed:
            await socket.receive()
    return socket.close_code


async def test_a_phone_has_one_holder_and_whoever_goes_gives_it_back() -> None:
    async with scene() as (http, page), tab(http, page, "caller") as first, tab(http, page, "caller") as second:
        await first.socket.send_str(START)
        await first.until(holder="you")
        await second.until(holder="other")
        await second.socket.send_str(START)
        assert await second.refused() == "taken"
        await second.tell("dial")
        assert await second.refused() == "not yours"
        await second.tell("partner", on=True)
        assert await second.refused() == "taken"
        await first.tell("accept")
        assert await first.refused() == "wrong phone"
        await first.tell("say", sentence=0)
        assert await first.refused() == "no call"
        await first.socket.send_str(STOP)
        await second.until(holder="nobody")
        await second.socket.send_str(START)
        await second.until(holder="you")
        await second.socket.close()
        await first.until(holder="nobody")


async def test_no_more_than_so_many_look_at_a_phone() -> None:
    async with scene() as (http, page):
        origin = {"Origin": page.address.removesuffix("/phone")}
        looking = [await http.ws_connect(f"{page.address}/caller", headers=origin) for _ in range(MOST_VISITORS)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{page.address}/caller", headers=origin)
        assert refused.value.status == 503
        assert not any(socket.closed for socket in looking)


async def test_somebody_who_says_his_language_talks_to_the_scripted_agent_and_gives_up() -> None:
    """By the name instead of a key; the agent answers what was said, translated; a closed tab hangs up."""
    script = Script(DEMO.lines[:2])
    async with (
        scene(script=script) as (http, page),
        tab(http, page, "caller") as caller,
        tab(http, page, "agent") as agent,
    ):
        await agent.tell("partner", on=True)
        await agent.until(holder="script")
        await caller.socket.send_str(START)
        await caller.tell("dial")
        await caller.until(phase="menu")
        await caller.tell("words", text="Español, por favor")
        await caller.until(phase="waiting", language="es")
        assert caller.state["said"]["text"].startswith("Gracias por llamar")
        await caller.until(phase="talking")
        await caller.read_for(2)  # by then the partner waits for a word
        await caller.tell("say", sentence=0)
        await caller.hears(DEMO.lines[1].translated_audio())
        holder = page.parlour.caller.holder
        assert holder is not None
        assert holder.delay is not None
        assert holder.delay < 0.5
        await caller.socket.close()
        await agent.until(phase="idle")


async def test_the_scripted_caller_calls_somebody_who_answers() -> None:
    script = Script(DEMO.lines[:2])
    async with (
        scene(script=script) as (http, page),
        tab(http, page, "caller") as caller,
        tab(http, page, "agent") as agent,
    ):
        await agent.socket.send_str(START)
        await caller.tell("partner", on=True)
        await agent.until(phase="ringing")
        await caller.tell("partner", on=True)  # again, or by another page: which is no second call, and cuts none
        await agent.tell("accept")
        await agent.until(phase="talking")
        await agent.hears(DEMO.lines[0].translated_audio())
        await agent.tell("hangup")
        await agent.until(phase="idle")
        await caller.until(phase="idle", holder="nobody")


async def test_an_agent_may_speak_another_language() -> None:
    """As Flex tells it of a worker: caller and agent speak the same one here, so the voice goes straight through."""
    async with scene({"CALLER_LANGUAGES": "es"}, record=True) as (http, page), both(http, page) as (caller, agent):
        await agent.socket.send_str(START)
        await agent.tell("speaks", language="tlh")
        assert await agent.refused() == "no language"
        await agent.tell("speaks", language="es")
        await agent.until(language="es")
        await agent.tell("speaks", language="en")  # the agents' own, which the menu has not, and back
        await agent.until(language="en")
        await agent.tell("speaks", language="es")
        await agent.until(language="es")
        await caller.socket.send_str(START)
        await caller.tell("dial")
        await agent.until(phase="ringing")
        await agent.tell("accept")
        await agent.until(phase="talking")
        await caller.until(phase="talking")
        await caller.tell("say", sentence=0)
        await agent.hears(DEMO.lines[0].audio())
        assert page.stage.twilio.alerts == []


async def test_callers_are_offered_what_the_menu_has_and_agents_their_own_language_too() -> None:
    settings = {"CALLER_LANGUAGES": "es,fr", "AGENT_LANGUAGE": "de"}
    async with scene(settings) as (http, page), http.get(page.address) as response:
        shown = await response.text()
    assert re.findall(r'data-words="(\w+)"', shown) == ["Español", "Français"]
    assert re.findall(r'<option value="(\w+)"', shown) == ["es", "fr", "de"]


async def test_wrong_settings_are_named() -> None:
    with pytest.raises(SettingsError, match="CALLER_LANGUAGES"):
        async with opened(QUICK, {"CALLER_LANGUAGES": "klingon"}):
            pass
