"""How long one direction has been without a translation that lasts, and what its listener was told of it.

A session that opens proves nothing, and neither does its first word: it may be lost again a second later. Trouble is
over when a session is done with something that was said.
"""

from __future__ import annotations

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.mode import Mode

ANSWERED_AFTER = 5.0  # seconds after the last voiced frame: by then a translator has said what it will say
REST_FRAMES = round(ANSWERED_AFTER / FRAME_SECONDS)
WITHOUT_SESSION = 3.0  # seconds until the listener is given the original: most often another session is there by then
WITHOUT_TRANSLATION = 8.0  # the same where sessions open and do not answer; a new one spoke after 2.4 to 4.6 s


class Trouble:
    """One direction's. Times are loop times in seconds."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._unanswered_since: float | None = None
        self._untranslated = 0.0
        self._untranslated_since: float | None = None
        self.original = False
        """The listener is given the original in the place of a translation."""
        self.told_of_loss = False
        self.told_of_return = False

    def begins(self, now: float) -> None:
        """There is no session, or one was lost; that may have begun before."""
        if self._began is None:
            self._began = now

    def asked(self, now: float) -> None:
        """Something was said that has to be answered."""
        if self._unanswered_since is None:
            self._unanswered_since = now

    def answered(self) -> None:
        """Something was said in the other language, or there is nothing to say."""
        self._unanswered_since = None

    def over(self) -> None:
        """Something was translated for good."""
        self._began = None
        self._untranslated = 0.0
        if self.told_of_return:
            self.told_of_loss = self.told_of_return = False

    def pause(self, now: float) -> None:
        """Nobody listens from now on: nobody is troubled, waits for an answer, or is given the original."""
        self._unanswered_since = None
        self._untranslated += self._original_lasted(now)
        self._untranslated_since = None

    def resume(self, now: float) -> None:
        """Somebody listens again: trouble that there still is begins now."""
        if self._began is not None:
            self._began = now
        if self.original:
            self._untranslated_since = now

    def lasted(self, now: float) -> float:
        """For how long there has been trouble; 0 without any."""
        return 0.0 if self._began is None else now - self._began

    def too_long(self, now: float, mode: Mode, *, since: float, finishing: bool) -> bool:
        """Whether the listener has waited long enough in this `mode`, which has been so `since` then.

        Of a session that is `finishing`, as the speaker is gone, the last word is waited for.
        """
        match mode:
            case Mode.OPENING:
                return now - since > WITHOUT_SESSION or self.lasted(now) > WITHOUT_TRANSLATION
            case Mode.TRANSLATING if self._began is not None and not finishing:
                return self.unanswered_for(now) > WITHOUT_TRANSLATION
        return False

    def unanswered_for(self, now: float) -> float:
        """Seconds since the first voice after the last answer; 0 if there was none."""
        return 0.0 if self._unanswered_since is None else now - self._unanswered_since

    def original_begins(self, now: float) -> None:
        """From now on the listener is given the original."""
        self.original = True
        self._untranslated_since = now

    def original_ends(self, now: float) -> None:
        """A translation is heard in its place."""
        self.original = False
        self._untranslated += self._original_lasted(now)
        self._untranslated_since = None

    def untranslated_for(self, now: float) -> float:
        """Seconds in which the original was given in the place of a translation, since the last that lasted."""
        return self._untranslated + self._original_lasted(now)

    def _original_lasted(self, now: float) -> float:
        return 0.0 if self._untranslated_since is None else now - self._untranslated_since
