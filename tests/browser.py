"""A real browser for tests of pages: Debian's Chromium, without a screen, that reaches loopback and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -e .[test]")

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PATIENCE = 30_000  # milliseconds, for whatever a page is waited for: a sentence and its translation take six seconds

expect.set_options(timeout=PATIENCE)


@asynccontextmanager
async def chromium(*arguments: str) -> AsyncIterator[Browser]:
    """Start it, with further arguments. It takes a second, so a module does best with one. Skips where none is."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments])
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def tab(opened: Browser, *, allowed: tuple[str, ...] = (), **options: Any) -> AsyncIterator[Page]:
    """Open a tab of its own, without cookies; `options` are those of a context of Playwright (`color_scheme` …).

    Fails at the end if anything was complained about in the console but for texts with one of the `allowed` parts.
    """
    context = await opened.new_context(**options)
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        await context.close()
    bad = [text for text in complaints if not any(part in text for part in allowed)]
    assert not bad, bad


@asynccontextmanager
async def browser(*arguments: str, allowed: tuple[str, ...] = (), **options: Any) -> AsyncIterator[Page]:
    """Start a browser with a single tab; see `chromium` and `tab`."""
    async with chromium(*arguments) as opened, tab(opened, allowed=allowed, **options) as page:
        yield page


async def faults(page: Page) -> list[str]:
    """What axe-core finds serious or critical about a page for people who cannot see or use it like others."""
    found = await Axe().run(page)
    return [
        f"{each['id']}: {node['html']}"
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


async def overflows(page: Page) -> bool:
    """Whether the page is wider than the window, and has to be moved sideways to be read."""
    return bool(await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
