"""What goes wrong with the simulated service on cue: at the door, on the line, and with translations."""

import asyncio
import time

import aiohttp
import numpy as np
import pytest
from simulator_openai_client import transport_of
from simulator_openai_translation import MODEL, Client, connected, interpreter, noise, pause, refused, session, wide

from bmv.simulator.conversation import DEMO
from bmv.simulator.openai import Ending, FakeOpenAI, Fault, Refusal
from bmv.simulator.openai.server import API_KEY


@pytest.mark.parametrize(
    ("refusal", "status", "kind", "wait"),
    [
        (Refusal.of(401), 401, "invalid_request_error", None),
        (Refusal.of(403), 403, "invalid_request_error", None),
        (Refusal.of(404), 404, "invalid_request_error", None),
        (Refusal.of(429), 429, "requests", None),
        (Refusal.of(429, retry_after=2), 429, "requests", "2"),
        (Refusal.out_of_money(), 429, "insufficient_quota", None),
        (Refusal.of(500), 500, "server_error", None),
    ],
)
async def test_an_upgrade_can_be_refused_on_cue(refusal: Refusal, status: int, kind: str, wait: str | None) -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(refuse=refusal))
        answer = await refused(fake)
        assert (answer[0], answer[1]["type"], answer[2]) == (status, kind, wait)
        async with connected(fake) as client:
            assert (await client.receive())["type"] == "session.created", "only the next one was to fail"
    assert fake.connections == 2
    assert len(fake.sessions) == 1


async def test_a_fault_of_the_service_happens_to_every_connection() -> None:
    async with FakeOpenAI(fault=Fault(refuse=Refusal.of(500))) as fake:
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                async with connected(fake):
                    pass
            assert refusal.value.status == 500


async def test_a_connection_can_be_reset() -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(reset_after=1.0))
        async with session(fake) as client:
            await client.append(noise(0.9))
            await client.receive()
            assert fake.open_sessions
            await client.append(noise(0.1))
            await client.receive_all()
    assert client.socket.close_code == 1006
    assert (fake.sessions[0].closed_by, fake.sessions[0].close_code) == ("server", 1006)


async def test_a_session_can_fall_silent() -> None:
    async with FakeOpenAI(fault=Fault(silent_after=1.0)) as fake, session(fake) as client:
        await client.append(noise(0.8))
        for _ in range(2):
            await client.receive()
        await client.append(noise(0.8))
        await client.send("session.close")
        await fake.until(lambda: fake.sessions[0].close_requested)
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.05)
        assert fake.open_sessions


async def test_updates_can_be_lost() -> None:
    async with FakeOpenAI(fault=Fault(ignore_updates=True)) as fake, connected(fake) as client:
        await client.receive()
        await client.send("session.update", session={"audio": {"output": {"language": "en"}}})
        await client.append(noise(0.4))
        assert (await client.receive())["type"] == "session.output_audio.delta"
    assert fake.sessions[0].language == "es"
    assert len(fake.sessions[0].updates) == 1


async def test_an_update_can_end_up_in_another_language() -> None:
    async with FakeOpenAI(fault=Fault(other_language="fr")) as fake, connected(fake) as client:
        await client.receive()
        updated = await client.update(output={"language": "en"})
    assert updated["session"]["audio"]["output"]["language"] == "fr"


async def test_garbage_can_come_in_between() -> None:
    async with FakeOpenAI(fault=Fault(garbage="{oops")) as fake, session(fake) as client:
        await client.append(noise(0.4))
        assert await client.socket.receive_str() == "{oops"
        assert (await client.receive())["type"] == "session.output_audio.delta"


@pytest.mark.parametrize(
    ("ending", "code", "reason"),
    [
        (Ending(after=0.4), 1001, "invalid_request_error.session_expired"),
        (Ending.quota(after=0.4), 4000, "insufficient_quota.insufficient_quota"),
    ],
)
async def test_a_session_can_end_with_an_error(ending: Ending, code: int, reason: str) -> None:
    async with FakeOpenAI(fault=Fault(end=ending)) as fake, session(fake) as client:
        await client.append(noise(0.4))
        await client.receive()
        assert (await client.receive())["error"]["code"] == ending.code
        farewell = await client.socket.receive()
    assert (farewell.data, farewell.extra) == (code, reason)
    assert (fake.sessions[0].closed_by, fake.sessions[0].close_code) == ("server", code)


