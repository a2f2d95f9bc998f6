"""Media streams of the fake Twilio over real sockets."""

import asyncio
import base64

import pytest
from simulator_twilio_server import ACCOUNT, CALLER, FRONT, Server, Socket, a_company, a_tone, connect, twiml

from bmv.audio.mulaw import SILENCE
from bmv.simulator.twilio import Call, DeliveryError, FakeTwilio, Party


async def a_stream(twilio: FakeTwilio, server: Server, page: str = "") -> tuple[Call, Party, Socket]:
    server.pages["/front"] = page or connect()
    party = Party("Maria")
    call = await twilio.dial(from_=CALLER, to=FRONT, party=party)
    return call, party, await server.socket()


async def test_a_stream_starts_with_the_parameters_of_its_twiml() -> None:
    async with a_company() as (twilio, server):
        call, _, socket = await a_stream(twilio, server)
        stream = await call.streaming(1)
        assert socket.start["start"]["callSid"] == call.sid
        assert socket.start["start"]["customParameters"] == {"leg": "a"}
        assert socket.start["start"]["accountSid"] == ACCOUNT
        assert socket.sid == stream.sid
        assert stream.start_message is not None
        assert stream.sid in stream.start_message
        await server.until(lambda: server.events("/stream-status", "StreamEvent") == ["stream-started"])
        _, form = next(item for item in server.forms if item[0] == "/stream-status")
        assert set(form) == {"AccountSid", "CallSid", "StreamSid", "StreamName", "StreamEvent", "Timestamp"}
        assert twilio.alerts == []


async def test_what_the_party_says_arrives_in_order_without_a_gap() -> None:
    async with a_company() as (twilio, server):
        call, party, socket = await a_stream(twilio, server)
        speech = a_tone(0.1)
        party.say(speech)
        await party.done_speaking(1)
        await server.until(lambda: speech in socket.sound())
        await call.hang_up()
        await server.until(socket.closed.is_set)
        media = socket.of("media")
        assert [int(m["media"]["chunk"]) for m in media] == list(range(1, len(media) + 1))
        assert [int(m["media"]["timestamp"]) for m in media] == [20 * n for n in range(1, len(media) + 1)]
        assert [int(m["sequenceNumber"]) for m in socket.messages] == list(range(2, len(socket.messages) + 2))
        assert {m["media"]["track"] for m in media} == {"inbound"}
        assert socket.messages[-1]["event"] == "stop"
        assert socket.messages[-1]["stop"] == {"accountSid": ACCOUNT, "callSid": call.sid}
        await server.until(lambda: "stream-stopped" in server.events("/stream-status", "StreamEvent"))


async def test_what_the_server_plays_is_heard_in_real_time_and_marks_come_back_behind_it() -> None:
    async with a_company() as (twilio, server):
        _, party, socket = await a_stream(twilio, server)
        loop = asyncio.get_running_loop()
        sound, begin = a_tone(0.2), loop.time()
        await socket.play(sound[:100])
        await socket.play(sound[100:])
        await socket.send("mark", mark={"name": "end"})
        await server.until(lambda: bool(socket.of("mark")))
        assert loop.time() - begin >= 0.18
        assert socket.of("mark")[0]["mark"] == {"name": "end"}
        assert sound in party.heard
        assert party.heard.replace(sound, b"").strip(b"\xff") == b""
        assert twilio.alerts == []


async def test_a_stream_that_returns_no_marks_still_plays() -> None:
    async with a_company() as (twilio, server):
        call, party, socket = await a_stream(twilio, server)
        stream = await call.streaming(1)
        stream.returns_marks = False
        sound = a_tone(0.1)
        await socket.send("mark", mark={"name": "begin"})
        await socket.play(sound)
        await server.until(lambda: sound in party.heard)
        stream.returns_marks = True
        await socket.send("mark", mark={"name": "end"})
        await server.until(lambda: bool(socket.of("mark")))
        assert [each["mark"]["name"] for each in socket.of("mark")] == ["end"]
        assert stream.marks == ["begin", "end"]


