"""The contract finds what it is there to find: each translator here breaks one promise, and one test says which."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import pytest
from broken_translators import (
    AlwaysComplains,
    AnswersAtTheEnd,
    BeginsByItself,
    CannotSpeak,
    CaptionsWithoutText,
    ClaimsThatAllIsSaid,
    ClosesForGood,
    CountsAfterTheEnd,
    CountsFromTheLastEvent,
    CountsWrong,
    EndsAsIfAllWereSaid,
    EndsWhenCancelled,
    ForgetsTheLastFrame,
    ForgetsWhenItFails,
    ForgetsWhenItIsCancelled,
    GivesAnArray,
    Greets,
    Interrupts,
    IsLostPerhaps,
    LeavesATask,
    LeavesSlowly,
    LiveUsage,
    LosesWithoutAWord,
    MeasuresNothing,
    Mute,
    NegativeUsage,
    NeverComplains,
    NeverEnds,
    NoUsage,
    OpensForEver,
    OpensNevertheless,
    RaisesAfterTheEnd,
    RaisesWhateverComes,
    RefusesInItsOwnWords,
    RunsAhead,
    SaysSomethingElse,
    SharesItsMemory,
    ShrinkingUsage,
    Sleeps,
    SpeaksPerhaps,
    TakesMoreAfterTheEnd,
    TakesSeveralForOne,
    TellsTheTimeOfDay,
    WantsToBeTriedEarlier,
    WillNotBeCancelled,
    WrapsErrors,
)
from honest_translator import Honest, HonestFactory

from bmv.audio.voice import VoiceDetector
from bmv.call.translator import TranslatorFactory
from bmv.testing import ProviderContract, a_voice
from bmv.testing.watching import bounded


class Contract(ProviderContract):
    """Short: these are times that a broken promise is waited for."""

    patience = 2.0
    sign_of_life = 0.1
    leaving = 0.2
    make: Callable[[str], HonestFactory] = HonestFactory

    def speech(self) -> list[bytes]:
        return a_voice(0.5)

    @asynccontextmanager
    async def with_mood(self, mood: str) -> AsyncIterator[TranslatorFactory]:
        self.made = type(self).make(mood)
        yield self.made

    def factory(self) -> AbstractAsyncContextManager[TranslatorFactory]:
        return self.with_mood("well")

    def refusing(self) -> AbstractAsyncContextManager[TranslatorFactory]:
        return self.with_mood("refusing")

    def losing(self) -> AbstractAsyncContextManager[TranslatorFactory]:
        return self.with_mood("losing")

    def open_sessions(self) -> int:
        return self.made.sessions


class TestHonest(Contract):
    """Who keeps every promise passes every test, on a machine that is busy as well."""

    patience, sign_of_life, leaving = (
        ProviderContract.patience,
        ProviderContract.sign_of_life,
        ProviderContract.leaving,
    )


BROKEN: list[tuple[type[Honest | HonestFactory], str, str]] = [
    (Mute, "speech_is_answered_with_speech_in_order", "answered with silence only"),
    (AlwaysComplains, "speech_is_answered_with_speech_in_order", "still a problem: it is Monday"),
    (LeavesSlowly, "speech_is_answered_with_speech_in_order", "leaving a session took"),
    (LeavesATask, "speech_is_answered_with_speech_in_order", "still running after every session was left: sleep"),
    (TellsTheTimeOfDay, "every_event_is_well_formed", "get_running_loop().time()"),
    (SaysSomethingElse, "every_event_is_well_formed", "'hello' is no event"),
    (GivesAnArray, "every_event_is_well_formed", "mu-law in bytes, not bytearray"),
    (CaptionsWithoutText, "every_event_is_well_formed", "is no caption"),
    (CountsFromTheLastEvent, "processed_counts_frames_that_were_fed_and_never_goes_back", "it went back"),
    (RunsAhead, "processed_counts_frames_that_were_fed_and_never_goes_back", "frames had been fed"),
    (ForgetsTheLastFrame, "when_the_events_end_every_frame_is_processed", "49 of 50 frames processed"),
    (AnswersAtTheEnd, "speech_is_processed_while_the_session_goes_on", "only 0 were processed"),
    (AnswersAtTheEnd, "it_shows_signs_of_life_while_somebody_speaks", "no event of any kind came for 0.1 s"),
    (TakesSeveralForOne, "frames_may_come_several_at_once", "of 25 frames that came five at a time 6 were"),
    (Sleeps, "feeding_does_not_wait_for_anything", "feed must only note and return"),
    (TakesMoreAfterTheEnd, "after_finish_nothing_more_is_taken", "26 frames were processed, 25 were fed"),
    (CountsAfterTheEnd, "after_finish_nothing_more_is_taken", "frames that came after the end were counted"),
    (RaisesAfterTheEnd, "after_finish_nothing_more_is_taken", "feed must never raise, and raised ConnectionError"),
    (ClosesForGood, "a_session_that_was_left_is_harmless", "feed must never raise, and raised ConnectionError"),
    (NeverEnds, "a_session_that_was_told_nothing_ends_and_says_nothing", "not done within 2 s"),
    (Greets, "a_session_that_was_told_nothing_ends_and_says_nothing", "though nobody had spoken"),
    (BeginsByItself, "a_session_that_was_told_nothing_ends_and_says_nothing", "1 frames were processed, and none"),
    (WillNotBeCancelled, "cancelling_events_ends_them_at_once", "must let CancelledError through"),
    (EndsWhenCancelled, "cancelling_events_ends_them_at_once", "must let CancelledError through"),
    (WrapsErrors, "an_error_inside_a_session_comes_out_as_it_is", "ExceptionGroup"),
    (Interrupts, "nothing_is_told_from_within_feed_or_finish", "let the loop call it soon after"),
    (SharesItsMemory, "two_sessions_at_once_do_not_mix", "said what another one was told"),
    (LiveUsage, "usage_is_known_at_any_time_and_only_grows", "give a new mapping"),
    (ShrinkingUsage, "usage_is_known_at_any_time_and_only_grows", "usage shrank"),
    (NegativeUsage, "usage_is_known_at_any_time_and_only_grows", "from 0 up"),
    (NoUsage, "a_session_that_was_left_is_harmless", "usage must be known"),
    (NoUsage, "usage_is_known_at_any_time_and_only_grows", "not None"),
    (SpeaksPerhaps, "it_says_which_languages_it_can_speak", "gave None, neither yes nor no"),
    (CannotSpeak, "it_says_which_languages_it_can_speak", "must be able to speak English"),
    (NeverComplains, "a_refusal_is_told_in_plain_words", "`problem` must tell why"),
    (RefusesInItsOwnWords, "a_refusal_is_told_in_plain_words", "came as PermissionError(401)"),
    (OpensNevertheless, "a_refusal_is_told_in_plain_words", "a session was opened nevertheless"),
    (EndsAsIfAllWereSaid, "a_loss_is_told_by_the_events", "a loss must raise TranslatorLost"),
    (EndsAsIfAllWereSaid, "a_loss_after_finish_is_not_taken_for_the_end", "all had been said, 9 frames processed"),
    (ClaimsThatAllIsSaid, "a_loss_after_finish_is_not_taken_for_the_end", "all had been said, 25 frames processed"),
    (RaisesWhateverComes, "a_loss_is_told_by_the_events", "came as ConnectionResetError"),
    (LosesWithoutAWord, "a_loss_is_told_by_the_events", "must say why"),
    (IsLostPerhaps, "a_loss_is_told_by_the_events", "permanent is true or false, not None"),
    (WantsToBeTriedEarlier, "a_loss_is_told_by_the_events", "retry_after was -1.0"),
    (ForgetsWhenItFails, "leaving_closes_the_session_at_the_provider", "after an error inside the session"),
    (CountsWrong, "leaving_closes_the_session_at_the_provider", "open_sessions gave 0 for one open session"),
    (OpensForEver, "an_opening_that_is_cancelled_leaves_nothing_open", "does not come to an end"),
    (ForgetsWhenItIsCancelled, "an_opening_that_is_cancelled_leaves_nothing_open", "after a cancelled opening"),
    (MeasuresNothing, "the_way_to_the_provider_is_measured", "nothing was added to the uplink"),
]


@pytest.mark.filterwarnings("ignore")  # what a broken one leaves behind
@pytest.mark.parametrize(("broken", "promise", "told"), BROKEN, ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_promise_is_found_and_told(broken: type[Any], promise: str, told: str) -> None:
    def make(mood: str) -> HonestFactory:
        factory: HonestFactory = (broken if issubclass(broken, HonestFactory) else HonestFactory)(mood)
        if issubclass(broken, Honest):
            factory.translator = broken
        return factory

    telling = hasattr(broken, "tell")
    contract = type("Broken", (Contract,), {"make": staticmethod(make), "telling": telling})()
    with pytest.raises(AssertionError) as caught:
        getattr(contract, f"test_{promise}")()
    assert told in str(caught.value)


def test_every_promise_has_somebody_who_breaks_it() -> None:
    promises = {name.removeprefix("test_") for name in dir(ProviderContract) if name.startswith("test_")}
    unbroken = {"a_new_session_takes_over_while_the_old_one_speaks_its_last"}  # by nobody who keeps the others
    assert {promise for _, promise, _ in BROKEN} == promises - unbroken


class Stubborn:
    patience = 0.1

    @bounded
    async def never_ends(self) -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)


def test_a_test_ends_even_if_what_it_tests_never_does() -> None:
    with pytest.raises(AssertionError, match="not to be cancelled either"):
        Stubborn().never_ends()
    gc.collect()  # the abandoned task complains now, and not in the middle of another test


def test_the_voice_that_is_fed_passes_for_one() -> None:
    detector = VoiceDetector()
    assert sum(map(detector.feed, a_voice(2.0))) > 80


def test_what_has_to_be_overridden_says_so() -> None:
    for missing in (ProviderContract().factory, ProviderContract().refusing, ProviderContract().losing):
        with pytest.raises(NotImplementedError, match="override"):
            missing()
    with pytest.raises(NotImplementedError, match="override"):
        ProviderContract().open_sessions()
