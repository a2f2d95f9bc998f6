"""`<Gather>` at work: a prompt that keys or words end, and what is made of them. Knows no document and no server.

Source: Twilio "TwiML Gather".
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from bmv.simulator.twilio.signing import Fields
from bmv.simulator.twilio.verbs import Gather


@dataclass(frozen=True, slots=True)
class Words:
    """What the recogniser writes of something that was said; `confidence` 0 to 1, None = it gives none."""

    text: str
    confidence: float | None


Input: TypeAlias = str | Words
"""A key that was pressed, or words that were said."""


class Gathering:
    """A `<Gather>`. For tests: `verb`, `digits`, `words`, `listens`, `over`.

    The first kind of input wins: after a key words count for nothing, and after a word keys. A key always ends the
    prompt, a word only with `bargeIn`. The timeout runs from the end of the prompt, or from the last key.

    `waiting` is where keys and words come from, `report` is called with each partial result, `on_change` when it
    begins to listen.
    """

    def __init__(
        self, verb: Gather, waiting: deque[Input], report: Callable[[Fields], None], on_change: Callable[[], None]
    ) -> None:
        self.verb = verb
        self.digits = ""
        self.words: list[Words] = []
        self._waiting = waiting
        self._report = report
        self._on_change = on_change
        self._reports = 0
        self._finishing_key = ""
        self._prompt: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._begun = False
        self._done = asyncio.Event()

    @property
    def listens(self) -> bool:
        """Whether the prompt has begun, and it is not over."""
        return self._begun and not self.over

    @property
    def over(self) -> bool:
        """Whether it does not listen any more."""
        return self._done.is_set()

    async def run(self, prompt: Coroutine[Any, Any, None]) -> Fields | None:
        """Play the prompt and listen; return what the action's request carries of the input, None without any."""
        try:
            async with asyncio.TaskGroup() as group:
                self._prompt = group.create_task(prompt)
                self._prompt.add_done_callback(lambda _: self._wait())
                self.take()  # what was entered before makes the prompt needless
                await asyncio.sleep(0)
                self._begun = True
                self.take()
                self._on_change()
                await self._done.wait()
                self._prompt.cancel()
        finally:
            self._done.set()
            if self._timer is not None:
                self._timer.cancel()
        return self._result()

    def take(self) -> None:
        """Take what is waiting; what comes after the end is left for the next `<Gather>`."""
        while self._waiting and not self.over:
            item = self._waiting.popleft()
            if isinstance(item, Words):
                self._hear(item)
            else:
                self._press(item)

    def _press(self, key: str) -> None:
        if "dtmf" not in self.verb.input or self.words:
            return
        self._stop_prompt()
        if key == self.verb.finish_on_key:
            # Without digits before it this is "no input". An older page says that the key is ignored then.
            self._finishing_key = key
            self._done.set()
            return
        self.digits += key
        if len(self.digits) == self.verb.num_digits:
            self._done.set()
        self._wait()

    def _hear(self, words: Words) -> None:
        if "speech" not in self.verb.input or self.digits:
            return
        if self.verb.barge_in:
            self._stop_prompt()
        before = [each.text for each in self.words]
        self.words.append(words)
        spoken = words.text.split()
        for count in range(1, len(spoken) + 1):
            self._report_partial(" ".join([*before, *spoken[:count]]))
        self._wait()

    def _report_partial(self, text: str) -> None:
        # Only the first field is documented; the other two are what others receive.
        form = {"UnstableSpeechResult": text, "StableSpeechResult": "", "SequenceNumber": str(self._reports)}
        self._reports += 1
        self._report(form)

    def _stop_prompt(self) -> None:
        if self._prompt is not None:
            self._prompt.cancel()

    def _wait(self) -> None:
        """Start the time that ends it all over again. While the prompt plays, it does not run."""
        if self._timer is not None:
            self._timer.cancel()
        if self.over or self._prompt is None or not self._prompt.done():
            return
        seconds = self.verb.speech_timeout if self.words else self.verb.timeout
        self._timer = asyncio.get_running_loop().call_later(seconds, self._done.set)

    def _result(self) -> Fields | None:
        if self.digits:
            # FinishedOnKey is in no document, but in what others receive; empty where no key finished it.
            return {"Digits": self.digits, "FinishedOnKey": self._finishing_key}
        if not self.words:
            return None
        form = {"SpeechResult": " ".join(words.text for words in self.words)}
        confidences = [words.confidence for words in self.words if words.confidence is not None]
        return form | ({"Confidence": str(min(confidences))} if confidences else {})
