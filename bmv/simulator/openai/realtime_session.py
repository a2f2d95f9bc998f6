"""One session of the turn-based endpoint: what it hears becomes items, and what it is asked for becomes responses."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bmv.audio import mulaw
from bmv.audio.mulaw import Samples
from bmv.audio.resample import Downsampler, Upsampler
from bmv.simulator.openai import realtime_settings
from bmv.simulator.openai.checks import RefusedEvent
from bmv.simulator.openai.connection import Connection
from bmv.simulator.openai.hearing import Ear, SpeechStarted, SpeechStopped
from bmv.simulator.openai.items import Item, new_id
from bmv.simulator.openai.realtime_wire import RealtimeEvents, decode, item_of
from bmv.simulator.openai.records import Commit, ConversationRecord
from bmv.simulator.openai.responder import Responder
from bmv.simulator.openai.session import Claim
from bmv.simulator.openai.turns import TurnBrain, language_asked_for

_BYTES_PER_SECOND: Final = {"audio/pcm": 48000, "audio/pcmu": 8000}


class RealtimeSession:
    """Serves one upgraded socket until it ends, all in one task. The only timer is that of the answers."""

    def __init__(
        self,
        line: Connection,
        brain: TurnBrain,
        *,
        record: ConversationRecord,
        events: RealtimeEvents,
        responder: Responder,
        claim: Claim,
    ) -> None:
        self._line = line
        self._brain = brain
        self._record = record
        self._events = events
        self._responder = responder
        self._claim = claim
        self._ear = Ear(realtime_settings.detection(record.settings))
        self._narrow = Downsampler()
        self._next_id = new_id("item")
        self._handlers: Mapping[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
        }

    async def run(self, changed: Callable[[], None]) -> None:
        """Serve until the connection ends. `changed` is called after each event, of the client's or ours."""
        await self._line.suffer(self._events)
        await self._line.send(self._events.created(self._record.settings))
        await self._line.send(self._events.conversation_created(self._record.conversation))
        changed()
        while not self._line.ended:
            message = await self._line.next(self._responder.due)
            if message is not None:
                await self._take(message)
            elif not self._line.ended:
                await self._answer()
            await self._line.suffer(self._events)
            changed()

    async def _take(self, message: str | bytes) -> None:
        try:
            event = decode(self._line.plain(message))
            try:
                await self._handlers[event["type"]](event)
            except RefusedEvent as refusal:
                refusal.event_id = event.get("event_id")
                raise
        except RefusedEvent as refusal:
            await self._line.refuse(refusal, self._events)

    async def _answer(self) -> None:
        """Go on with the answers by one event."""
        step = self._responder.step(_now())
        if step is None:
            return
        if step.seconds and self._line.garbage is not None:
            await self._line.send(self._line.garbage)
            self._line.garbage = None
        await self._line.send(step.text, seconds=step.seconds)

    async def _update(self, event: dict[str, Any]) -> None:
        body = event["session"]
        self._record.updates.append(body)
        language = language_asked_for(body.get("instructions", self._record.settings["instructions"]))
        self._line.take_fault(self._claim(language))
        fault = self._line.fault
        after = realtime_settings.updated(self._record.settings, body, forgets_formats=fault.forgets_formats)
        if fault.keeps_pcm:
            after = realtime_settings.in_pcm(after)
        if self._record.has_spoken and after["audio"]["output"]["voice"] != self._record.voice:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise RefusedEvent("cannot_update_voice", message, "session.audio.output.voice")
        if fault.ignore_updates:
            return
        self._record.settings = after
        self._ear.configure(realtime_settings.detection(after))
        await self._line.send(self._events.updated(after))

    async def _append(self, event: dict[str, Any]) -> None:
        kind = self._record.settings["audio"]["input"]["format"]["type"]
        audio = base64.b64decode(event["audio"])
        if kind == "audio/pcm" and len(audio) % 2:
            raise RefusedEvent("invalid_value", "Invalid 'audio': expected whole 16-bit samples.", "audio")
        self._record.append(audio, _BYTES_PER_SECOND[kind])
        for heard in self._ear.append(self._samples(kind, audio)):
            match heard:
                case SpeechStarted():
                    await self._speech_started(heard)
                case SpeechStopped():
                    await self._speech_stopped(heard)

    def _samples(self, kind: str, audio: bytes) -> Samples:
        return mulaw.decode(audio) if kind == "audio/pcmu" else self._narrow.process(audio)

    async def _speech_started(self, heard: SpeechStarted) -> None:
        event = "input_audio_buffer.speech_started"
        await self._line.send(self._events.event(event, audio_start_ms=heard.start_ms, item_id=self._next_id))
        if self._record.settings["audio"]["input"]["turn_detection"]["interrupt_response"]:
            self._responder.interrupt(_now())

    async def _speech_stopped(self, heard: SpeechStopped) -> None:
        event = "input_audio_buffer.speech_stopped"
        await self._line.send(self._events.event(event, audio_end_ms=heard.end_ms, item_id=self._next_id))
        await self._committed(heard, by_client=False)
        if self._record.settings["audio"]["input"]["turn_detection"]["create_response"]:
            await self._answer_unasked()

    async def _answer_unasked(self) -> None:
        """Begin an answer of the service's own accord, which fails if it is still at the last one."""
        try:
            await self._responder.ask({}, self._line.fault)
        except RefusedEvent as refusal:
            await self._line.refuse(refusal, self._events)

    async def _commit(self, _event: dict[str, Any]) -> None:
        try:
            heard = self._ear.commit()
        except ValueError as error:
            found = f"buffer only has {float(error.args[0]):.2f}ms of audio"
            message = f"Error committing input audio buffer: buffer too small. Expected at least 100ms, but {found}."
            raise RefusedEvent("input_audio_buffer_commit_empty", message) from None
        await self._committed(heard, by_client=True)

    async def _committed(self, heard: SpeechStopped, *, by_client: bool) -> None:
        """Make an item of a stretch of audio, under the id that was announced when its speech began."""
        record = self._record
        item = Item(id=self._next_id, role="user", content="input_audio", audio=heard.audio)
        self._next_id = new_id("item")
        record.commits.append(Commit(item.id, heard.start_ms, heard.end_ms, "client" if by_client else "server"))
        previous = record.conversation.last_id
        committed = self._events.event("input_audio_buffer.committed", previous_item_id=previous, item_id=item.id)
        await self._line.send(committed)
        await self._add(item)
        if record.settings["audio"]["input"]["transcription"] is not None and not self._line.fault.wordless:
            item.text = await asyncio.to_thread(self._brain.transcribe, item.audio)
            for text in self._events.transcribed(item):
                await self._line.send(text)

    async def _add(self, item: Item, *, after: str | None = None) -> None:
        conversation = self._record.conversation
        conversation.add(item, after=after)
        for what in ("added", "done"):
            await self._line.send(self._events.item(what, item, conversation.previous_id(item)))

    async def _clear(self, _event: dict[str, Any]) -> None:
        self._ear.clear()
        await self._line.send(self._events.event("input_audio_buffer.cleared"))

    async def _create_item(self, event: dict[str, Any]) -> None:
        item = item_of(event["item"])
        if self._record.conversation.get(item.id) is not None:
            message = f"Error adding item: an item with id '{item.id}' already exists."
            raise RefusedEvent("item_create_duplicate_item_id", message, "item.id")
        try:
            await self._add(item, after=event.get("previous_item_id"))
        except KeyError as error:
            message = f"Error adding item: the previous item with id {error} does not exist."
            raise RefusedEvent("item_create_invalid_previous_item_id", message, "previous_item_id") from None

    async def _retrieve_item(self, event: dict[str, Any]) -> None:
        item = self._item(event["item_id"], "retrieve")
        told = item.told()
        if item.is_audio:
            kind = self._record.settings["audio"]["input"]["format"]["type"]
            told["content"][0]["audio"] = base64.b64encode(_encoded(kind, item.audio)).decode()
        await self._line.send(self._events.event("conversation.item.retrieved", item=told))

    async def _delete_item(self, event: dict[str, Any]) -> None:
        item = self._item(event["item_id"], "delete")
        self._record.conversation.delete(item.id)
        self._record.deleted.append(item.id)
        if any(item.id in response.input_ids for response in self._record.running):
            self._record.deleted_too_early.append(item.id)
        await self._line.send(self._events.event("conversation.item.deleted", item_id=item.id))

    async def _truncate_item(self, event: dict[str, Any]) -> None:
        item = self._item(event["item_id"], "truncate")
        if item.role != "assistant" or not item.is_audio:
            message = "Only audio of the assistant can be truncated."
            raise RefusedEvent("invalid_value", message, "item_id")
        end = event["audio_end_ms"] * mulaw.SAMPLE_RATE // 1000
        if end > len(item.audio):
            message = (
                f"Audio content of {round(item.seconds * 1000)}ms is already shorter than {event['audio_end_ms']}ms"
            )
            raise RefusedEvent("invalid_value", message, "audio_end_ms")
        item.audio, item.text = item.audio[:end], ""
        place = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
        await self._line.send(self._events.event("conversation.item.truncated", **place))

    def _item(self, item_id: str, action: str) -> Item:
        item = self._record.conversation.get(item_id)
        if item is None:
            message = f"Error in item {action}: the item with id '{item_id}' does not exist."
            raise RefusedEvent(f"item_{action}_invalid_item_id", message, "item_id")
        return item

    async def _create_response(self, event: dict[str, Any]) -> None:
        await self._responder.ask(event.get("response", {}), self._line.fault)

    async def _cancel_response(self, event: dict[str, Any]) -> None:
        self._responder.cancel(event.get("response_id"), _now())


def _encoded(kind: str, audio: Samples) -> bytes:
    if kind == "audio/pcmu":
        return mulaw.encode(audio)
    return Upsampler().process(audio).astype("<i2").tobytes()


def _now() -> float:
    return asyncio.get_running_loop().time()
