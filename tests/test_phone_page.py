"""The page of the phones in a real browser, with a fake microphone that speaks."""

from __future__ import annotations

import asyncio
import base64
import json
from math import pi
from pathlib import Path

import numpy as np
import pytest
from browser import chromium, faults, overflows, tab
from house import own_notices
from playwright.async_api import Locator, Page, WebSocket

from bmv.audio import mulaw, wav
from bmv.audio.levels import is_silent
from bmv.audio.listening import listen
from bmv.commands.phone import PhoneRequest, opened
from bmv.simulator.conversation import DEMO

RECOGNISED = 0.4  # as in the demo
OF_CALLER, OF_AGENT = DEMO.lines[:2]
QUICK = PhoneRequest(port=0)
WAIT = 20_000  # milliseconds


def quick() -> dict[str, str]:
    """Settings with which nothing has to be rendered, and nothing is heard but what people say."""
    return {"PROMPTS_DIR": str(own_notices()), "INTERPRETER_NOTICE": "off"}


def microphone(folder: Path) -> list[str]:
    """A microphone into which somebody says the caller's first sentence, again and again."""
    path = folder / "microphone.wav"
    wav.write_wav(path, mulaw.SILENCE * 50 + OF_CALLER.audio() + mulaw.SILENCE * 150)
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}",
        "--autoplay-policy=no-user-gesture-required",
    ]


