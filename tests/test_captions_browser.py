"""The captions in a real browser: what people see, hear read out and press, through reloads and lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import house as real
import wires
from browser import chromium, faults, overflows, tab
from playwright.async_api import Page, expect

from bmv.call.captions import Caption
from bmv.call.leg import Role
from bmv.call.session import CallSession
from bmv.call.state import EndReason
from bmv.call.translator import CaptionKind
from bmv.languages import PHRASES, get
from bmv.simulator.conversation import DEMO
from bmv.simulator.openai.brains import PhrasebookBrain
from bmv.simulator.twilio import Party
from bmv.web.links import Links, Purpose, secret_of

ORIGINAL, TRANSLATION = CaptionKind.ORIGINAL, CaptionKind.TRANSLATION
NARROW = {"width": 320, "height": 640}

EVERY_STATE = """async () => {
  const { floor } = await import("/pages/floor.js");
  const modes = ["translating", "passing through", "opening"], yes = [true, false], told = [];
  const talks = yes.flatMap((speaking) => yes.flatMap((translating) => modes.map((mode) =>
    ({ speaking, translating, mode }))));
  const views = talks.flatMap((caller) => talks.map((agent) =>
    ({ state: "bridged", secured: false, directions: { caller, agent } })));
  views.push(...["answered", "ordered", "offered", "calling", "held", "bridged"].map((state) =>
    ({ state, secured: true, directions: views[0].directions })));
  for (const same of yes) for (const view of views) told.push({ connected: true, call: { same }, view });
  told.push({ connected: false }, { connected: true, over: true }, { connected: true, waiting: true },
    { connected: true, over: true, waiting: true }, { connected: true });
  return [...new Map(told.map((now) => [JSON.stringify(floor(now)), floor(now)])).values()].map(({ turn, why }) => {
    document.getElementById("turn").textContent = turn;
    document.getElementById("why").textContent = why;
    return { turn, why, height: document.getElementById("floor").offsetHeight };
  });
}"""


class DemoBrain(PhrasebookBrain):
    """Interprets the sentences of the demo."""

    def __init__(self) -> None:
        super().__init__(DEMO.phrasebook())


@dataclass
class Road:
    """What leads from the browser to a server, and can be cut: then nothing goes through until it is mended."""

    port: int
    whole: bool = True
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
        if not self.whole:
            writer.transport.abort()
            return
        behind, ahead = await asyncio.open_connection("127.0.0.1", target)
        mine = {writer, ahead}
        self._open |= mine
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_copy(reader, ahead))
                tasks.create_task(_copy(behind, writer))
        finally:
            self._open -= mine
            for each in mine:
                each.transport.abort()

    def cut(self) -> None:
        self.whole = False
        for each in self._open:
            each.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def road(url: str) -> AsyncIterator[Road]:
    """Open a road to the server at this address."""
    target = int(url.rpartition(":")[2])
    serving: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            serving.add(task)
        await made.carry(reader, writer, target)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    made = Road(server.sockets[0].getsockname()[1])
    try:
        yield made
    finally:
        server.close()
        made.cut()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()


async def rows(page: Page) -> list[list[str]]:
    """Who said it, in the agents' language, in the other one."""
    return [
        [await row.locator(part).inner_text() for part in ("b", ".ours", ".theirs")]
        for row in await page.locator("#lines li").all()
    ]