async def test_clear_silences_what_is_queued_and_echoes_its_marks() -> None:
    async with a_company() as (twilio, server):
        call, party, socket = await a_stream(twilio, server)
        await socket.play(a_tone(5))
        await socket.send("mark", mark={"name": "end"})
        await party.hears_speech(1)
        stream = await call.streaming(1)
        assert stream.playback.queued > 4 * 8000
        await socket.send("clear")
        await server.until(lambda: bool(socket.of("mark")))
        assert stream.playback.queued == 0
        assert (stream.clears, stream.marks) == (1, ["end"])
        await party.hears_quiet(0.02, 1)


@pytest.mark.parametrize("text", ['{"event":"media"}', "garbage", '{"event":"clear","streamSid":"MZother"}'])
async def test_an_invalid_message_is_warned_of_once_and_the_stream_goes_on(text: str) -> None:
    async with a_company() as (twilio, server):
        call, party, socket = await a_stream(twilio, server)
        await socket.ws.send_str(text)
        await socket.ws.send_str(text)
        await socket.play(a_tone(0.04))
        await party.hears_speech(1)
        assert [alert.code for alert in twilio.alerts] == [31951]
        assert call.status == "in-progress"


async def test_a_binary_frame_is_warned_of() -> None:
    async with a_company() as (twilio, server):
        _, party, socket = await a_stream(twilio, server)
        await socket.ws.send_bytes(SILENCE)
        await socket.play(a_tone(0.04))
        await party.hears_speech(1)
        assert [alert.code for alert in twilio.alerts] == [31950]


async def test_more_than_ten_minutes_of_sound_is_warned_of() -> None:
    async with a_company() as (twilio, server):
        call, _, socket = await a_stream(twilio, server)
        for _ in range(2):
            await socket.play(b"\xff" * (301 * 8000))
        await socket.send("mark", mark={"name": "end"})
        await server.until(lambda: bool(call.stream and call.stream.marks))
        assert [alert.code for alert in twilio.alerts] == [31931]
        assert call.stream is not None
        assert call.stream.playback.queued <= 301 * 8000


async def test_a_refused_upgrade_is_an_error_and_the_next_verb_comes() -> None:
    async with a_company() as (twilio, server):
        server.refuse_upgrade = 403
        server.pages["/front"] = connect("<Say>Sorry</Say>")
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party())
        assert await call.ended(1) == "completed"
        assert [alert.code for alert in twilio.alerts] == [31920]
        assert call.said == [("Sorry", "en-US")]
        await server.until(lambda: server.events("/stream-status", "StreamEvent") == ["stream-error"])
        assert "403" in server.events("/stream-status", "StreamError")[0]


@pytest.mark.parametrize(
    ("noun", "code"),
    [
        ('<Stream url="wss://bmv.test/stream" track="both_tracks"/>', 31941),
        ('<Stream url="https://bmv.test/stream"/>', 31922),
        ('<Stream url="wss://https://bmv.test/stream"/>', 31923),
        ('<Stream url="wss://bmv.test/stream?a=b"/>', 31920),
        ('<Stream url="wss://nowhere.test/stream"/>', 31902),
    ],
)
async def test_a_wrong_stream_noun_has_its_own_error(noun: str, code: int) -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = twiml(f"<Connect>{noun}</Connect>")
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party())
        await call.ended(1)
        assert [alert.code for alert in twilio.alerts] == [code]


async def test_a_relative_stream_url_leads_to_the_same_host() -> None:
    async with a_company() as (twilio, server):
        call, _, _ = await a_stream(twilio, server, twiml('<Connect><Stream url="/stream"/></Connect>'))
        assert (await call.streaming(1)).url == "wss://bmv.test/stream"


