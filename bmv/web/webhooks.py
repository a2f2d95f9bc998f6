"""Twilio's webhooks: what each of them means for a call. Signatures are checked before, in `gate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from aiohttp import web

from bmv import languages
from bmv.call.carrier import Carrier, CarrierError
from bmv.call.leg import Role
from bmv.call.registry import CallRegistry, NotAdmitted
from bmv.call.session import Caller
from bmv.call.state import EndReason, IllegalTransition
from bmv.languages import Language, Sentence
from bmv.telephony import twiml
from bmv.telephony.pairing import Pairing
from bmv.telephony.taskrouter import TaskMeaning, decode_event, encode_attributes
from bmv.web.gate import FORM

log = structlog.get_logger()

AGENT_WORD = "agent"  # `lang=agent`: a caller who did not choose; the flow goes on in the agents' language
OVER = {"completed", "busy", "failed", "no-answer", "canceled"}


@dataclass(frozen=True)
class FlexDesk:
    """Where callers meet agents: the workflow that finds one, the language they speak, and our own number."""

    workflow_sid: str
    agent_language: Language
    own_number: str


class Webhooks:
    """The handlers of every POST that Twilio sends us."""

    def __init__(
        self,
        registry: CallRegistry,
        *,
        carrier: Carrier,
        pairing: Pairing,
        addresses: twiml.Addresses,
        desk: FlexDesk,
    ) -> None:
        self._registry = registry
        self._carrier = carrier
        self._pairing = pairing
        self._addresses = addresses
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """The routes, all of them POST."""
        return [
            web.post("/incoming-call", self.incoming_call),
            web.post("/outbound-call", self.outbound_call),
            web.post("/reservation-accepted", self.task_event),
            web.post("/call-status", self.call_status),
            web.post("/stream-status", self.stream_status),
        ]

    async def incoming_call(self, request: web.Request) -> web.Response:
        """A caller has chosen a language: answer in it, and open the stream of the caller's leg."""
        form = request[FORM]
        call_sid = _call_sid(form)
        language = self._caller_language(request.query.get("lang"))
        spoken = language or self._desk.agent_language
        try:
            call = self._registry.answer(Caller(call_sid, form.get("From", ""), language))
        except NotAdmitted as error:
            log.warning("call_refused", reason=str(error))
            return _twiml(twiml.say(spoken.sentences[Sentence.BUSY], spoken))
        invitation = twiml.StreamInvitation(call.id, Role.CALLER, call.issue_token(Role.CALLER))
        sentences = (Sentence.GREETING,) if language else (Sentence.GREETING, Sentence.UNTRANSLATED)
        return _twiml(twiml.answer_caller(invitation, self._addresses, spoken, sentences))

    def _caller_language(self, word: str | None) -> Language | None:
        if word and word.strip().lower() == AGENT_WORD:
            return self._desk.agent_language
        language = languages.find(word)
        if language is None:
            what = "no such language" if word else "no lang was given"  # not the word: it came with the query string
            log.warning("language_unknown", reason=what, instead="the call goes through untranslated")
        return language

    async def outbound_call(self, request: web.Request) -> web.Response:
        """An agent call reached Flex: make it a task that holds our call id, so that all that follows is exact."""
        form = request[FORM]
        numbers = (form.get("From", ""), form.get("To", ""))
        call_id = form.get(twiml.CALL_ID) or self._pairing.match(numbers, _call_sid(form))
        call = self._registry.find(call_id)
        if call is not None and call.reason is None:
            attributes = encode_attributes(call.id, call.caller.number, call.language(Role.CALLER))
            return _twiml(twiml.enqueue(self._desk.workflow_sid, attributes))
        if call_id or numbers[0] == self._desk.own_number:
            log.warning("agent_call_unknown", instead="rejected: the call it was placed for is over")
            return _twiml(twiml.reject())
        log.warning("flex_number_dialled", instead="queued untranslated: somebody dialled the Flex number directly")
        return _twiml(
            twiml.enqueue(self._desk.workflow_sid, encode_attributes(None, numbers[0], self._desk.agent_language))
        )

    async def task_event(self, request: web.Request) -> web.Response:
        """TaskRouter's events; most are none of our business and are answered all the same."""
        form = request[FORM]
        event = decode_event(form)
        call = self._registry.find(event.call_id) if event else None
        if event and call:
            log.info("task_event", call_id=call.id, name=event.name)
            match event.meaning:
                case TaskMeaning.RESERVED:
                    call.agent_reserved()
                    call.task_sid = event.task_sid
                case TaskMeaning.ACCEPTED:
                    call.task_sid = event.task_sid
                    try:
                        call.agent_accepted()
                    except IllegalTransition as error:
                        log.warning("event_out_of_place", call_id=call.id, error=str(error))
                case TaskMeaning.CANCELED if call.task_sid in (None, event.task_sid):  # attributes may be copied
                    call.end(EndReason.TASK_CANCELED)
        return _done()

    async def call_status(self, request: web.Request) -> web.Response:
        """A telephone call changed: ours to the agent, or the caller's where the number reports it."""
        form = request[FORM]
        call_id = request.query.get(twiml.CALL_ID, "")
        role = Role.AGENT if request.query.get(twiml.ROLE) == Role.AGENT.value else Role.CALLER
        status, call_sid = form.get("CallStatus", ""), form.get("CallSid", "")
        log.info("call_status", role=role.value, status=status, call_sid=call_sid)
        if role is Role.AGENT and status in OVER:
            self._pairing.give_up(call_id)  # also when our call is long over: the next one waits for its turn
        call = self._registry.find(call_id) or self._registry.find_by_call_sid(call_sid)
        if call and status in OVER:
            call.call_completed(role, _reason_of(role, status))
        elif role is Role.AGENT and status not in OVER and (call is None or call.reason is not None):
            await self._end_stray(call_sid)
        return _done()

    async def stream_status(self, request: web.Request) -> web.Response:
        """How a stream fares; an error is the only word Twilio has on a handshake that failed."""
        form = request[FORM]
        call = self._registry.find(request.query.get(twiml.CALL_ID))
        event, role = form.get("StreamEvent", ""), request.query.get(twiml.ROLE, "")
        if event == "stream-error":
            log.warning("stream_error", role=role, error=form.get("StreamError", ""))
            if call:
                lost = EndReason.AGENT_STREAM_LOST if role == Role.AGENT.value else EndReason.CALLER_STREAM_LOST
                call.end(lost)
        return _done()

    async def _end_stray(self, call_sid: str) -> None:
        """An agent call that came about after its call was over, for instance because Twilio answered too late."""
        log.warning("stray_agent_call", agent_call_sid=call_sid, instead="hung up")
        try:
            await self._carrier.hang_up(call_sid)
        except CarrierError as error:
            log.warning("hang_up_failed", error=str(error))


def _call_sid(form: Mapping[str, str]) -> str:
    """Which call a voice webhook is about; Twilio's always say, and without it calls could not be told apart."""
    if call_sid := form.get("CallSid"):
        return call_sid
    raise web.HTTPBadRequest(text="no CallSid\n")


def _reason_of(role: Role, status: str) -> EndReason:
    """Why our call ends when a party's telephone call has come to this status."""
    if role is Role.CALLER:
        return EndReason.CALLER_HUNG_UP
    return EndReason.AGENT_HUNG_UP if status == "completed" else EndReason.AGENT_UNAVAILABLE


def _twiml(document: str) -> web.Response:
    return web.Response(text=document, content_type="text/xml", charset="utf-8")


def _done() -> web.Response:
    """What TaskRouter and status callbacks want to hear."""
    return web.Response(status=204, content_type="application/json")
