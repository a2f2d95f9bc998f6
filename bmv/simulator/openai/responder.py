"""Who answers in a turn-based session: it takes the requests for responses, and lets those in progress take turns."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bmv.simulator.openai.checks import RefusedEvent
from bmv.simulator.openai.events import EventWriter
from bmv.simulator.openai.faults import NO_FAULT, WELL, Fault, ResponseFault
from bmv.simulator.openai.items import Item, new_id
from bmv.simulator.openai.realtime_settings import check_reasoning
from bmv.simulator.openai.realtime_wire import item_of
from bmv.simulator.openai.records import ConversationRecord, ResponseRecord
from bmv.simulator.openai.responses import Delivery, Outcome, Request, Response, Step
from bmv.simulator.openai.speech import read_aloud
from bmv.simulator.openai.turns import Part, TurnBrain


class Responder:
    """The responses of one session. Each goes on by one event when it is due; the events of several interleave."""

    def __init__(
        self, brain: TurnBrain, *, record: ConversationRecord, events: EventWriter, delivery: Delivery
    ) -> None:
        self._brain = brain
        self._record = record
        self._events = events
        self._delivery = delivery
        self._fault = NO_FAULT
        self._asked = 0
        self._running: list[_Running] = []

    @property
    def due(self) -> float | None:
        """The loop time at which the next event is due; None if none is."""
        due = min((one.due for one in self._running), default=math.inf)
        return None if due == math.inf else due

    async def ask(self, body: Mapping[str, Any], fault: Fault) -> None:
        """Begin the response that was asked for, or refuse it. `fault` is what goes wrong with the session."""
        request = self._request(body)
        wrong = self._next_fault(fault)
        if wrong.conflict or (not request.out_of_band and self._active()):
            raise self._conflict()
        if wrong.unanswered:
            return
        response = await self._response(request, wrong, fault)
        due = math.inf if wrong.overtaken else asyncio.get_running_loop().time() + self._delivery.thinking_seconds
        self._running.append(_Running(response, response.steps(), due))
        self._record.responses.append(response.record)
        self._record.most_at_once = max(self._record.most_at_once, len(self._record.running))

    def cancel(self, response_id: str | None, now: float) -> None:
        """Cancel the response with this id, or the one that writes to the conversation. RefusedEvent if none is."""
        active = self._active(response_id)
        if active is None:
            message = "Cancellation failed: no active response found"
            raise RefusedEvent("response_cancel_not_active", message)
        self._cut(active, "cancelled", "client_cancelled", now)

    def interrupt(self, now: float) -> None:
        """Cancel what writes to the conversation, because somebody speaks. Other responses go on."""
        active = self._active()
        if active is not None:
            self._cut(active, "cancelled", "turn_detected", now)

    def step(self, now: float) -> Step | None:
        """Give the next event that is due by now."""
        for one in sorted(self._running, key=lambda running: running.due):
            if one.due > now:
                return None
            step = next(one.steps, None)
            if step is not None:
                # Not before now: whoever has waited for longer is next, so that they interleave at any speed.
                one.due = max(one.due, now) + step.seconds / self._delivery.speed
                return step
            self._finish(one, now)
        return None

    def _request(self, body: Mapping[str, Any]) -> Request:
        settings = self._record.settings
        check_reasoning(settings["model"], body, "response")
        wanted = body.get("audio", {}).get("output", {})
        output = settings["audio"]["output"]
        return Request(
            instructions=body.get("instructions", settings["instructions"]),
            inputs=tuple(self._inputs(body)),
            out_of_band=body.get("conversation") == "none",
            metadata=body.get("metadata"),
            audio={name: wanted.get(name, output[name]) for name in ("format", "voice")},
            max_output_tokens=body.get("max_output_tokens", settings["max_output_tokens"]),
        )

    def _inputs(self, body: Mapping[str, Any]) -> Iterator[Item]:
        """Give the context: the whole conversation, unless the request brings one of its own."""
        if "input" not in body:
            yield from self._record.conversation
            return
        for index, entry in enumerate(body["input"]):
            if entry["type"] != "item_reference":
                yield item_of(entry)
                continue
            item = self._record.conversation.get(entry["id"])
            if item is None:  # which code the real service uses is not known
                path = f"response.input[{index}].id"
                raise RefusedEvent("invalid_value", f"Item with id '{entry['id']}' not found.", path)
            yield item

    async def _response(self, request: Request, wrong: ResponseFault, fault: Fault) -> Response:
        record = ResponseRecord(
            id=new_id("resp"),
            metadata=request.metadata,
            out_of_band=request.out_of_band,
            instructions=request.instructions,
            input_ids=tuple(item.id for item in request.inputs),
        )
        return Response(
            request,
            await asyncio.to_thread(self._think, request, wrong.says),
            record=record,
            conversation=self._record.conversation,
            events=self._events,
            delta_ms=self._delivery.delta_ms,
            fault=wrong,
            session_fault=fault,
        )

    def _think(self, request: Request, says: str | None) -> tuple[Part, ...]:
        """Have the brain answer what it hears. A text that is to be read aloud needs no brain."""
        last = request.inputs[-1] if request.inputs else None
        if last is not None and last.content == "input_text" and "aloud" in request.instructions:
            return tuple(read_aloud(last.text if says is None else says))
        audio = tuple(item.audio for item in request.inputs if item.is_audio and item.role == "user")
        return tuple(self._brain.answer(audio, request.instructions))

    def _next_fault(self, fault: Fault) -> ResponseFault:
        if fault is not self._fault:
            self._fault, self._asked = fault, 0
        self._asked += 1
        return fault.responses[self._asked - 1] if self._asked <= len(fault.responses) else WELL

    def _conflict(self) -> RefusedEvent:
        running = next((one.id for one in self._record.running), new_id("resp"))
        message = f"Conversation already has an active response in progress: {running}. Wait until it is finished."
        return RefusedEvent("conversation_already_has_active_response", message)

    def _active(self, response_id: str | None = None) -> "_Running | None":
        for one in self._running:
            record = one.response.record
            wanted = record.id == response_id if response_id else not record.out_of_band
            if wanted and record.status == "in_progress":
                return one
        return None

    def _cut(self, running: "_Running", status: Outcome, reason: str, now: float) -> None:
        running.steps, running.due = running.response.cut(status, reason), now

    def _finish(self, ended: "_Running", now: float) -> None:
        if ended.response.record.status == "in_progress":
            ended.due = math.inf
            return
        self._running.remove(ended)
        for other in self._running:
            if other.response.fault.overtaken:
                other.due = min(other.due, now)


@dataclass(eq=False, slots=True)
class _Running:
    """A response with the events that it has still to give; `due` is never while it waits for something else."""

    response: Response
    steps: Iterator[Step]
    due: float
