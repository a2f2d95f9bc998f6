"""The console in a real browser: logging in, calls that come and go, the chart, ending a call, links, and bad lines."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import house as real
from browser import chromium, faults, overflows, tab
from playwright.async_api import Page, ViewportSize, expect
from test_captions_browser import DemoBrain, road

from bmv.simulator.conversation import DEMO
from bmv.web.links import Links, Purpose, secret_of

PASSWORD = "correct-horse-battery"
WORKER = "WK" + "7" * 32
PLACES = """["chart", "count"].map((id) => {
  const { x, y, width, height } = document.getElementById(id).parentElement.getBoundingClientRect();
  return [x, y + scrollY, width, height];
})"""
WIDE: ViewportSize = {"width": 1280, "height": 720}
NARROW: ViewportSize = {"width": 320, "height": 640}


async def logs_in(page: Page, url: str) -> None:
    await page.goto(f"{url}/console")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("#link")).to_have_text("Live")


async def test_a_supervisor_sees_a_call_from_its_beginning_to_the_end_that_he_makes() -> None:
    DEMO.rehearse()
    async with (
        real.house(brain=DemoBrain, CONSOLE_PASSWORD=PASSWORD) as home,
        chromium() as opened,
        tab(opened, allowed=("403",)) as page,
        tab(opened, viewport=NARROW, color_scheme="dark") as narrow,
    ):
        await page.goto(f"{home.base_url}/console")
        assert await faults(page) == []
        await page.get_by_label("Password").fill("not this one")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        for each in (page, narrow):
            await logs_in(each, home.base_url)
            await expect(each.locator("#empty")).to_be_visible()
            await expect(each.locator("#running")).to_have_text("0")

        maria, call = await home.calls()
        alex, _ = await home.accepts()
        for each in (page, narrow):
            await expect(each.locator("#calls tr")).to_have_count(1)
            await expect(each.locator("#count")).to_have_text("1 call running")
            await expect(each.locator("#empty")).to_be_hidden()
            await expect(each.locator(".state")).to_have_text("talking")
            await expect(each.locator("td.languages")).to_have_text("Spanish ⇄ English")
            await expect(each.locator("#full rect")).to_have_attribute("width", "2")
        await expect(page.locator(".dot")).to_have_count(0)
        maria.say(DEMO.lines[0].audio())
        await maria.done_speaking(timeout=10)
        await expect(page.locator("#chart .caller .dot")).to_have_count(1)
        await expect(page.locator("td.caller .lags")).to_have_text(re.compile(r"\d\.\d / \d\.\d s"))
        await expect(page.locator("td.caller .mode")).to_have_text("translating")
        await expect(page.locator("#speech .translated")).not_to_have_attribute("width", "0")
        for each in (page, narrow):
            assert await faults(each) == []
        assert not await overflows(narrow)

        async with page.context.expect_page() as opening:
            await page.get_by_role("link", name=re.compile("Captions")).click()
        captions = await opening.value
        await expect(captions.locator("#languages")).to_have_text("Español ⇄ English")
        await expect(captions.locator("#lines .theirs")).to_have_text(DEMO.lines[0].sentence)
        await captions.close()

        end = page.get_by_role("button", name=re.compile("End call"))
        await end.click()
        await expect(page.get_by_role("dialog")).to_contain_text("Spanish, English")
        assert await faults(page) == []
        await page.keyboard.press("Enter")  # on what is chosen: to go on
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(end).to_be_focused()
        assert not call.over
        await end.press("Enter")
        await page.get_by_role("button", name="End the call").click()
        for each in (page, narrow):
            await expect(each.locator("#calls tr")).to_have_count(0)
            await expect(each.locator("#count")).to_have_text("No calls")
            await expect(each.locator("#reasons")).to_have_text("supervisor 1")
        await expect(page.get_by_role("heading", name="Running calls")).to_be_focused()
        await home.empty()


@asynccontextmanager
async def two_calls(home: real.House) -> AsyncIterator[None]:
    calls = [(await home.calls())[1], (await home.calls(from_="+34911222334"))[1]]
    yield
    for call in calls:
        await call.hang_up()
    await home.empty()


async def test_links_are_made_and_a_lost_line_is_seen_and_mended_and_logging_out_works() -> None:
    async with (
        real.house(TRANSLATOR="loopback", CONSOLE_PASSWORD=PASSWORD) as home,
        road(home.base_url) as way,
        chromium() as opened,
        tab(opened, allowed=("ERR_", "403")) as page,
    ):
        await logs_in(page, f"http://127.0.0.1:{way.port}")
        async with two_calls(home):
            await expect(page.locator("#calls tr")).to_have_count(2)
            before = await page.evaluate(PLACES)
            await page.get_by_label("Worker SID").fill(WORKER)
            await page.get_by_role("button", name="Make link").click()
            made = page.get_by_label("Link, good for 12 hours")
            await expect(made).to_be_focused()
            start, token = (await made.input_value()).rsplit("/", 1)
            assert start == f"https://{real.HOST}/agent"
            assert Links(real.HOST, secret_of(None, real.TOKEN)).subject(Purpose.AGENT, token) == WORKER

            await page.set_viewport_size(NARROW)
            narrow = await page.evaluate(PLACES)
            way.cut()
            await expect(page.locator("#link")).to_have_text("Reconnecting …")
            await expect(page.locator("#calls button").first).to_be_disabled()
            assert await page.evaluate(PLACES) == narrow, "nothing moves when the line is lost"
            assert await faults(page) == [], "what was seen last can still be read"
            await page.set_viewport_size(WIDE)
            way.whole = True
            await expect(page.locator("#link")).to_have_text("Live")
            await expect(page.locator("#calls button").first).to_be_enabled()
            await expect(page.locator("#calls tr")).to_have_count(2)
        await expect(page.locator("#calls tr")).to_have_count(0)
        assert await page.evaluate(PLACES) == before, "nothing moves when calls come and go"
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_label("Password")).to_be_visible()
        await page.reload()
        await expect(page.get_by_label("Password")).to_be_visible()