async def test_a_call_can_be_read_along_from_its_first_word_to_its_end() -> None:
    DEMO.rehearse()
    first, second = DEMO.lines[:2]
    links = Links(real.HOST, secret_of(None, real.TOKEN))
    async with (
        real.house(brain=DemoBrain) as home,
        road(home.base_url) as way,
        chromium() as opened,
        tab(opened, allowed=("ERR_",)) as page,
        tab(opened) as agents,
    ):
        here = f"http://127.0.0.1:{way.port}"
        maria, call = await home.calls()
        alex = Party("Alex")
        ringing = await home.twilio.next_reservation(timeout=5)
        await agents.goto(f"{home.base_url}/agent/{links.token(Purpose.AGENT, ringing.worker.sid, 600)}")
        await expect(agents.locator("#turn")).to_have_text("Waiting for your next call")
        await ringing.accept(party=alex)

        url = str(ringing.task.attributes["captions_url"])
        await page.goto(url.replace(f"https://{real.HOST}", here))
        await expect(page.locator("#languages")).to_have_text("Español ⇄ English")
        await expect(page.locator("#turn")).to_have_text("Your turn")
        await expect(agents.locator("#turn")).to_have_text("Your turn")

        maria.say(first.audio())
        await expect(page.locator("#turn")).to_have_text("Caller is speaking")
        await expect(page.locator(".partial").first).to_be_visible()
        await expect(page.locator("#turn")).to_have_text("Interpreter is speaking")
        await maria.done_speaking(timeout=10)
        heard = [["Caller", first.translation, first.sentence]]
        await expect(page.locator("#lines .ours")).to_have_text(first.translation)
        await expect(page.locator("#lines .theirs")).to_have_text(first.sentence)
        await expect(page.locator("#lag")).to_contain_text("s behind")
        assert await rows(agents) == heard

        await page.reload()
        await expect(page.locator("#lines li")).to_have_count(1)
        assert await rows(page) == heard

        pause = page.locator("#pause")
        await pause.focus()
        way.cut()
        await expect(page.locator("#turn")).to_have_text("Reconnecting …")
        await expect(pause).to_be_disabled()
        alex.say(second.audio())
        await expect(agents.locator("#lines .theirs").nth(1)).to_have_text(second.translation)
        way.whole = True
        heard += [["Agent", second.sentence, second.translation]]
        await expect(page.locator("#lines .theirs").nth(1)).to_have_text(second.translation)
        assert await rows(page) == heard, "nothing twice, nothing lost"

        await expect(pause).to_be_focused()
        await page.keyboard.press("Space")
        await expect(pause).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("#turn")).to_have_text("Translation paused")
        await expect(agents.locator("#pause")).to_have_attribute("aria-pressed", "true")
        await pause.click()
        await expect(pause).to_have_attribute("aria-pressed", "false")

        phrase = PHRASES[0]
        await page.get_by_text("Quick phrases").click()
        assert await faults(page) == []
        await page.keyboard.press("Tab")
        way.cut()
        await expect(page.locator("#turn")).to_have_text("Reconnecting …")
        way.whole = True
        await expect(page.get_by_text("Quick phrases")).to_be_focused()
        await page.get_by_role("button", name=get("en").sentences[phrase]).click()
        await expect(page.locator("#lines .theirs").nth(2)).to_have_text(get("es").sentences[phrase])

        await call.hang_up()
        for each in (page, agents):
            await expect(each.locator("#turn")).to_have_text("The call is over")
            await expect(each.locator("#lines li")).to_have_count(3)
        await expect(agents.locator("#why")).to_have_text("Waiting for your next call.")
        await home.empty()


def says(call: CallSession, number: int, kind: CaptionKind, text: str, tag: str, *, whole: bool = False) -> None:
    call.transcript.show(Caption(call.id, Role.CALLER, kind, number, text, whole=whole), tag)


@asynccontextmanager
async def arabic(home: wires.House, *pages: Page) -> AsyncIterator[CallSession]:
    """A call with a caller who speaks Arabic, which the pages show."""
    call = await home.call("ar")
    token = Links(wires.PUBLIC_HOST, wires.LINK_SECRET).token(Purpose.CAPTIONS, call.id, 600)
    for page in pages:
        await page.goto(f"{home.url}captions/{token}")
        await expect(page.locator("#languages")).to_have_text("العربية ⇄ English")
    yield call
    call.end(EndReason.CALLER_HUNG_UP)
    for page in pages:
        await expect(page.locator("#turn")).to_have_text("The call is over")


