"""What Twilio tells of how calls and streams fare, and what that means for ours: over real HTTP."""

import asyncio

import pytest
from posted import NUMBERS, OVER, RUNNING, agent_status, task_event
from structlog.testing import capture_logs
from wires import AGENT_SID, CALLER_SID, FakeCarrier, house, log_lines

from bmv import languages
from bmv.call.leg import Role
from bmv.call.state import EndReason
from bmv.languages import Sentence

# -- call status ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", RUNNING)
async def test_an_agent_call_that_makes_its_way_changes_nothing(status: str) -> None:
    async with house() as home:
        call = await home.call()
        assert (await home.post(*agent_status(call.id, status))).status == 204
        assert call.reason is None
        assert home.carrier.hung_up == []


@pytest.mark.parametrize("status", OVER)
async def test_an_agent_call_that_is_over_ends_the_call_and_gives_way_to_the_next(status: str) -> None:
    async with house() as home:
        call = await home.queued()
        await home.pairing.claim(NUMBERS, call.id)
        assert (await home.post(*agent_status(call.id, status))).status == 204
        assert call.reason is EndReason.AGENT_UNAVAILABLE  # nobody had accepted yet
        async with asyncio.timeout(5):
            await home.pairing.claim(NUMBERS, "next")
        await home.over()
        spanish = languages.get("es")
        assert home.carrier.said == [(CALLER_SID, spanish.sentences[Sentence.UNAVAILABLE], spanish)]
        assert CALLER_SID in home.carrier.hung_up


async def test_the_end_of_a_telephone_call_that_is_none_of_ours_ends_nothing() -> None:
    async with house() as home:
        call = await home.queued()
        path, form = agent_status(call.id, "completed", CallSid="CA" + "9" * 32)
        assert (await home.post(path, form)).status == 204
        assert call.reason is None


@pytest.mark.parametrize("status", ["ringing", "completed"])
@pytest.mark.parametrize("name", ["", "no/name", "CA" * 40])
async def test_news_of_a_telephone_call_without_a_name_is_news_of_none(name: str, status: str) -> None:
    async with house() as home:
        call = await home.call()
        for call_id in (call.id, "0" * 24):
            assert (await home.post(*agent_status(call_id, status, CallSid=name))).status == 204
        assert (await home.post(*agent_status(call.id, "ringing"))).status == 204  # the first that is told of
        assert call.is_call_of(Role.AGENT, AGENT_SID)
        assert call.reason is None
        assert home.carrier.hung_up == []


async def test_a_telephone_call_is_known_from_its_first_news_on_and_ended_though_the_order_was_never_answered() -> None:
    async with house() as home:
        call = await home.call()
        await home.post(*agent_status(call.id, "ringing"))
        call.end(EndReason.SHUTDOWN)
        await home.over()
        assert AGENT_SID in home.carrier.hung_up


async def test_an_agent_who_hangs_up_during_the_call_has_hung_up() -> None:
    async with house() as home:
        call = await home.queued()
        await home.post("/reservation-accepted", task_event("reservation.accepted", call.id))
        assert (await home.post(*agent_status(call.id, "completed"))).status == 204
        assert call.reason is EndReason.AGENT_HUNG_UP
        await home.over()
        spanish = languages.get("es")
        assert home.carrier.said == [(CALLER_SID, spanish.sentences[Sentence.GOODBYE], spanish)]


@pytest.mark.parametrize("status", OVER)
async def test_the_callers_own_call_is_found_by_its_call_sid(status: str) -> None:
    async with house() as home:
        call = await home.call()
        assert (await home.post("/call-status", {"CallSid": CALLER_SID, "CallStatus": status})).status == 204
        assert call.reason is EndReason.CALLER_HUNG_UP
        await home.over()
        assert home.carrier.said == []


async def test_status_of_other_peoples_calls_is_none_of_our_business() -> None:
    async with house() as home:
        call = await home.call()
        for form in ({"CallSid": "CA9", "CallStatus": "completed"}, {"CallStatus": "completed"}, {}):
            assert (await home.post("/call-status", form)).status == 204
        assert call.reason is None
        assert home.carrier.hung_up == []


