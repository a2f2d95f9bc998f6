"""What is told of a call at its end: how long each waited, where its speech went, what was used, and bugs."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
from fakes import FakeLeg, lost, settle, spoken
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from talk import AGENT, CALLER, Log, Talk

from bmv.audio.mulaw import SILENCE
from bmv.call.leg import Role
from bmv.call.state import EndReason

pytestmark = pytest.mark.usefixtures("logs")


def the_end(logs: Log) -> MutableMapping[str, Any]:
    """The last log line of a call."""
    (entry,) = (entry for entry in logs if entry["event"] == "call_ended")
    return entry


async def test_the_end_of_a_call_reports_how_long_each_side_waited_also_when_one_never_spoke(
    logs: Log,
) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        await talk.hear(CALLER, *spoken(0, 50))
        world.provider.session("es").speak(*spoken(0, 20))
        await world.pass_time(1.0)
    report = the_end(logs)
    assert report["reason"] == "caller_hung_up"
    assert report["caller"]["lag"]["count"] == 1
    assert report["caller"]["average_time_to_first_translated_audio_ms"] == pytest.approx(1000, abs=250)
    assert report["caller"]["downlink"]["count"] == 1
    assert report["agent"]["lag"] == {}
    assert report["agent"]["average_time_to_first_translated_audio_ms"] is None


async def test_the_end_of_a_call_tells_where_every_second_of_speech_went(
    logs: Log,
) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.queued()
        await talk.hear(CALLER, *spoken(0, 50), *[SILENCE] * 30)  # nobody is there to hear it
        talk.call.agent_accepted()
        await settle()
        session = world.provider.session("es")
        await talk.hear(CALLER, *spoken(50, 100))
        session.process()
        await talk.hear(CALLER, *spoken(100, 150))
        session.process(75, translated=False)
        await settle()
        session.lose(lost(permanent=True))
        await talk.hear(CALLER, *spoken(150, 200))
        await world.pass_time(3.0)  # which the agent heard: soon after it, his words could be its echo
        await talk.hear(AGENT, *spoken(200, 260))
        await world.pass_time(1.0)
        world.provider.session("en").process()
        await settle()
    report = the_end(logs)
    caller, agent = report["caller"]["speech_seconds"], report["agent"]["speech_seconds"]
    assert caller == {
        "heard": pytest.approx(4.5, abs=0.1),  # with what the detector takes for the end of the first words
        "translated": pytest.approx(1.0, abs=0.05),
        "passed_through": 2.0,
        "not_translatable": pytest.approx(1.5, abs=0.07),
        "lost": 0.0,
        "replayed": 0.0,
    }
    assert agent["translated"] == agent["heard"] > 1.0
    for speech in (caller, agent):
        fates = ("translated", "passed_through", "not_translatable", "lost")
        assert speech["heard"] == pytest.approx(sum(speech[fate] for fate in fates))


async def test_what_waits_at_the_carrier_is_put_right_by_late_marks_and_not_by_those_of_a_stream_that_is_over(
    logs: Log,
) -> None:
    talk = Talk("en")
    async with talk.living():
        await talk.bridged()
        for second in range(8):
            await talk.hear(AGENT, *spoken(50 * second, 50 * second + 50))
            talk.call.mark_reached(CALLER, FakeLeg("CA-before"), talk.caller.marks[-1])
            if second != 1:  # when the network held all back, for a second
                talk.call.mark_reached(CALLER, talk.caller, talk.caller.marks.pop(0))
    assert the_end(logs)["agent"]["playback_corrected_ms"] == pytest.approx(1000, abs=100)


async def test_what_is_cut_off_by_the_end_of_a_call_is_lost_and_the_end_is_the_reason(
    logs: Log,
) -> None:
    talk = Talk()
    async with talk.living() as world:
        world.provider.opening.clear()
        await talk.bridged()
        await talk.hear(CALLER, *spoken(0, 50))
        talk.call.end(EndReason.SHUTDOWN)
    speech = the_end(logs)["caller"]["speech_seconds"]
    assert speech["lost"] == speech["heard"] > 0.9
    assert speech["lost_because"] == {"the call ended: shutdown": speech["lost"]}


@pytest.mark.parametrize(("leaving", "fate"), [(CALLER, "lost"), (AGENT, "not_translatable")])
async def test_what_was_not_translated_yet_is_lost_when_its_speaker_hangs_up_and_not_when_its_listener_does(
    leaving: Role, fate: str, logs: Log
) -> None:
    talk = Talk()
    async with talk.living() as world:
        world.provider.opening.clear()
        await talk.bridged()
        await talk.hear(CALLER, *spoken(0, 50))
        talk.call.leg_closed(leaving, talk.caller if leaving is CALLER else talk.agent, hung_up=True)
        await talk.over()
    speech = the_end(logs)["caller"]["speech_seconds"]
    assert speech[fate] == speech["heard"] > 0.9


async def test_the_end_of_a_call_tells_how_many_sessions_it_took_and_what_they_used(
    logs: Log,
) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        world.provider.session("es").lose()
        await world.pass_time(1.0)
    report = the_end(logs)
    assert report["caller"]["sessions"] == report["caller"]["used"]["sessions"] == 2
    assert report["agent"]["sessions"] == report["agent"]["used"]["sessions"] == 1
    assert report["agent"]["used"]["usd"] == 0


async def test_every_line_that_a_call_logs_by_itself_names_it() -> None:
    talk = Talk()
    with capture_logs(processors=[merge_contextvars]) as lines:
        async with talk.living() as world:
            await talk.bridged()
            world.provider.session("es").lose()
            await world.pass_time(1.0)
    named = {line["event"] for line in lines if line.get("call_id") == talk.call.id}
    assert {"call_answered", "dialled", "translator_ready", "translator_lost", "call_ended"} <= named


async def test_a_bug_is_logged_once_and_not_at_every_beat(logs: Log) -> None:
    talk = Talk()
    async with talk.living() as world:
        await talk.bridged()
        talk.agent.deaf = ZeroDivisionError("a bug")
        world.provider.session("es").speak(*spoken(0, 50))
        await world.pass_time(1.0)
    assert [entry["event"] for entry in logs].count("internal_error") == 1