async def test_what_is_written_from_right_to_left_stands_right_and_what_is_said_is_text_and_nothing_else() -> None:
    async with (
        wires.house(menu="ar en") as home,
        chromium() as opened,
        tab(opened, viewport=NARROW) as narrow,
        tab(opened, color_scheme="dark", reduced_motion="reduce") as dark,
        arabic(home, narrow, dark) as call,
    ):
        bad = "<script>alert(1)</script><img src=x onerror=alert(2)>"
        says(call, 1, ORIGINAL, "مساء الخير، لم يصل طلبي بعد.", "ar", whole=True)
        says(call, 1, TRANSLATION, bad, "en")
        says(call, 2, ORIGINAL, "رقم الطلب ٤٧١٢", "ar")
        for page in (narrow, dark):
            theirs = page.locator("#lines .theirs")
            await expect(theirs).to_have_count(2)
            await expect(theirs.first).to_have_attribute("lang", "ar")
            assert await theirs.first.evaluate("each => getComputedStyle(each).direction") == "rtl"
            assert (
                await page.locator("#lines .ours").first.evaluate("each => getComputedStyle(each).direction") == "ltr"
            )
            await expect(page.locator("#lines .ours").first).to_have_text(bad)
            assert await faults(page) == []
        head = dark.locator("#head-theirs")
        assert await head.evaluate("each => getComputedStyle(each).direction") == "rtl", "above what it is the head of"
        assert not await overflows(narrow)
        heights = await narrow.evaluate(EVERY_STATE)
        assert len(heights) > 20
        assert len({each["height"] for each in heights}) == 1, "nothing below it moves, whatever it says"
        await narrow.get_by_role("button", name="Big text").click()
        assert not await overflows(narrow)
        await narrow.reload()
        await expect(narrow.get_by_role("button", name="Big text")).to_have_attribute("aria-pressed", "true")
        await expect(narrow.locator("#lines li")).to_have_count(2)
        sizes = [
            await each.locator("#lines .ours").first.evaluate("each => parseFloat(getComputedStyle(each).fontSize)")
            for each in (narrow, dark)
        ]
        assert sizes[0] > sizes[1]


async def test_a_reader_who_looks_back_is_left_in_peace_and_only_whole_lines_are_read_out() -> None:
    async with (
        wires.house(menu="ar en") as home,
        chromium() as opened,
        tab(opened, viewport=NARROW) as page,
        arabic(home, page) as call,
    ):
        for number in range(1, 31):
            says(call, number, TRANSLATION, f"This is line {number}", "en")
        now, place = page.get_by_role("button", name="Jump to now"), "document.getElementById('scroller').scrollTop"
        await expect(page.get_by_text("This is line 30", exact=True).last).to_be_in_viewport()
        await expect(now).to_be_hidden()
        assert await page.locator("#read p").last.inner_text() == "Caller: This is line 29"

        await page.locator("#scroller").evaluate("each => { each.scrollTop = 100; }")
        await expect(now).to_be_visible()
        says(call, 31, TRANSLATION, "This is line 31", "en")
        await expect(page.locator("#lines li")).to_have_count(31)
        assert await page.evaluate(place) == 100
        await now.press("Enter")
        await expect(page.get_by_text("This is line 31", exact=True)).to_be_in_viewport()
        await expect(now).to_be_hidden()
        await expect(page.locator("#scroller")).to_be_focused()


async def test_a_link_that_is_not_good_says_so() -> None:
    async with wires.house() as home, chromium() as opened, tab(opened, allowed=("403",), viewport=NARROW) as page:
        await page.goto(f"{home.url}captions/nonsense")
        await expect(page.locator("h1")).to_contain_text("does not work")
        assert await faults(page) == []
        assert not await overflows(page)
