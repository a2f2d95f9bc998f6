"""The process is told to stop in the middle of its work: whoever is talking, coming or looking on notices nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from house import CALLER_NUMBER, HOST, KEY, MARIA_NUMBER, environment, says
from listening import assert_heard
from scraping import scrape
from test_load import read_on
from test_process import port_of
from test_serve import process_with, status, telephone_company
from wires import parameters

from bmv.call.alongside import alongside
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.twilio import Call, FakeTwilio, Party

API_TOKEN, METRICS_TOKEN, PASSWORD = "token-of-the-desktop", "token-of-the-scraper", "correct-horse-battery"
MARIA_SAYS = voices.speak("Buenos días, quisiera cambiar mi vuelo.", "es")
INES_SAYS = voices.speak("Hola, necesito una factura.", "es")
CHANGES = {
    "API_TOKEN": API_TOKEN,
    "METRICS_TOKEN": METRICS_TOKEN,
    "CONSOLE_PASSWORD": PASSWORD,
    "LOG_FORMAT": "json",
}
INCOMING = f"https://{HOST}/incoming-call?lang=es"
ROSA = {"CallSid": "CA" + "7" * 32, "From": "+34911000002", "To": CALLER_NUMBER, "CallStatus": "ringing"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Process:
    """The server as a process, between a fake Twilio and a fake OpenAI."""

    def __init__(
        self, running: asyncio.subprocess.Process, base_url: str, twilio: FakeTwilio, openai: FakeOpenAI
    ) -> None:
        self._running = running
        self.base_url = base_url
        self.twilio = twilio
        self.openai = openai
        self.lines: list[str] = []

    async def calls(self, name: str, from_: str) -> tuple[Party, Call]:
        party = Party(name)
        call = await self.twilio.dial(from_=from_, to=CALLER_NUMBER, party=party)
        await call.streaming(timeout=10)
        return party, call

    async def refuses_new_calls(self, http: aiohttp.ClientSession) -> None:
        """One that comes, politely, and one that is ordered."""
        marta = Party("Marta")
        call = await self.twilio.dial(from_="anonymous", to=CALLER_NUMBER, party=marta)
        await call.ended(timeout=5)
        assert marta.sentences_heard == [says("es", Sentence.BUSY)]
        order = {"to": "+34911000003", "language": "es"}
        async with http.post(f"{self.base_url}/calls", json=order, headers=bearer(API_TOKEN)) as answer:
            assert (answer.status, "shutting down" in await answer.text()) == (503, True)

    async def told_to_stop(self, number: signal.Signals) -> None:
        """It has heard it when this returns."""
        self._running.send_signal(number)
        async with asyncio.timeout(10), aiohttp.ClientSession() as http:
            while await status(http, f"{self.base_url}/ready") != 503:
                await asyncio.sleep(0.02)

    async def ended(self, seconds: float) -> None:
        """It is over within so long, in order, and so is all that costs money."""
        async with asyncio.timeout(seconds):
            assert await self._running.wait() == 0
        assert '"event": "stopped"' in self.lines[-1]
        assert not [line for line in self.lines if '"level": "error"' in line or "Traceback" in line]
        assert not [line for line in self.lines if MARIA_NUMBER in line]
        for call in self.twilio.calls.values():
            await call.ended(timeout=5)
        assert self.twilio.alerts == [], "each webhook was answered, also the last ones"
        assert all(session.closed_by for session in self.openai.sessions)


@asynccontextmanager
async def a_process(folder: Path, **changes: str) -> AsyncIterator[Process]:
    async with (
        telephone_company() as twilio,
        FakeOpenAI(api_key=KEY) as openai,
        process_with(folder, environment(twilio, openai, CHANGES | changes)) as running,
    ):
        base_url = f"http://127.0.0.1:{await port_of(running)}"
        twilio.route(HOST, base_url)
        process = Process(running, base_url, twilio, openai)
        async with alongside(read_on(running, process.lines)):
            yield process


async def test_while_it_drains_all_that_had_begun_goes_on_and_nothing_new_begins(tmp_path: Path) -> None:
    alex, sue = Party("Alex"), Party("Sue")
    async with a_process(tmp_path, SHUTDOWN_GRACE_SECONDS="60") as process, aiohttp.ClientSession() as http:
        twilio, base_url = process.twilio, process.base_url
        maria, _ = await process.calls("Maria", MARIA_NUMBER)
        reservation = await twilio.next_reservation(timeout=5)
        captions_url = str(reservation.task.attributes["captions_url"]).replace(f"https://{HOST}", base_url)
        agent = await reservation.accept(party=alex, beep=False)
        twilio.hold_outgoing_streams()
        ines, call = await process.calls("Ines", "+34911000001")
        reservation = await twilio.next_reservation(timeout=5)  # her agent's telephone rings, and nobody has picked up
        invitation = parameters((await twilio.post(INCOMING, ROSA)).body)  # she hears the greeting, and has no stream
        maria.say(MARIA_SAYS)

        await process.told_to_stop(signal.SIGTERM)
        twilio.release_outgoing_streams()
        await reservation.accept(party=sue, beep=False)
        ines.say(INES_SAYS)
        async with twilio.raw_stream(
            f"wss://{HOST}/intercept", parameters=invitation, call_sid=ROSA["CallSid"]
        ) as rosa:
            assert (await rosa.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT  # what waiting callers hear
            await process.refuses_new_calls(http)
            async with http.get(f"{base_url}/live") as live, http.get(f"{base_url}/ready") as ready:
                assert (live.status, ready.status) == (200, 503)
                assert list((await ready.json())["problems"]) == ["draining"]
            login, own = {"password": PASSWORD}, {"Sec-Fetch-Site": "same-origin"}
            async with http.post(
                f"{base_url}/console/login", data=login, headers=own, allow_redirects=False
            ) as console:
                assert console.status == 303
            async with http.get(captions_url) as page, http.get(f"{captions_url}/events") as events:
                assert (page.status, events.status) == (200, 200)
                async with asyncio.timeout(5):
                    await events.content.readuntil(b"event: call")
            metrics = await scrape(f"{base_url}/metrics", METRICS_TOKEN)
            assert metrics.of("bmv_problem", check="draining") == metrics["bmv_problem"] == 1
            assert metrics.of("bmv_calls_refused_total", reason="draining") == 2
            assert metrics["bmv_calls"] == 3
            over = await twilio.post(f"https://{HOST}/call-status", ROSA | {"CallStatus": "completed"})
            assert over.status == 204
            while (await rosa.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
                pass  # her stream is closed by the server
        for party, listener in ((maria, alex), (ines, sue)):
            await party.done_speaking(timeout=10)
            await listener.hears_quiet(1.0, timeout=10)
        await agent.hang_up()
        await call.hang_up()
        await process.ended(5)
    assert_heard(alex.heard, MARIA_SAYS)
    assert_heard(sue.heard, INES_SAYS)


async def test_when_the_grace_is_over_everybody_is_told_and_everything_is_closed(tmp_path: Path) -> None:
    async with a_process(tmp_path, SHUTDOWN_GRACE_SECONDS="1") as process:
        twilio = process.twilio
        parties = [(await process.calls("Maria", MARIA_NUMBER))[0]]
        await (await twilio.next_reservation(timeout=5)).accept(party=Party("Alex"))
        parties[0].say(MARIA_SAYS)
        parties += [(await process.calls("Ines", "+34911000001"))[0]]
        await twilio.next_reservation(timeout=5)
        assert "Stream" in (await twilio.post(INCOMING, ROSA)).body
        await process.told_to_stop(signal.SIGINT)
        await process.ended(10)
    for party in parties:
        assert party.sentences_heard[-1] == says("es", Sentence.INTERRUPTED)
    assert len(process.openai.sessions) == 4