@pytest.mark.parametrize("status", ["initiated", "ringing", "in-progress"])
async def test_an_agent_call_whose_call_is_over_is_hung_up(status: str) -> None:
    async with house() as home:
        assert (await home.post(*agent_status("gone", status))).status == 204
        assert home.carrier.hung_up == [AGENT_SID]


async def test_an_agent_call_that_comes_about_while_its_call_parts_is_hung_up() -> None:
    async with house(farewell=60) as home:
        call = await home.queued()
        await home.post("/reservation-accepted", task_event("task.canceled", call.id))  # and the caller is being told
        late = "CA" + "7" * 32
        target, form = agent_status(call.id, "ringing", CallSid=late)
        assert (await home.post(target, form)).status == 204
        assert home.registry.find(call.id) is call
        assert late in home.carrier.hung_up
        await home.post("/call-status", {"CallSid": CALLER_SID, "CallStatus": "completed"})
        await home.over()


@pytest.mark.parametrize("status", OVER)
async def test_an_agent_call_that_is_over_by_itself_needs_no_hanging_up(status: str) -> None:
    async with house() as home:
        assert (await home.post(*agent_status("gone", status))).status == 204
        assert home.carrier.hung_up == []


async def test_a_stray_that_cannot_be_hung_up_is_reported_and_answered() -> None:
    with capture_logs() as logs:
        async with house(carrier=FakeCarrier(refusing="Twilio refused (20003)")) as home:
            assert (await home.post(*agent_status("gone", "ringing"))).status == 204
    assert {"event": "hang_up_failed", "error": "Twilio refused (20003)"}.items() <= logs[-2].items()


@pytest.mark.parametrize(
    "statuses",
    [
        ["initiated", "ringing", "in-progress", "completed"],
        ["completed", "in-progress", "ringing", "initiated"],
        ["initiated", "initiated", "completed", "completed", "ringing", "ringing"],
    ],
)
async def test_status_that_arrives_twice_or_out_of_order_ends_the_call_once(statuses: list[str]) -> None:
    with log_lines() as lines:
        async with house() as home:
            call = await home.queued()
            for number, status in enumerate(statuses):
                target, form = agent_status(call.id, status, SequenceNumber=str(number))
                assert (await home.post(target, form)).status == 204
            assert call.reason is EndReason.AGENT_UNAVAILABLE
            await home.over()
    assert len(home.carrier.said) == 1
    assert "Traceback" not in lines.getvalue()


# -- stream status --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "reason"),
    [("caller", EndReason.CALLER_STREAM_LOST), ("agent", EndReason.AGENT_STREAM_LOST)],
)
async def test_a_stream_that_could_not_be_made_ends_its_call(role: str, reason: EndReason) -> None:
    async with house() as home:
        call = await home.call()
        target = f"/stream-status?bmv_call_id={call.id}&bmv_role={role}"
        form = {"StreamEvent": "stream-error", "StreamError": "31920 - handshake", "CallSid": CALLER_SID}
        for _ in range(2):
            assert (await home.post(target, form)).status == 204
        assert call.reason is reason
        await home.over()


@pytest.mark.parametrize("event", ["stream-started", "stream-stopped", "", "stream-new"])
async def test_a_stream_that_fares_well_changes_nothing(event: str) -> None:
    async with house() as home:
        call = await home.call()
        target = f"/stream-status?bmv_call_id={call.id}&bmv_role=caller"
        assert (await home.post(target, {"StreamEvent": event, "CallSid": CALLER_SID})).status == 204
        assert call.reason is None


async def test_a_stream_error_of_a_call_that_is_over_is_answered() -> None:
    async with house() as home:
        form = {"StreamEvent": "stream-error", "StreamError": "31921"}
        assert (await home.post("/stream-status?bmv_call_id=gone&bmv_role=agent", form)).status == 204
        assert (await home.post("/stream-status", form)).status == 204