async def test_a_bad_key_may_be_refused_only_after_the_upgrade() -> None:
    async with FakeOpenAI(fault=Fault(end=Ending.invalid_key())) as fake, connected(fake) as client:
        assert (await client.receive())["error"]["code"] == "invalid_api_key", "before session.created"
        farewell = await client.socket.receive()
    assert (farewell.data, farewell.extra) == (3000, "invalid_request_error.invalid_api_key")


async def test_there_may_be_words_without_a_voice_or_a_voice_without_words() -> None:
    line = DEMO.lines[0]
    async with interpreter() as fake:
        for fault, voice, words in ((Fault(voiceless=True), False, True), (Fault(wordless=True), True, False)):
            fake.fail_next(fault)
            async with session(fake, line.into, transcripts=True) as client:
                await client.converse(np.concatenate((wide(line.audio()), pause(1))))
            assert client.audio.any() == voice
            assert bool(client.text("input")) == bool(client.text("output")) == words


async def test_a_session_may_never_say_that_it_is_closed() -> None:
    async with FakeOpenAI(fault=Fault(never_closed=True)) as fake, session(fake) as client:
        await client.append(noise(0.3))
        await client.send("session.close")
        assert (await client.receive())["type"] == "session.output_audio.delta"
        await client.append(noise(0.2))
        assert (await client.receive())["type"] == "error"
        assert fake.open_sessions


async def test_a_connection_can_be_reset_in_the_middle_of_what_it_says() -> None:
    async with FakeOpenAI(fault=Fault(reset_after_output=0.8)) as fake, session(fake) as client:
        await client.append(noise(2.0))
        await client.receive_all()
    assert client.socket.close_code == 1006
    assert len(client.of("session.output_audio.delta")) == 2
    assert fake.sessions[0].sent_seconds == pytest.approx(0.8)


async def test_a_session_can_fall_silent_in_the_middle_of_what_it_says() -> None:
    async with FakeOpenAI(fault=Fault(silent_after_output=0.8)) as fake, session(fake) as client:
        await client.append(noise(2.0))
        await fake.until(lambda: fake.sessions[0].seconds >= 2)
        for _ in range(2):
            await client.receive()
        with pytest.raises(TimeoutError):
            await client.socket.receive(timeout=0.05)
        assert fake.open_sessions


async def test_a_service_may_stop_to_read_until_its_client_goes() -> None:
    async with FakeOpenAI(fault=Fault(deaf_after=0.4)) as fake:
        async with session(fake) as client:
            await client.append(noise(0.4))
            assert (await client.receive())["type"] == "session.output_audio.delta"
            await client.append(noise(1.0))
            await client.socket.ping()
            with pytest.raises(TimeoutError):
                await client.socket.receive(timeout=0.05)
            assert fake.sessions[0].seconds == pytest.approx(0.4)
            assert fake.sessions[0].closed_by is None
            transport_of(client.socket).abort()
        await fake.until(lambda: fake.sessions[0].closed_by is not None)
    assert {fake.sessions[0].closed_by} == {"lost"}


async def test_a_line_on_which_nobody_reads_fills_up() -> None:
    async def talk_for_ever(client: Client) -> None:
        while True:
            await client.append(noise(10.0), step=240000)

    async with FakeOpenAI(fault=Fault(deaf_after=0)) as fake:
        async with connected(fake) as client:
            await client.receive()
            talk = asyncio.create_task(talk_for_ever(client))
            async with asyncio.timeout(5):
                waiting = 0
                while not waiting or transport_of(client.socket).get_write_buffer_size() != waiting:
                    waiting = transport_of(client.socket).get_write_buffer_size()
                    await asyncio.sleep(0.1)
            talk.cancel()
            await asyncio.wait([talk])
            transport_of(client.socket).abort()
        assert (fake.sessions[0].seconds, fake.sessions[0].deaf) == (0, True)
        assert not fake.open_sessions, "the service cannot know, so nobody has to wait for it"
    assert fake.sessions[0].closed_by is not None


