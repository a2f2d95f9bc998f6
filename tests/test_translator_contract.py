"""Our own translators, and the one of docs/translators.md, held against the contract that everybody's are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from packages import lay_out
from speech import say

from bmv.audio.listening import listen
from bmv.audio.mulaw import encode, frames
from bmv.call.translator import TranslatorFactory
from bmv.simulator.openai import FakeOpenAI, Fault, Refusal
from bmv.testing import ProviderContract, TranslatorContract, demand
from bmv.translators import openai_service, plugins
from bmv.translators.loopback import LoopbackFactory
from bmv.translators.openai_interpreter import OpenAIInterpreterFactory
from bmv.translators.openai_translate import OpenAITranslateFactory
from bmv.translators.plugins import TranslatorOptions
from bmv.translators.prompt import Prompt

PAGE = Path(__file__).parent.parent / "docs" / "translators.md"


class GivesBackWhatItHears(TranslatorContract):
    """Real speech in, and the same is to come out."""

    def speech(self) -> list[bytes]:
        return list(frames(encode(say("Hola, quisiera saber dónde está mi paquete.", "es-ES"))))

    def check_heard(self, heard: bytes, said: bytes) -> None:
        found = listen(heard, said)
        demand(found.share > 0.9 and abs(found.gain_db) < 1, f"not complete, in order and as loud as before: {found}")


class TestLoopback(GivesBackWhatItHears):
    @asynccontextmanager
    async def factory(self) -> AsyncIterator[TranslatorFactory]:
        yield LoopbackFactory()


class OpenAI(GivesBackWhatItHears, ProviderContract):
    """With the simulated service, whose echo says what it hears."""

    fake: FakeOpenAI

    def make(self, http: aiohttp.ClientSession) -> TranslatorFactory:
        raise NotImplementedError

    def factory(self) -> AbstractAsyncContextManager[TranslatorFactory]:
        return self.against(Fault())

    def refusing(self) -> AbstractAsyncContextManager[TranslatorFactory]:
        return self.against(Fault(refuse=Refusal.of(401)))

    def losing(self) -> AbstractAsyncContextManager[TranslatorFactory]:
        return self.against(Fault(reset_after=0.6))

    def open_sessions(self) -> int:
        return len(self.fake.open_sessions)

    @asynccontextmanager
    async def against(self, fault: Fault) -> AsyncIterator[TranslatorFactory]:
        async with FakeOpenAI(fault=fault) as self.fake, aiohttp.ClientSession() as http:
            yield self.make(http)


class TestOpenAITranslate(OpenAI):
    def make(self, http: aiohttp.ClientSession) -> TranslatorFactory:
        return OpenAITranslateFactory(
            http,
            service=openai_service.openai(self.fake.url, self.fake.api_key),
            model="gpt-realtime-translate",
            captions=True,
        )


class TestOpenAIInterpreter(OpenAI):
    def make(self, http: aiohttp.ClientSession) -> TranslatorFactory:
        return OpenAIInterpreterFactory(
            http,
            service=openai_service.openai(self.fake.url, self.fake.api_key),
            model="gpt-realtime-2.1",
            voice="marin",
            captions=True,
            instructions=Prompt(),
        )


class TestOpenAITranslateTold(TestOpenAITranslate):
    telling = True


class TestOpenAIInterpreterTold(TestOpenAIInterpreter):
    telling = True


# -- the one on the page --------------------------------------------------------------------------------------------


def block(name: str) -> str:
    """A block of code of the page, by the file name in its first line, which is not part of it."""
    (found,) = re.findall(rf"^```\w+\n# {re.escape(name)}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    return str(found)


@pytest.fixture
def parrot(tmp_path: Path) -> Path:
    """A folder with the page's package as it is when installed, and its tests."""
    for name in ("parrot.py", "test_parrot.py"):
        (tmp_path / name).write_text(block(name), "utf-8")
    project = tomllib.loads(block("pyproject.toml"))["project"]
    ((group, points),) = project["entry-points"].items()
    assert group == plugins.GROUP
    lay_out(tmp_path, project["name"], points=points)
    return tmp_path


def test_the_example_is_complete_in_less_than_80_lines() -> None:
    assert len(block("parrot.py").splitlines()) < 80


async def test_the_example_is_found_by_its_name(parrot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(parrot)
    assert "parrot" in plugins.names()
    async with aiohttp.ClientSession() as http:
        factory = plugins.load("parrot")(http, TranslatorOptions(environ={}, captions=True))
    assert type(factory).__name__ == "ParrotFactory"
    monkeypatch.delitem(sys.modules, "parrot")


def test_the_example_keeps_every_promise(parrot: Path) -> None:
    promises = [name for name in dir(ProviderContract) if name.startswith("test_")]
    # Without the plugins of this project's own tests, which others need not have.
    alone = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": f"{parrot}{os.pathsep}{PAGE.parents[1]}"}
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_parrot.py"]
    done = subprocess.run(  # noqa: S603 - our own page
        command, cwd=parrot, env=alone, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout
    assert f"{len(promises)} passed" in done.stdout
