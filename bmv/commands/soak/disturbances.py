"""How each fault of the plan is brought about, by what the simulated company, translator and people can do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING

from bmv.commands.soak.environs import ACCOUNT, HOST
from bmv.simulator.openai import Ending, Fault
from bmv.simulator.openai.faults import Endpoint, ResponseFault
from bmv.simulator.twilio import DeliveryError

if TYPE_CHECKING:
    from bmv.commands.soak.enactment import Enactment

LATE_ANSWER = 9.0  # seconds: more than the server waits for Twilio
HOLD_SECONDS = 2.5
NOTICED_SECONDS = 2.5  # from the end of a hold on: the server asks once a second
FINAL = ("completed", "wrapup", "canceled", "deleted", "rejected", "rescinded", "timeout", "stream-error")
GARBAGE = ("{this is no JSON", '{"type": 7}', "[]", '{"type":"session.output_audio.delta","delta":"!"}')
RUBBISH = (
    *("{", "[]", '{"event":"media"}', '{"event":"media","media":{"payload":"***"}}', '{"event":"future"}'),
    *('{"event":"mark"}', '{"event":"mark","mark":{"name":"nobody has sent it"}}'),
)

SCRIPTED = (
    "voice-before-acceptance",
    "caller-leaves-at-once",
    "caller-leaves-the-queue",
    "caller-cut-off",
    "agent-hangs-up-first",
    "agent-declines-first",
    "task-canceled",
)
"""What people do; it is in the script (`enactment`)."""

_TRANSLATOR: Mapping[str, Callable[[float], Fault]] = {
    "translator-reset": lambda after: Fault(reset_after=after),
    "translator-reset-in-its-answer": lambda after: Fault(reset_after_output=after),
    "translator-reset-again-and-again": lambda after: Fault(reset_after=after),
    "translator-expired": lambda after: Fault(end=Ending(after=after)),
    "translator-closed": lambda after: Fault(end=Ending.closed(after=after)),
    "translator-out-of-money": lambda after: Fault(end=Ending.quota(after=after)),
    "translator-silent": lambda after: Fault(silent_after=after, responses=(ResponseFault(unanswered=True),) * 9),
    "translator-deaf": lambda after: Fault(deaf_after=after),
    "translator-garbage": lambda after: Fault(garbage=GARBAGE[round(after * 100) % len(GARBAGE)]),
    "translator-expiring": lambda after: Fault(expires_in=8.0 + after),
    "translator-voiceless": lambda _: Fault(voiceless=True),
    "translator-ignores-its-settings": lambda _: Fault(ignore_updates=True),
    "translator-other-language": lambda _: Fault(other_language="id", keeps_pcm=True),
    "translator-never-closed": lambda _: Fault(never_closed=True),
    "translator-closes-slowly": lambda after: Fault(closing_seconds=3.0 + after),
}
_AGAIN = 5  # sessions that are lost before one is well


def before(act: Enactment) -> None:
    """Prepare what goes wrong with the translator."""
    if make := _TRANSLATOR.get(act.plan.fault):
        times = _AGAIN if act.plan.fault.endswith("again-and-again") else 1
        # A turn-based one that answers with silence counts as having answered: docs/faults.md, "Known limits".
        continuous: Endpoint | None = "translations" if act.plan.fault == "translator-voiceless" else None
        act.world.openai.fail_next(make(act.plan.after), times, language=act.target, endpoint=continuous)


def answered(act: Enactment) -> None:
    """Prepare what goes wrong with the order of the agent call: the server knows the call now, and orders next."""
    twilio, mine = act.world.twilio, act.call_id
    match act.plan.fault:
        case "order-refused":
            twilio.refuse_next("POST", "/Calls.json", status=400, code=21211, containing=mine)
        case "order-failed":
            twilio.refuse_next("POST", "/Calls.json", status=503, code=20503, containing=mine)
        case "order-done-and-answered-late":
            twilio.hang_next("POST", "/Calls.json", LATE_ANSWER, containing=mine)
        case "order-done-and-answer-lost":
            twilio.drop_next("POST", "/Calls.json", containing=mine)


async def talking(act: Enactment) -> None:
    """Do what goes wrong while both are on the line, or see to it that it will in a moment."""
    if at_once := _AT_ONCE.get(act.plan.fault):
        await at_once(act)


async def afterwards(act: Enactment) -> None:
    """The call is over: news of it come again, and what did not happen must not befall another call."""
    twilio = act.world.twilio
    if act.plan.fault == "webhooks-again-in-disorder":
        await _again(act, everything=True)
    for call in filter(None, (act.call, act.ordered)):
        twilio.forget_troubles(call.sid)
    if act.call_id:
        twilio.forget_troubles(act.call_id)
    for language in (act.line.caller, act.line.agent):
        act.world.openai.heal(language)


# -- REST ------------------------------------------------------------------------------------------------------------


async def _hang_up(act: Enactment, trouble: str) -> None:
    """The request that ends the agent's telephone call."""
    sid, twilio = act.ordered.sid if act.ordered else "", act.world.twilio
    match trouble:
        case "fails":
            twilio.refuse_next("POST", sid, status=500)
        case "late":
            twilio.hang_next("POST", sid, LATE_ANSWER)
        case "lost":
            twilio.drop_next("POST", sid)


async def _farewell(act: Enactment) -> None:
    act.world.twilio.refuse_next("POST", act.inbound.sid, times=2, status=500)


async def _look_ups(act: Enactment) -> None:
    """The questions whether the caller is on hold: by the conference's customer, of this call alone."""
    assert act.seat is not None  # noqa: S101
    act.world.twilio.refuse_next("GET", act.seat.conference.sid, times=2, status=500)
    await _on_hold(act)


