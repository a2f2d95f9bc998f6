"""Turn-based translation with a conversational model of OpenAI's: one response for each stretch of speech.

The server's voice detector cuts what it hears into turns, `Turns` has them translated one after the other, `Hearing`
knows which frames are done with, and this carries messages between them, the socket and the call. Sound passes through
as it is: the endpoint speaks the telephone's own mu-law.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import structlog

from bmv.audio.mulaw import FRAME_BYTES, FRAME_MS, SILENCE
from bmv.call.translator import (
    Alive,
    AudioTranslated,
    CaptionKind,
    Expiring,
    Hear,
    LanguagePair,
    Processed,
    Translator,
    TranslatorEvent,
    TranslatorLost,
)
from bmv.call.usage import Usage
from bmv.languages import Language
from bmv.metrics import Histogram, LastProblem
from bmv.translators import openai_realtime_commands as outgoing
from bmv.translators import openai_realtime_wire as wire
from bmv.translators.batch import Batch
from bmv.translators.hearing import Hearing
from bmv.translators.openai_account import Account
from bmv.translators.openai_errors import ErrorDetail, ErrorEvent, Severity, classify, read
from bmv.translators.openai_outlet import Outlet
from bmv.translators.openai_service import Service
from bmv.translators.openai_socket import OPEN_SECONDS, Endpoint, Line, renew_after
from bmv.translators.openai_texts import Owed, Texts
from bmv.translators.turns import PAUSE_SECONDS, Ask, Cancel, Forget, Settled, Step, Turns

log = structlog.get_logger()

BATCH_FRAMES = 100 // FRAME_MS
"""Sent as one message. Ten messages a second cost little, and the end of a sentence is noticed at most 80 ms later."""
CLOSING_FRAMES = 600 // FRAME_MS
"""Of silence after the last frame, so that the server's detector (500 ms) sees the last sentence end."""
ANSWER_SECONDS = 4.0
"""A server that was asked for a sign of life and says nothing at all for so long is gone: all that it has not answered
goes to the next session, before a turn is given up (`turns.SILENT_SECONDS`)."""
MOST_TURNS = 200
"""That may wait for an answer: nobody says more in the minutes until what is not answered is given up."""
SIGN = "sign-"
ACTIVE_RESPONSE = "conversation_already_has_active_response"
NOTHING_TO_COMMIT = "input_audio_buffer_commit_empty"


