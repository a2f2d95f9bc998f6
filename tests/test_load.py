"""As many calls as allowed and many more who call, and a processor that does not keep up: who talks hears nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import aiohttp
from house import CALLER_NUMBER, FLEX_NUMBER, HOST, MARIA_NUMBER, TOKEN, environment, house
from listening import assert_heard
from scraping import scrape
from test_app import ready
from test_process import port_of
from test_serve import process_with, telephone_company
from wires import signature

from bmv import languages
from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.alongside import alongside
from bmv.call.metronome import Metronome
from bmv.call.strain import FEW, HEARD_SECONDS, NEARLY_HEARD_SECONDS
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.twilio import Party

API_TOKEN, METRICS_TOKEN = "token-of-the-desktop", "token-of-the-scraper"
MARIA_SAYS = voices.speak("Buenos días, quisiera cambiar mi vuelo.", "es")
GERMAN, SPANISH = languages.get("de"), languages.get("es")
AT_ONCE = 40  # requests under way; Twilio has fewer
TRIES = 100  # of each kind
PATHS = ("/incoming-call", "/welcome", "/outbound-call", "/reservation-accepted", "/call-status", "/calls")


class Crowd:
    """Everybody who wants something of a server that is full, all at once."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str) -> None:
        self._http = http
        self._base_url = base_url
        self._places = asyncio.Semaphore(AT_ONCE)
        self.longest = 0.0
        self.answers: Counter[tuple[str, int, bool]] = Counter()
        """How often each kind got which status, and whether it held the word that it was asked for."""

    async def pushes(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(TRIES):
                sid = f"CA{number:032d}"
                caller = {"CallSid": sid, "From": f"+3491{number:07d}", "To": CALLER_NUMBER}
                busy = GERMAN.sentences[Sentence.BUSY]
                tasks.create_task(self._posts("/incoming-call?lang=de", caller, "Say", busy))
                tasks.create_task(self._posts("/welcome", caller, "Say", SPANISH.sentences[Sentence.BUSY]))
                stranger = {"CallSid": sid, "From": f"+3491{number:07d}", "To": FLEX_NUMBER}
                tasks.create_task(self._posts("/outbound-call", stranger, "Enqueue"))
                event = {"EventType": "reservation.accepted", "TaskAttributes": "{}", "WorkerSid": f"WK{number:032d}"}
                tasks.create_task(self._posts("/reservation-accepted", event))
                over = {"CallSid": sid, "CallStatus": "completed"}
                tasks.create_task(self._posts(f"/call-status?bmv_call_id={number}&bmv_role=agent", over))
                tasks.create_task(self._orders())

    async def _posts(self, target: str, form: dict[str, str], *words: str) -> None:
        headers = {"X-Twilio-Signature": signature(f"https://{HOST}{target}", form, secret=TOKEN)}
        await self._asks(target, words, data=form, headers=headers)

    async def _orders(self) -> None:
        order = {"to": "+34911000000", "language": "es"}
        await self._asks("/calls", ("MAX_CALLS",), json=order, headers={"Authorization": f"Bearer {API_TOKEN}"})

    async def _asks(self, target: str, words: tuple[str, ...], **options: object) -> None:
        loop = asyncio.get_running_loop()
        async with self._places:
            asked = loop.time()
            async with self._http.post(self._base_url + target, **options) as answer:  # type: ignore[arg-type]
                text = await answer.text()
            self.longest = max(self.longest, loop.time() - asked)
        self.answers[target.partition("?")[0], answer.status, all(word in text for word in words)] += 1


async def read_on(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    """Take what it says, for as long as it says something: a log that nobody takes stops who writes it."""
    assert process.stderr is not None
    while line := await process.stderr.readline():
        lines.append(line.decode())


async def test_a_full_server_answers_a_crowd_at_once_and_politely_and_those_who_talk_hear_nothing_of_it(
    tmp_path: Path,
) -> None:
    changes = {"TRANSLATOR": "loopback", "MAX_CALLS": "2", "API_TOKEN": API_TOKEN, "METRICS_TOKEN": METRICS_TOKEN}
    async with (
        telephone_company() as twilio,
        process_with(tmp_path, environment(twilio, FakeOpenAI(), changes | {"OPENAI_BASE_URL": ""})) as process,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        base_url, lines = f"http://127.0.0.1:{await port_of(process)}", list[str]()
        async with alongside(read_on(process, lines)):
            twilio.route(HOST, base_url)
            maria, alex = Party("Maria"), Party("Alex")
            calls = [await twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=maria)]
            await (await twilio.next_reservation(timeout=5)).accept(party=alex)
            calls.append(await twilio.dial(from_="anonymous", to=CALLER_NUMBER, party=Party("Ines")))
            await calls[1].streaming(timeout=5)
            await Crowd(http, base_url).pushes()  # what is made once is made now
            before = await scrape(f"{base_url}/metrics", METRICS_TOKEN)
            maria.say(MARIA_SAYS)
            crowd = Crowd(http, base_url)
            await crowd.pushes()
            await maria.done_speaking(timeout=10)
            await alex.hears_quiet(0.7, timeout=10)
            after = await scrape(f"{base_url}/metrics", METRICS_TOKEN)
            for call in calls:
                await call.hang_up()
    assert crowd.longest < 3  # as it is where the machine has others to serve; Twilio waits for 15 s
    statuses = {"/incoming-call": 200, "/welcome": 200, "/outbound-call": 200, "/calls": 503}
    told = {path: (statuses.get(path, 204), True) for path in PATHS}
    assert crowd.answers == Counter({(path, *answer): TRIES for path, answer in told.items()})
    assert_heard(alex.heard, MARIA_SAYS)
    for each in ("bmv_calls", "bmv_calls_free", "bmv_directions"):
        assert after[each] == before[each]
    refused = [page.of("bmv_calls_refused_total", reason="busy") for page in (before, after)]
    assert refused == [3 * TRIES, 6 * TRIES]
    assert after["process_open_fds"] <= before["process_open_fds"]
    grown = after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]
    assert grown / (6 * TRIES) < 5000  # bytes
    assert not any('"level": "error"' in line for line in lines)


async def starve(late: float) -> None:
    """Keep the loop busy so that beats come so late, as often as it takes to be noticed."""
    for _ in range(FEW + 1):
        time.sleep(FRAME_SECONDS + late)  # noqa: ASYNC251 - on purpose
        await asyncio.sleep(FRAME_SECONDS)


async def test_that_sound_is_about_to_have_gaps_is_said_and_nobody_is_let_in_once_it_has() -> None:
    async with house(metronome=Metronome(), TRANSLATOR="loopback", METRICS_PORT="0") as home:
        metrics = f"http://127.0.0.1:{home.server.metrics_port}/metrics"
        _, call = await home.calls()
        await starve((NEARLY_HEARD_SECONDS + HEARD_SECONDS) / 2)
        assert "does not keep up" in (await ready(home.server.port, busy=True))["processor"]
        assert (await scrape(metrics)).of("bmv_problem", check="processor") == 1
        if not home.server.registry.overloaded:  # as it is already where others keep this machine busy
            _, other = await home.calls(from_="anonymous")
            await other.hang_up()
        await starve(2 * HEARD_SECONDS)
        assert home.server.registry.overloaded
        marta = Party("Marta")
        await (await home.twilio.dial(from_="+34911000000", to=CALLER_NUMBER, party=marta)).ended(timeout=5)
        assert marta.sentences_heard == [(SPANISH.sentences[Sentence.BUSY], SPANISH.say_language)]
        assert (await scrape(metrics)).of("bmv_calls_refused_total", reason="overloaded") == 1
        await call.hang_up()
        await home.empty()
        assert not home.server.registry.overloaded  # nobody is left whom a further call could disturb
