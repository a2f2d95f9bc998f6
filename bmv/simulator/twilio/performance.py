"""How TwiML is performed: verb after verb, until it leads to another document or to the end of the call."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from bmv.simulator.twilio import fields
from bmv.simulator.twilio.gathering import Gathering
from bmv.simulator.twilio.line import Recording
from bmv.simulator.twilio.pages import Page, fetch
from bmv.simulator.twilio.signing import Fields
from bmv.simulator.twilio.stream import MediaStream, StreamPlan
from bmv.simulator.twilio.verbs import (
    Connect,
    Enqueue,
    Gather,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Sound,
    Stream,
    Verb,
)

if TYPE_CHECKING:
    from bmv.simulator.twilio.calls import Call


_NEXT = Page((), "")  # "go on with the verb after this one"


async def perform(call: "Call", page: Page | None) -> None:
    """Perform a document and those that it leads to. Returns when nothing is left to do: the call is over then."""
    while page is not None:
        call.entered.clear()  # whether keys are remembered from one document to the next is documented nowhere
        page = await _Performer(call, page.url).perform(page.verbs)


class _Performer:
    def __init__(self, call: "Call", url: str) -> None:
        self._call = call
        self._url = url

    async def perform(self, verbs: Sequence[Verb]) -> Page | None:
        for verb in verbs:
            page = await self._verb(verb)
            if page is not _NEXT:
                return page
        return None

    async def _verb(self, verb: Verb) -> Page | None:
        match verb:
            case Say() | Pause() | Play():
                await self._sound(verb)
            case Gather():
                return await self._gather(verb)
            case Redirect():
                return await fetch(self._call, self._absolute(verb.url), verb.method)
            case Hangup() | Reject():
                return None
            case Connect():
                return await self._connect(verb)
            case Enqueue():
                return await self._enqueue(verb)
        return _NEXT

    async def _sound(self, verb: Sound) -> None:
        match verb:
            case Say():
                await self._say(verb)
            case Pause():
                await asyncio.sleep(verb.seconds)
            case Play():
                pass  # no recordings here

    async def _gather(self, verb: Gather) -> Page | None:
        gathering = Gathering(verb, self._call.entered, self._reporter(verb), self._call.watch.poke)
        self._call.gatherings.append(gathering)
        extra = await gathering.run(self._prompt(verb.prompt))
        if extra is None and not verb.action_on_empty_result:
            return _NEXT
        return await fetch(self._call, self._absolute(verb.action), verb.method, extra)

    async def _prompt(self, sounds: Sequence[Sound]) -> None:
        for sound in sounds:
            await self._sound(sound)

    def _reporter(self, verb: Gather) -> Callable[[Fields], None]:
        call = self._call

        def report(form: Fields) -> None:
            if verb.partial_result_callback:
                url = self._absolute(verb.partial_result_callback)
                call.postman.post(url, fields.voice(call) | form, verb.partial_result_callback_method)

        return report

    async def _say(self, verb: Say) -> None:
        call = self._call
        for _ in range(max(verb.loop, 1)):
            call.said.append((verb.text, verb.language))
            call.far.overhear(verb.text, verb.language)
            if call.exchange.say is None:
                continue
            recording = Recording(call.exchange.say(verb.text, verb.language))
            with call.doing(recording):
                await recording.over.wait()

    async def _connect(self, verb: Connect) -> Page | None:
        if verb.stream is None:
            return _NEXT
        call, noun = self._call, self._public(verb.stream)
        if noun.name and noun.name in (stream.name for stream in call.streams):
            call.exchange.alert(12200, f"the stream name {noun.name!r} is used twice in one call")
        if call.direction == "outbound-api":
            await call.exchange.outgoing_streams.wait()
        stream = MediaStream(call.exchange, StreamPlan(call.sid, noun, call.postman, call.watch.poke))
        call.streams.append(stream)
        with call.doing(stream):
            await stream.run()
        return await fetch(call, self._absolute(verb.action), verb.method) if verb.action else _NEXT

    async def _enqueue(self, verb: Enqueue) -> Page | None:
        call, router = self._call, self._call.exchange.task_router
        if router is None or (task := router.enqueue(call, verb)) is None:
            result = "error"
            if router is None:
                call.exchange.alert(12200, "<Enqueue>: this account has no TaskRouter workspace")
        else:
            with call.doing(task.conference):
                result = await task.wait()
        if verb.action:
            extra = {"QueueResult": result, "QueueSid": "QU" + "0" * 32, "QueueTime": str(call.seconds)}
            return await fetch(call, self._absolute(verb.action), verb.method, extra)
        return None if result == "bridged" else _NEXT

    def _absolute(self, url: str) -> str:
        return urljoin(self._url, url)

    def _public(self, noun: Stream) -> Stream:
        """The same stream with absolute URLs; a relative one of a media stream means wss."""
        url = noun.url
        if not urlsplit(url).scheme:
            url = self._absolute(url).replace("http", "ws", 1)
        callback = noun.status_callback and self._absolute(noun.status_callback)
        return Stream(url, noun.name, noun.track, callback, noun.status_callback_method, noun.parameters)