class OpenAIInterpreter:
    """One open, configured session. Made by `OpenAIInterpreterFactory.open`."""

    def __init__(
        self, line: Line, wanted: outgoing.Configuration, *, account: Account, problem: LastProblem, renew_in: float
    ) -> None:
        """`wanted` is in force on the line; `renew_in` seconds from now the session says that it is expiring."""
        self._line = line
        self._problem = problem
        self._clock = asyncio.get_running_loop().time
        self._renew_at = self._clock() + renew_in
        self._turns = Turns()
        self._hearing = Hearing()
        self._account = account
        self._originals = Texts(CaptionKind.ORIGINAL)
        self._translations = Texts(CaptionKind.TRANSLATION)
        self._owed = Owed(transcribed=wanted.transcription is not None)
        self._outlet = Outlet(line, take=self._take, look=self._look, closed=self._closed)
        self._batch = Batch(BATCH_FRAMES * FRAME_BYTES, self._send)
        self._ready = self._outlet.ready
        self._probes = 0
        self._probe: str | None = None  # the name of the one that has no answer yet
        self._probed_at = 0  # how many frames were fed before it
        self._answer_by = math.inf
        self._committed_by_hand: int | None = None  # what was said until this frame
        self._last_error: ErrorDetail | None = None
        self._finishing = False

    @property
    def usage(self) -> Usage:
        """Tokens of every kind as the service counted them, and seconds transcribed; see `Translator.usage`."""
        return self._account.usage

    # -- in ---------------------------------------------------------------------------------------------------------

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        """Collect frames to 100 ms and queue them as one message."""
        if self._finishing:
            return
        frames = len(sound) // FRAME_BYTES
        self._hearing.feed(frames, voiced=voiced)
        self._turns.feed(frames, voiced=voiced)
        if self._batch.add(sound):  # so that what is asked now, and comes behind it, is about all that was fed
            self._look_after_speech()

    def finish(self) -> None:
        """Send what is collected and the silence that ends a sentence, and have the rest said."""
        if not self._finishing:
            self._finishing = True
            self._batch.add(SILENCE * CLOSING_FRAMES)
            self._batch.flush()
            self._ask_for_sign()

    def _send(self, sound: bytes) -> None:
        if not self._line.post(outgoing.encode_append(sound), audio=True):
            # From now on the server counts other frames than we do.
            self._outlet.fail(TranslatorLost("OpenAI took the audio too slowly; words are missing in this session"))

    def _look_after_speech(self) -> None:
        if self._probe is None and self._hearing.needs_sign:
            self._ask_for_sign()
        if self._hearing.speech_is_endless and self._committed_by_hand is None:
            self._commit()
        self._cover()
        if self._ready:
            self._outlet.say_soon()

    def _ask_for_sign(self) -> None:
        self._probes += 1
        self._probe, self._probed_at = f"{SIGN}{self._probes}", self._hearing.fed
        self._answer_by = self._clock() + ANSWER_SECONDS
        self._post(outgoing.encode_probe(self._probe))
        self._outlet.look_by(self._answer_by)

    def _commit(self) -> None:
        self._committed_by_hand = self._hearing.fed
        self._post(outgoing.encode_commit())

    def _post(self, message: bytes) -> None:
        if not self._line.post(message, audio=False):
            self._outlet.fail(TranslatorLost("OpenAI says much and takes nothing"))

    # -- out --------------------------------------------------------------------------------------------------------

    def events(self) -> AsyncIterator[TranslatorEvent]:
        """Translations in the order spoken, captions, and what is done with; see `Translator.events`."""
        return self._outlet.events()

    async def tell(self, hear: Hear) -> None:
        """See `Telling.tell`."""
        await self._outlet.tell(hear)

    def _closed(self) -> None:
        raise self._line.lost(self._last_error)

    def _look(self) -> None:
        """See what has become due, and when the next thing will."""
        now = self._clock()
        if now >= self._answer_by:
            raise TranslatorLost(f"OpenAI did not answer for {ANSWER_SECONDS:g} s")
        if now >= self._renew_at:
            self._renew_at = math.inf
            self._ready.append(Expiring())
        self._turns.tick(now)
        self._do(self._turns.take())
        self._cover()
        self._outlet.look_by(min(self._turns.deadline, self._renew_at, self._answer_by))

    def _take(self, message: bytes) -> None:
        event = read(wire.decode, message)
        now = self._clock()
        self._hearing.word()
        if self._probe is not None:
            self._answer_by = now + ANSWER_SECONDS
        before = len(self._ready)
        goes_on = self._on_more(event, now)
        if not goes_on:
            self._on_change(event, now)
        if len(self._ready) == before:
            self._ready.append(Alive())
        if not goes_on:
            self._look()

    def _on_more(self, event: wire.ServerEvent | None, now: float) -> bool:
        """Most messages are more of what runs already: nothing begins or ends with them, and nothing falls due sooner.

        False for one that is not.
        """
        match event:
            case None:
                pass
            case wire.AudioDelta(response_id, audio):
                if self._turns.heard(response_id, now, spoke=bool(audio)):
                    self._problem.solved()
                    self._ready.append(AudioTranslated(audio, now))
            case wire.TranscriptDelta(response_id, text):
                if self._turns.heard(response_id, now, wrote=True):
                    self._ready.extend(self._translations.add(response_id, text))
            case wire.InputTranscriptDelta(item_id, delta):
                self._ready.extend(self._originals.add(item_id, delta or ""))
            case wire.TextDelta(response_id):
                self._turns.heard(response_id, now, wrote=True)
            case _:
                return False
        return True

    def _on_change(self, event: wire.ServerEvent | None, now: float) -> None:
        self._account.take(event)
        match event:
            case wire.ResponseCreated(response):
                self._turns.created(response.id or "", response.label, now)
            case wire.ResponseDone(response):
                self._on_done(response, now)
            case ErrorEvent(error):
                self._on_error(error, now)
            case _:
                self._on_speech(event, now)
        self._do(self._turns.take())
        if len(self._turns) > MOST_TURNS:
            raise TranslatorLost(f"OpenAI has left more than {MOST_TURNS} sentences untranslated")

    def _on_speech(self, event: wire.ServerEvent | None, now: float) -> None:
        match event:
            case wire.SpeechStarted():
                self._hearing.started(event.start)
                self._turns.started(event.start)
            case wire.SpeechStopped(_, item_id):
                self._hearing.ended()
                self._turns.ended(item_id, event.end, now)
            case wire.Committed(item_id):
                self._on_committed(item_id, now)
            case wire.InputTranscriptCompleted(item_id, transcript):
                self._ready.extend(self._originals.complete(item_id, transcript))
                self._delete(self._owed.arrived(item_id))
            case wire.InputTranscriptFailed(item_id):
                log.warning("transcript_failed")
                self._delete(self._owed.arrived(item_id))

    def _on_committed(self, item_id: str, now: float) -> None:
        by_hand = None if self._turns.knows(item_id) else self._committed_by_hand
        self._committed_by_hand = None
        if by_hand is not None:
            self._hearing.cut_off(by_hand, goes_on=not self._finishing)
        self._turns.committed(item_id, by_hand, now)

    def _on_done(self, response: wire.Response, now: float) -> None:
        completed = response.status == "completed"
        pause = 0.0
        if not completed:
            log.warning("response_failed", status=str(response))
            severity = classify(response.error) if response.error else Severity.BENIGN
            if response.error and severity is Severity.PERMANENT:
                raise self._line.failed(response.error)
            pause = PAUSE_SECONDS if severity is Severity.TRANSIENT else 0.0
        self._turns.done(response.id, response.label, now, completed=completed, pause=pause)

    def _on_error(self, error: ErrorDetail, now: float) -> None:
        if error.event_id is not None and error.event_id.startswith(SIGN):
            self._on_sign(error.event_id)
            return
        log.warning("translator_error", error=str(error))
        self._last_error = error
        severity = classify(error)
        asked = wire.read_label(error.event_id)
        busy = error.code == ACTIVE_RESPONSE
        if busy or asked is not None:
            self._account.refused(asked)
        if severity is Severity.PERMANENT or (severity is Severity.TRANSIENT and asked is None):
            raise self._line.failed(error)
        if error.code == NOTHING_TO_COMMIT:
            self._committed_by_hand = None
            self._hearing.ended()
        elif busy or asked is not None:
            self._turns.refused(asked, now, busy=busy or severity is Severity.TRANSIENT)

    def _on_sign(self, name: str) -> None:
        if name != self._probe:
            return
        self._hearing.heard(self._probed_at)
        self._probe, self._answer_by = None, math.inf
        if self._finishing and self._hearing.speech_is_open:
            if self._committed_by_hand is None:
                self._commit()
                self._ask_for_sign()
            else:
                self._hearing.ended()  # it did not even commit what we asked it to

    def _do(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Ask(label, item_id):
                    self._account.asked(label)
                    self._post(outgoing.encode_ask(label, item_id))
                case Cancel(response_id):
                    self._post(outgoing.encode_cancel(response_id))
                case Forget(item_id):
                    self._delete(self._owed.answered(item_id))
                case Settled(end, translated, declined):
                    if not translated:
                        log.warning("turn_declined" if declined else "turn_given_up")
                    if end is not None:
                        self._report(self._hearing.settle(end, translated=translated))

    def _delete(self, item_ids: list[str]) -> None:
        for item_id in item_ids:
            self._post(outgoing.encode_delete(item_id))

    def _cover(self) -> None:
        """Report what needs no answer; and if nothing more is to come, that all is done."""
        if len(self._turns):
            return
        if self._finishing and self._probe is None:
            self._report(self._hearing.settle_rest())
            self._outlet.over = True
        else:
            self._report(self._hearing.settle_idle())

    def _report(self, processed: Processed | None) -> None:
        if processed is not None:
            self._ready.append(processed)


class OpenAIInterpreterFactory:
    """Opens turn-based sessions; one for the process."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        service: Service,
        model: str,
        voice: str,
        captions: bool,
        instructions: Callable[[LanguagePair], str],
        open_seconds: float = OPEN_SECONDS,
    ) -> None:
        """`captions` asks for a transcript of the original too."""
        url = f"{service.base_url}/realtime"
        self._endpoint = Endpoint(http, url=url, headers=service.headers, model=model, open_seconds=open_seconds)
        self._model = model
        self._billed = service.billed(model)
        self._voice = voice
        self._transcription = (service.transcription_model or outgoing.TRANSCRIPTION_MODEL) if captions else None
        self._instructions = instructions

    @property
    def problem(self) -> str | None:
        """Why the last session could not be opened; see `TranslatorFactory.problem`."""
        return self._endpoint.problem.text

    def can_speak(self, language: Language) -> bool:  # noqa: ARG002
        """Every language: the service names none that the model cannot speak."""
        return True

    @asynccontextmanager
    async def open(self, pair: LanguagePair, uplink: Histogram) -> AsyncIterator[Translator]:
        """A session whose configuration the server has confirmed; see `TranslatorFactory.open`."""
        wanted = outgoing.Configuration(
            model=self._model,
            voice=self._voice,
            instructions=self._instructions(pair),
            transcription=self._transcription,
            languages=(pair.source.tag, pair.target.tag),
        )
        async with self._endpoint.connect(uplink, partial(_configure, wanted=wanted)) as line:
            yield OpenAIInterpreter(
                line,
                wanted,
                account=Account(self._billed, transcription=self._transcription),
                problem=self._endpoint.problem,
                renew_in=renew_after(line.expires_at, now=time.time()),
            )


async def _configure(line: Line, *, wanted: outgoing.Configuration) -> float | None:
    """Send the update, believe it only when the echo shows it in force, and give when the session will expire."""
    await line.send(outgoing.encode_update(wanted))
    expires_at: float | None = None
    async for message in line.messages():
        match read(wire.decode, message):
            case wire.SessionCreated(session):
                expires_at = session.expires_at
            case wire.SessionUpdated(session):
                if mistakes := session.mistakes:
                    raise TranslatorLost(f"OpenAI did not take the configuration: {', '.join(mistakes)}")
                return session.expires_at or expires_at
            case ErrorEvent(error):
                log.warning("translator_error", error=str(error))
                raise line.failed(error, configuring=True)
    raise line.lost(None)