class Ear:
    """What a page gets to hear at one phone, taken from its socket."""

    def __init__(self, page: Page, side: str) -> None:
        self.heard = bytearray()
        self._side = side
        page.on("websocket", self._open)

    def _open(self, socket: WebSocket) -> None:
        if socket.url.endswith(f"/phone/{self._side}"):
            socket.on("framereceived", self._take)

    def _take(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        if message["event"] == "media":
            self.heard += base64.b64decode(message["media"]["payload"])

    async def hears(self, sentence: bytes, timeout: float = 25) -> None:
        async with asyncio.timeout(timeout):
            while listen(bytes(self.heard[-15 * mulaw.SAMPLE_RATE :]), sentence).share < RECOGNISED:
                await asyncio.sleep(0.5)


def phone(page: Page, side: str) -> Locator:
    return page.locator(f'.phone[data-side="{side}"]')


async def press(on: Locator, name: str) -> None:
    await on.get_by_role("button", name=name, exact=True).click(timeout=WAIT)


async def comes_to(on: Locator, phase: str) -> None:
    await on.page.wait_for_selector(
        f'.phone[data-side="{await on.get_attribute("data-side")}"][data-phase="{phase}"]', timeout=WAIT
    )


async def moves(meter: Locator) -> None:
    async with asyncio.timeout(WAIT / 1000):
        while int(await meter.get_attribute("aria-valuenow") or 0) < 20:
            await asyncio.sleep(0.05)


async def has_focus(on: Locator) -> bool:
    return bool(await on.evaluate("element => element === document.activeElement"))


@pytest.mark.timeout(120)
async def test_two_tabs_hold_a_call(tmp_path: Path) -> None:
    """The caller speaks into a microphone, the agent by a button; each is heard in the other's language."""
    async with (
        opened(QUICK, quick(), record=True) as open_,
        chromium(*microphone(tmp_path)) as browser,
        tab(browser) as left,
        tab(browser) as right,
    ):
        by_agent, by_caller = Ear(right, "agent"), Ear(left, "caller")
        for page in (left, right):
            await page.goto(open_.address)
        await left.get_by_label("I wear headphones").check()  # a phrasebook wants the very sound
        caller, agent = phone(left, "caller"), phone(right, "agent")
        await press(caller, "Take this phone")
        await press(agent, "Take this phone")
        await press(agent, "Mute")
        await press(caller, "Call")
        await comes_to(caller, "menu")
        await left.keyboard.press("2")  # with the button that was pressed last out of use
        await comes_to(agent, "ringing")
        await press(agent, "Accept")
        await comes_to(caller, "talking")
        assert open_.parlour.caller.language == "es"
        await comes_to(agent, "talking")
        assert await has_focus(agent)

        await by_agent.hears(OF_CALLER.translated_audio())
        await press(caller, "Mute")
        handset = open_.parlour.caller.handset
        assert handset is not None
        await asyncio.sleep(1)
        before = len(handset.said)
        await asyncio.sleep(3)
        assert len(handset.said) > before + 2 * mulaw.SAMPLE_RATE
        assert is_silent(handset.said[before:])

        await agent.locator(f'[data-say="{DEMO.lines.index(OF_AGENT)}"]').click()
        await moves(caller.get_by_role("meter", name="You hear"))
        await by_caller.hears(OF_AGENT.translated_audio())
        assert OF_AGENT.translation.startswith((await caller.locator(".other").inner_text())[:20])
        assert OF_AGENT.sentence.startswith((await agent.locator(".own").inner_text())[:20])
        await press(agent, "Hang up")
        await comes_to(agent, "idle")
        await comes_to(caller, "idle")

        await press(caller, "Call")
        await comes_to(caller, "menu")
        await caller.locator('[data-key="2"]').click()
        await comes_to(agent, "ringing")
        await press(caller, "Hang up")
        await comes_to(caller, "idle")
        await comes_to(agent, "idle")
        assert open_.stage.twilio.alerts == []


async def test_the_page_speaks_mu_law_reads_well_and_is_usable_in_a_narrow_window() -> None:
    async with (
        opened(QUICK, quick()) as open_,
        chromium() as browser,
        tab(browser, viewport={"width": 320, "height": 700}) as page,
    ):
        await page.goto(open_.address)
        await phone(page, "caller").get_by_text("Ready to call.").wait_for()
        await the_codec_is_ours(page)
        await sound_survives_two_resamplers(page)
        await the_loudspeaker_never_clicks(page)
        await press(phone(page, "caller"), "Take this phone")
        await page.get_by_role("alert").get_by_text("There is no microphone").wait_for()
        assert await phone(page, "caller").get_by_role("button", name="Call", exact=True).is_enabled()
        assert not await overflows(page)
        assert await faults(page) == []
        await page.emulate_media(color_scheme="dark")
        assert await faults(page) == []
        await page.set_viewport_size({"width": 1280, "height": 900})
        boxes = [await phone(page, side).bounding_box() for side in ("caller", "agent")]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert boxes[0]["y"] == boxes[1]["y"], "side by side"


async def the_codec_is_ours(page: Page) -> None:
    decoded, encoded = await page.evaluate(
        """async () => {
            const { DECODED, encodeSample } = await import("/phone/page/mulaw.js");
            return [[...DECODED], Array.from({ length: 65536 }, (_, at) => encodeSample(at - 32768))];
        }"""
    )
    every = bytes(range(256))
    assert decoded == mulaw.decode(every).tolist()
    assert bytes(encoded) == mulaw.encode(np.arange(-32768, 32768).astype(np.int16))


async def sound_survives_two_resamplers(page: Page) -> None:
    """From 8 kHz to each usual rate and back, in the blocks of an audio thread, 300 and 3000 Hz are as loud."""
    for rate in (16_000, 44_100, 48_000, 96_000):
        for tone in (300, 3000):
            gain, length = await page.evaluate(
                """async ([rate, tone]) => {
                    const { Resampler } = await import("/phone/page/resampler.js");
                    const up = new Resampler(8000, rate), down = new Resampler(rate, 8000);
                    const power = (sound) => sound.reduce((sum, each) => sum + each * each, 0) / sound.length;
                    const pace = (2 * Math.PI * tone) / 8000;
                    const sound = Float32Array.from({ length: 8000 }, (_, at) => Math.sin(pace * at));
                    const out = [];
                    for (let at = 0; at < 8000; at += 160) {
                        out.push(...down.process(up.process(sound.subarray(at, at + 160))));
                    }
                    return [power(out.slice(400)) / power(sound), out.length];
                }""",
                [rate, tone],
            )
            assert 0.9 < gain < 1.1, (rate, tone, gain)
            assert 7900 < length < 8010
    folded = await page.evaluate(
        """async () => {
            const { Resampler } = await import("/phone/page/resampler.js");
            const pace = (2 * Math.PI * 5000) / 48000;
            const sound = Float32Array.from({ length: 48000 }, (_, at) => Math.sin(pace * at));
            return Math.max(...new Resampler(48000, 8000).process(sound).slice(200).map(Math.abs));
        }"""
    )
    assert folded < 0.003, "5 kHz would be heard as 3"


async def the_loudspeaker_never_clicks(page: Page) -> None:
    """Whatever is missing, too much or cleared: from sample to sample it hardly moves further than the tone itself."""
    steepest, marks = await page.evaluate(
        """async () => {
            const { JitterBuffer, FRAME } = await import("/phone/page/jitter.js");
            const marks = [], buffer = new JitterBuffer((name) => marks.push(name));
            let at = 0, last = 0, steepest = 0;
            const next = () => 0.5 * Math.sin((2 * Math.PI * 230 * at++) / 8000);
            const put = (count) => {
                for (; count; count -= 1) buffer.put(Float32Array.from({ length: FRAME }, next));
            };
            const take = (count) => {
                for (; count; count -= 1) {
                    for (const each of buffer.take()) {
                        steepest = Math.max(steepest, Math.abs(each - last));
                        last = each;
                    }
                }
            };
            for (let round = 0; round < 4; round += 1) {
                put(6);
                buffer.putMark(`${round}`);
                take(10);
            }
            put(6);
            take(2);
            buffer.putMark("cleared");
            buffer.clear();
            take(2);
            return [steepest, marks];
        }"""
    )
    assert steepest < 1.3 * 0.5 * 2 * pi * 230 / 8000
    assert marks == ["0", "1", "2", "3", "cleared"]