async def test_a_session_can_be_short_lived() -> None:
    async with FakeOpenAI(fault=Fault(expires_in=0.2)) as fake, connected(fake) as client:
        begin = asyncio.get_running_loop().time()
        await client.receive_all()
        assert 0.1 < asyncio.get_running_loop().time() - begin < 2
    assert client.events[0]["session"]["expires_at"] == pytest.approx(time.time(), abs=3)
    assert client.events[-1]["error"]["code"] == "session_expired"
    assert client.socket.close_code == 1001
    assert fake.sessions[0].errors == ["session_expired"]


async def test_one_direction_can_fail_and_the_other_not() -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(reset_after=0.4), language="es")
        async with session(fake, "en") as english, session(fake, "es") as spanish:
            await english.append(noise(1.0))
            await spanish.append(noise(1.0))
            await spanish.receive_all()
            assert (await english.receive())["type"] == "session.output_audio.delta"
        async with session(fake, "es") as again:
            await again.append(noise(1.0))
            assert (await again.receive())["type"] == "session.output_audio.delta", "only one was to fail"
    assert [one.close_code == 1006 for one in fake.sessions] == [False, True, False]


async def test_what_was_to_befall_one_direction_can_be_taken_back_without_the_rest() -> None:
    async with FakeOpenAI() as fake:
        for language in ("es", "en"):
            fake.fail_next(Fault(reset_after=0.4), language=language)
        fake.heal("es")
        async with session(fake, "es") as spanish, session(fake, "en") as english:
            await spanish.append(noise(1.0))
            await english.append(noise(1.0))
            await english.receive_all()
            assert (await spanish.receive())["type"] == "session.output_audio.delta"
    assert [one.close_code == 1006 for one in fake.sessions] == [False, True]


async def test_a_refusal_cannot_be_for_one_direction() -> None:
    with pytest.raises(ValueError, match="language"):
        FakeOpenAI().fail_next(Fault(refuse=Refusal.of(500)), language="es")


async def test_the_service_may_fail_for_a_while_and_what_waits_for_one_direction_goes_on_waiting() -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(reset_after=0.4), language="es")
        fake.usually(Fault(refuse=Refusal.of(500)))
        for _ in range(2):
            assert (await refused(fake))[0] == 500
        fake.usually()
        async with session(fake, "es") as spanish:
            await spanish.append(noise(1.0))
            await spanish.receive_all()
    assert [one.close_code for one in fake.sessions] == [1006]


async def test_one_endpoint_can_fail_and_the_other_not() -> None:
    async with FakeOpenAI() as fake:
        fake.fail_next(Fault(refuse=Refusal.of(500)), times=2, endpoint="translations")
        turns = "/realtime?model=gpt-realtime-2.1"
        async with aiohttp.ClientSession() as http:
            headers = {"Authorization": f"Bearer {API_KEY}"}
            async with http.ws_connect(fake.url + turns, headers=headers) as socket:
                assert (await socket.receive_json())["type"] == "session.created"
        assert (await refused(fake))[0] == 500
        fake.heal()
        async with connected(fake) as client:
            assert (await client.receive())["type"] == "session.created"


@pytest.mark.parametrize("explained", [True, False])
async def test_a_refusal_may_be_explained_to_whoever_asks_for_the_model(explained: bool) -> None:
    async with FakeOpenAI() as fake, aiohttp.ClientSession() as http:
        fake.fail_next(Fault(refuse=Refusal.out_of_money(), explained=explained))
        assert (await refused(fake))[0] == 429
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with http.get(f"{fake.url}/models/{MODEL}", headers=headers) as answer:
            assert answer.status == (429 if explained else 200)
            assert ("insufficient_quota" in await answer.text()) == explained
        async with connected(fake) as client:
            await client.receive()
        async with http.get(f"{fake.url}/models/{MODEL}", headers=headers) as answer:
            assert answer.status == 200, "it is well again"