async def _on_hold(act: Enactment) -> None:
    assert act.seat is not None  # noqa: S101
    act.seat.hold()
    await asyncio.sleep(HOLD_SECONDS)
    act.seat.resume()
    await asyncio.sleep(NOTICED_SECONDS)


# -- streams ---------------------------------------------------------------------------------------------------------


async def _breaks(act: Enactment, who: str) -> None:
    """In a moment, in the middle of a sentence."""
    call = act.inbound if who == "caller" else act.ordered

    def cut() -> None:
        if call and call.stream:
            call.stream.break_off()

    asyncio.get_running_loop().call_later(act.plan.after, cut)


async def _start_twice(act: Enactment) -> None:
    for call in (act.inbound, act.ordered):
        if call and call.stream and call.stream.start_message:
            call.stream.send_raw(call.stream.start_message)


async def _rubbish(act: Enactment) -> None:
    for call in (act.inbound, act.ordered):
        if call and (stream := call.stream):
            for text in RUBBISH:
                stream.send_raw(text)


async def _marks_ignored(act: Enactment) -> None:
    for call in (act.inbound, act.ordered):
        if call and call.stream:
            call.stream.returns_marks = False


async def _foreign_streams(act: Enactment) -> None:
    """With this call's id and a used token, with no token, with another's, and one that never begins."""
    url = f"wss://{HOST}/intercept"
    stream = act.inbound.stream
    used = json.loads(stream.start_message)["start"]["customParameters"] if stream and stream.start_message else {}
    claims: tuple[dict[str, str], ...] = (used, used | {"bmv_token": ""}, used | {"bmv_call_id": "0" * 24}, {})
    for claim in claims:
        async with act.world.twilio.raw_stream(url, parameters=claim) as socket:
            await asyncio.wait_for(socket.receive(), timeout=5)  # it is closed
    async with act.world.twilio.raw_stream(url, start=False):
        await asyncio.sleep(act.plan.after)


# -- webhooks --------------------------------------------------------------------------------------------------------


async def _again(act: Enactment, *, everything: bool = False) -> None:
    """All that was posted about the call is posted again, in another order; while it runs, nothing that ends it.

    Afterwards not what began it: the server would take it for another call, and wait half a minute for its stream.
    """
    posted = [each for each in act.webhooks() if not any(word in str(each.fields) for word in FINAL)]
    if everything:
        posted = [each for each in act.webhooks() if each.path != "/incoming-call"]
    act.chance.shuffle(posted)
    for webhook in posted:
        await act.world.twilio.post(webhook.url, webhook.fields)


async def _foreign_events(act: Enactment) -> None:
    """News of other people's tasks and calls, some of which name this one."""
    twilio, host = act.world.twilio, f"https://{HOST}"
    copied = json.dumps({"bmv_call_id": act.call_id})
    for event in (
        "task.canceled",
        "reservation.accepted",
        "reservation.wrapup",
        "task.deleted",
        "worker.activity.update",
    ):
        form = {"AccountSid": ACCOUNT, "EventType": event, "TaskSid": "WT" + "9" * 32, "WorkspaceSid": "WS" + "9" * 32}
        for attributes in (copied, "{}", '{"bmv_call_id": 7}', "no JSON"):
            await twilio.post(f"{host}/reservation-accepted", form | {"TaskAttributes": attributes})
    for query in (f"?bmv_call_id={act.call_id}&bmv_role=agent", f"?bmv_call_id={'0' * 24}&bmv_role=caller", ""):
        form = {"AccountSid": ACCOUNT, "CallSid": "CA" + "9" * 32, "CallStatus": "completed"}
        await twilio.post(f"{host}/call-status{query}", form)
    form = {"AccountSid": ACCOUNT, "CallSid": "CA" + "9" * 32, "StreamEvent": "stream-error"}
    await twilio.post(f"{host}/stream-status", form)


async def _unsigned(act: Enactment) -> None:
    """What would end the call, if anybody but Twilio could say it."""
    for webhook in act.webhooks():
        form = dict(webhook.fields) | {"CallStatus": "completed", "EventType": "task.canceled"}
        for signature in ("", "AAAA", "é"):
            with_signature = partial(act.world.twilio.post, webhook.url, form, signature=signature)
            try:
                await with_signature()
            except (DeliveryError, UnicodeError, ValueError):
                continue


_AT_ONCE: Mapping[str, Callable[[Enactment], Coroutine[None, None, None]]] = {
    "hang-up-failed": partial(_hang_up, trouble="fails"),
    "hang-up-done-and-answered-late": partial(_hang_up, trouble="late"),
    "hang-up-done-and-answer-lost": partial(_hang_up, trouble="lost"),
    "farewell-failed": _farewell,
    "look-ups-fail": _look_ups,
    "hold": _on_hold,
    "caller-stream-breaks": partial(_breaks, who="caller"),
    "agent-stream-breaks": partial(_breaks, who="agent"),
    "start-twice": _start_twice,
    "rubbish-in-the-stream": _rubbish,
    "foreign-streams": _foreign_streams,
    "marks-ignored": _marks_ignored,
    "webhooks-again-in-disorder": _again,
    "foreign-events": _foreign_events,
    "unsigned-webhooks": _unsigned,
}

HANDLED = frozenset(
    {
        *_TRANSLATOR,
        *_AT_ONCE,
        *("order-refused", "order-failed", "order-done-and-answered-late", "order-done-and-answer-lost"),
        *SCRIPTED,
    }
)
"""Every fault that is brought about here, or by the script itself."""