async def test_when_the_server_closes_the_next_verb_comes() -> None:
    async with a_company() as (twilio, server):
        call, _, socket = await a_stream(twilio, server, connect("<Say>Bye</Say>"))
        await socket.ws.close()
        assert await call.ended(1) == "completed"
        assert call.said == [("Bye", "en-US")]
        await server.until(lambda: "stream-stopped" in server.events("/stream-status", "StreamEvent"))
        assert twilio.alerts == []


async def test_when_the_server_closes_the_action_takes_over() -> None:
    async with a_company() as (twilio, server):
        server.pages["/after"] = twiml("<Say>After</Say>")
        call, _, socket = await a_stream(twilio, server, connect("<Say>Never</Say>", ' action="/after"'))
        await socket.ws.close()
        await call.ended(1)
        assert call.said == [("After", "en-US")]
        assert server.events("/after", "CallStatus") == ["in-progress"]


async def test_a_server_that_drops_the_connection_is_told_on() -> None:
    async with a_company() as (twilio, server):
        call, _, socket = await a_stream(twilio, server)
        assert socket.ws._req is not None
        assert socket.ws._req.transport is not None
        socket.ws._req.transport.abort()
        await call.ended(1)
        assert [alert.code for alert in twilio.alerts] == [31921]
        await server.until(lambda: "stream-error" in server.events("/stream-status", "StreamEvent"))


async def test_a_line_that_breaks_off_says_neither_stop_nor_goodbye() -> None:
    async with a_company() as (twilio, server):
        call, _, socket = await a_stream(twilio, server, connect("<Say>Again</Say>"))
        (await call.streaming(1)).break_off()
        await server.until(socket.closed.is_set)
        assert not socket.stopped.is_set()
        assert socket.ws.close_code != 1000
        await call.ended(1)
        assert call.said == [("Again", "en-US")]
        assert twilio.alerts == []


async def test_keys_and_raw_messages_reach_the_server() -> None:
    async with a_company() as (twilio, server):
        call, _, socket = await a_stream(twilio, server)
        await call.streaming(1)
        call.press("4#")
        assert call.stream is not None
        call.stream.send_raw("{broken")
        await server.until(lambda: bool(socket.of("garbage")))
        assert [m["dtmf"] for m in socket.of("dtmf")] == [
            {"track": "inbound_track", "digit": "4"},
            {"track": "inbound_track", "digit": "#"},
        ]


async def test_a_raw_stream_is_refused_or_let_in_by_its_signature() -> None:
    async with a_company() as (twilio, server):
        with pytest.raises(DeliveryError) as refused:
            async with twilio.raw_stream("wss://bmv.test/stream", signature="wrong"):
                pass
        assert refused.value.status == 403
        async with twilio.raw_stream("wss://bmv.test/stream", parameters={"token": "x"}, call_sid="CA9") as ws:
            socket = await server.socket()
            assert socket.start["start"]["customParameters"] == {"token": "x"}
            assert socket.start["start"]["callSid"] == "CA9"
            await ws.send_str('{"event":"stop"}')
            await server.until(socket.stopped.is_set)
        assert twilio.alerts == []


async def test_a_server_that_does_not_read_cannot_hold_up_the_end() -> None:
    async with a_company() as (twilio, server):
        call, _, _ = await a_stream(twilio, server)
        stream = await call.streaming(1)
        server.reading.clear()
        for _ in range(40):  # more than the sockets' buffers hold
            stream.send_raw("x" * 1_000_000)
        await asyncio.sleep(0.1)
        assert stream.unsent > 10
        async with asyncio.timeout(3):
            await call.hang_up()


async def test_payloads_are_passed_on_unchanged() -> None:
    async with a_company() as (twilio, server):
        _, party, socket = await a_stream(twilio, server)
        everything = bytes(range(256)) * 5
        await socket.ws.send_json(
            {"event": "media", "streamSid": socket.sid, "media": {"payload": base64.b64encode(everything).decode()}}
        )
        party.say(everything)
        await party.done_speaking(1)
        await server.until(lambda: everything in party.heard and everything in socket.sound())
