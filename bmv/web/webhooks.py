"""Twilio's webhooks about calls under way: what each of them means. Signatures are checked before, in `gate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiohttp import web

from bmv.call.carrier import Carrier, CarrierError
from bmv.call.leg import Role
from bmv.call.registry import CallRegistry
from bmv.call.session import CallSession
from bmv.call.state import EndReason, IllegalTransition
from bmv.languages import Language
from bmv.telephony import twiml
from bmv.telephony.pairing import Pairing
from bmv.telephony.sids import sid_of
from bmv.telephony.taskrouter import TaskEvent, TaskMeaning, decode_event, encode_attributes, languages_of
from bmv.web.answers import call_sid_of, done, twiml_response
from bmv.web.gate import FORM

log = structlog.get_logger()

OVER = {"completed", "busy", "failed", "no-answer", "canceled"}


@dataclass(frozen=True)
class FlexDesk:
    """Where callers meet agents: the workflow that finds one (None without Flex), what they speak, and our own number.

    An agent's languages stand in the worker's attributes, under the first of `language_attributes` that names one.
    """

    workflow_sid: str | None
    agent_language: Language
    own_number: str
    language_attributes: tuple[str, ...]


class Webhooks:
    """The handlers of the POSTs that Twilio sends us once a caller is answered."""

    def __init__(
        self,
        registry: CallRegistry,
        *,
        carrier: Carrier,
        pairing: Pairing,
        desk: FlexDesk,
        captions_url: Callable[[str], str],
    ) -> None:
        """`captions_url` gives the address at which a call can be read along, by our id."""
        self._registry = registry
        self._carrier = carrier
        self._pairing = pairing
        self._desk = desk
        self._captions_url = captions_url

    def routes(self) -> list[web.RouteDef]:
        """The routes, all of them POST."""
        return [
            web.post("/outbound-call", self.outbound_call),
            web.post("/reservation-accepted", self.task_event),
            web.post("/call-status", self.call_status),
            web.post("/stream-status", self.stream_status),
        ]

    async def outbound_call(self, request: web.Request) -> web.Response:
        """An agent call reached Flex: make it a task that holds our call id, so that all that follows is exact."""
        form = request[FORM]
        numbers = (form.get("From", ""), form.get("To", ""))
        call_id = form.get(twiml.CALL_ID) or self._pairing.match(numbers, call_sid_of(form))
        call = self._registry.find(call_id)
        workflow = self._desk.workflow_sid
        if call is not None and call.reason is None and workflow:
            attributes = encode_attributes(
                call.id,
                call.caller.number,
                call.language(Role.CALLER),
                outbound=call.placed,
                captions_url=self._captions_url(call.id),
            )
            return twiml_response(twiml.enqueue(workflow, attributes))
        if call_id or numbers[0] == self._desk.own_number or not workflow:
            log.warning("agent_call_unknown", instead="rejected: the call it was placed for is over")
            return twiml_response(twiml.reject())
        log.warning("flex_number_dialled", instead="queued untranslated: somebody dialled the Flex number directly")
        attributes = encode_attributes(None, numbers[0], self._desk.agent_language)
        return twiml_response(twiml.enqueue(workflow, attributes))

    async def task_event(self, request: web.Request) -> web.Response:
        """TaskRouter's events; most are none of our business and are answered all the same."""
        form = request[FORM]
        event = decode_event(form)
        call = self._registry.find(event.call_id) if event else None
        if event and call and call.agents.is_about(event.seat):
            with structlog.contextvars.bound_contextvars(call_id=call.id):
                log.info("task_event", name=event.name)
                try:
                    self._tell(call, event)
                except IllegalTransition as error:
                    log.warning("event_out_of_place", error=str(error))
        return done()

    def _tell(self, call: CallSession, event: TaskEvent) -> None:
        call.agents.seat = event.seat
        match event.meaning:
            case TaskMeaning.CANCELED:
                call.end(EndReason.TASK_CANCELED)
            case TaskMeaning.RESERVED:
                call.agent_reserved(languages_of(event.worker, self._desk.language_attributes))
            case TaskMeaning.ACCEPTED:
                speaks = languages_of(event.worker, self._desk.language_attributes)
                call.agent_accepted(event.agent, speaks, worker=event.worker_sid)
            case TaskMeaning.LEFT:
                call.agent_left(event.agent)

    async def call_status(self, request: web.Request) -> web.Response:
        """A telephone call changed: ours to the agent, or the caller's where the number reports it."""
        form = request[FORM]
        call_id = request.query.get(twiml.CALL_ID, "")
        role = Role.AGENT if request.query.get(twiml.ROLE) == Role.AGENT.value else Role.CALLER
        status, call_sid = form.get("CallStatus", ""), sid_of(form.get("CallSid"))
        log.info("call_status", role=role.value, status=status, call_sid=call_sid)
        if role is Role.AGENT and status in OVER:
            self._pairing.give_up(call_id)  # also when our call is long over: the next one waits for its turn
        if not call_sid:  # nobody can say which telephone call it is; Twilio always does
            return done()
        call = self._registry.find(call_id) or self._registry.find_by_call_sid(call_sid)
        if call_id and status not in OVER and (call is None or call.reason is not None):
            await self._end_stray(call_sid)
        elif call and not call.is_call_of(role, call_sid):
            log.warning("call_status_of_another_call", call_id=call.id, call_sid=call_sid)
        elif call and status in OVER:
            call.call_completed(role, _reason_of(role, status, placed=call.placed))
        return done()

    async def stream_status(self, request: web.Request) -> web.Response:
        """How a stream fares; an error is the only word Twilio has on a handshake that failed."""
        form = request[FORM]
        call = self._registry.find(request.query.get(twiml.CALL_ID))
        event, role = form.get("StreamEvent", ""), request.query.get(twiml.ROLE, "")
        if event == "stream-error":
            whose = {"call_id": call.id} if call else {}
            log.warning("stream_error", role=role, error=form.get("StreamError", ""), **whose)
            if call:
                lost = EndReason.AGENT_STREAM_LOST if role == Role.AGENT.value else EndReason.CALLER_STREAM_LOST
                call.end(lost)
        return done()

    async def _end_stray(self, call_sid: str) -> None:
        """A call of ours that came about after its conversation was over, because Twilio answered late, for one."""
        log.warning("stray_call", call_sid=call_sid, instead="hung up")
        try:
            await self._carrier.hang_up(call_sid)
        except CarrierError as error:
            log.warning("hang_up_failed", error=str(error))


def _reason_of(role: Role, status: str, *, placed: bool) -> EndReason:
    """Why our call ends when a party's telephone call has come to this status."""
    if role is Role.CALLER:
        return EndReason.NOT_REACHED if placed and status != "completed" else EndReason.CALLER_HUNG_UP
    return EndReason.AGENT_HUNG_UP if status == "completed" else EndReason.AGENT_UNAVAILABLE
