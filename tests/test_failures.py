"""Whole calls in which the translation fails, over real sockets: what each party heard, and what the log says of it.

Here the translation is continuous; test_failures_turns.py has the one that goes sentence by sentence.
"""

from __future__ import annotations

import asyncio

import pytest
from holding import Ear
from house import house
from listening import hardly_heard, heard_whole, listen, voiced_seconds
from mirror import (
    BACK,
    ENGLISH,
    LONG,
    LOST,
    SPANISH,
    WORDS_LOST,
    Mirror,
    MirrorTurns,
    conversation,
    ending,
    events,
    logged,
    translated,
)
from notices import SECONDS

from bmv.audio import mulaw
from bmv.audio.levels import mix, scale
from bmv.simulator import voices
from bmv.simulator.openai import Ending, Fault, Refusal
from bmv.simulator.twilio import Party

DOWN = Fault(refuse=Refusal.of(500))


# -- how it is judged


PAUSE = b"\xff" * mulaw.SAMPLE_RATE


def test_what_is_heard_from_beginning_to_end_is_heard_whole_even_where_a_piece_comes_twice() -> None:
    assert heard_whole(PAUSE + LONG + PAUSE, LONG)
    assert heard_whole(PAUSE + LONG[: len(LONG) // 2] + LONG[len(LONG) // 3 :] + PAUSE, LONG)


@pytest.mark.parametrize(
    "start", [0.0, 0.8, len(LONG) / mulaw.SAMPLE_RATE - 1.1], ids=["at the beginning", "inside", "at the end"]
)
def test_a_sentence_without_one_of_its_seconds_was_not_heard_whole(start: float) -> None:
    cut = round(start * mulaw.SAMPLE_RATE)
    assert not heard_whole(PAUSE + LONG[:cut] + LONG[cut + mulaw.SAMPLE_RATE :] + PAUSE, LONG)
    assert not heard_whole(PAUSE + LONG[:cut] + PAUSE + LONG[cut + mulaw.SAMPLE_RATE :] + PAUSE, LONG)


# -- one session after the other


@pytest.mark.parametrize(
    "fault",
    [
        Fault(reset_after=1.5),
        Fault(end=Ending(after=1.5)),
        Fault(garbage="{this is no JSON"),
    ],
    ids=["the connection is cut", "the session expires", "garbage is sent"],
)
async def test_a_session_lost_in_mid_sentence_is_followed_by_another_and_no_word_is_missing(fault: Fault) -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(fault, times=2)
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(2.0, timeout=15)
    assert heard_whole(alex.heard, translated(LONG))
    assert hardly_heard(alex.heard, LOST), "two seconds are no reason to alarm anybody"
    assert len(home.openai.sessions) == 4
    line = ending(log)
    assert line["caller"]["speech_seconds"]["lost"] == 0
    assert line["caller"]["speech_seconds"]["replayed"] > 0
    assert line["caller"]["sessions"] == 2
    for lost in events(log, "translator_lost"):
        assert lost["tries_again"]


async def test_while_there_is_no_session_the_original_is_heard_with_a_notice_and_then_the_translation_again() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(reset_after=1.0), times=2)
        home.openai.fail_next(DOWN, times=8)
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            await home.openai.until(lambda: len(home.openai.sessions) == 4, seconds=30)
            await alex.hears_quiet(1.0, timeout=15)
            away = len(alex.heard)
            maria.say(SPANISH)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(2.0, timeout=15)
    before, after = alex.heard[:away], alex.heard[away:]
    assert heard_whole(before, LOST)
    assert heard_whole(before, LONG)
    assert listen(before, LOST).last < listen(before, LONG).last
    assert heard_whole(after, BACK)
    assert heard_whole(after, translated(SPANISH))
    assert listen(after, BACK).last < listen(after, translated(SPANISH)).last
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0
    assert len(events(log, "original_passed_through")) == 2  # one for each direction


async def test_a_failure_that_no_try_can_mend_gives_the_original_at_once_and_is_not_tried_again() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(end=Ending.quota(after=1.0)), times=2)
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(2.0, timeout=15)
            alex.say(ENGLISH)
            await alex.done_speaking(timeout=15)
            await maria.hears_quiet(1.0, timeout=15)
    assert heard_whole(alex.heard, LOST)
    assert heard_whole(alex.heard, LONG)
    assert heard_whole(maria.heard, ENGLISH)
    assert home.openai.connections == 2
    assert hardly_heard(alex.heard, BACK)
    line = ending(log)
    assert line["caller"]["speech_seconds"]["passed_through"] > 0
    assert line["caller"]["speech_seconds"]["lost"] == 0


async def test_a_session_that_takes_speech_and_is_silent_is_replaced_and_the_words_are_translated() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(silent_after=0.4), times=2)
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await home.openai.until(lambda: len(home.openai.sessions) == 3, seconds=20)
            await maria.done_speaking(timeout=15)
            await alex.hears_speech(timeout=10)
            await alex.hears_quiet(2.0, timeout=15)
    assert heard_whole(alex.heard, translated(SPANISH))
    line = ending(log)
    assert line["caller"]["speech_seconds"]["lost"] == 0
    assert line["caller"]["sessions"] == 2
    assert line["agent"]["sessions"] == 1, "nobody spoke there"


async def test_who_speaks_the_listeners_language_already_is_heard_as_he_is_and_no_session_is_replaced() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(voiceless=True), times=2)
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            await maria.done_speaking(timeout=15)
            await alex.hears_speech(timeout=10)
            await alex.hears_quiet(2.0, timeout=15)
    assert heard_whole(alex.heard, LONG)
    assert hardly_heard(alex.heard, LOST)
    assert len(home.openai.sessions) == 2
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0


async def test_the_failure_of_one_direction_is_not_noticed_in_the_other() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(end=Ending.quota(after=1.0)), language="en")
        async with conversation(home) as (maria, alex):
            maria.say(LONG)
            alex.say(PAUSE + ENGLISH)  # before the call is bridged nobody would hear him
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(2.0, timeout=15)
    assert heard_whole(maria.heard, translated(ENGLISH))
    assert heard_whole(alex.heard, LONG)
    line = ending(log)
    assert line["agent"]["sessions"] == 1
    assert line["agent"]["speech_seconds"]["passed_through"] == 0


async def test_a_session_is_renewed_before_its_time_is_over_and_nobody_notices() -> None:
    words = [voices.speak(text, "es") for text in ("Buenos días.", "Sí, señora.", "De acuerdo.", "Muy bien.")]
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(expires_in=18.0), times=2)
        async with conversation(home) as (maria, alex):
            while len(events(log, "translator_renewed")) < 2 or words:
                maria.say(words.pop(0) if words else SPANISH)
                await maria.done_speaking(timeout=15)
                await alex.hears_quiet(1.2, timeout=15)
            maria.say(LONG)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(1.2, timeout=15)
    assert heard_whole(alex.heard, translated(LONG))
    assert voiced_seconds(alex.heard) < 1.05 * voiced_seconds(maria.said) + 0.5, "nothing comes twice"
    assert voiced_seconds(alex.heard) > 0.95 * voiced_seconds(maria.said) - 0.5, "and nothing is missing"
    assert hardly_heard(alex.heard, LOST)
    assert events(log, "translator_renewed")
    assert not events(log, "translator_lost")
    assert len(home.openai.sessions) == 4
    line = ending(log)
    assert line["caller"]["speech_seconds"]["replayed"] == 0
    assert line["caller"]["speech_seconds"]["lost"] == 0


async def test_a_provider_that_stops_reading_is_left_and_the_next_session_is_told_every_word() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(deaf_after=0.4), language="en")
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await home.openai.until(lambda: len(home.openai.sessions) == 3, seconds=20)
            await maria.done_speaking(timeout=15)
            await alex.hears_speech(timeout=10)
            await alex.hears_quiet(1.5, timeout=20)
    assert heard_whole(alex.heard, translated(SPANISH))
    line = ending(log)
    assert line["caller"]["speech_seconds"]["lost"] == 0
    assert line["caller"]["sessions"] == 2
    assert line["agent"]["sessions"] == 1


async def test_what_is_too_old_to_be_said_again_is_lost_and_the_listener_is_told_so() -> None:
    async with logged() as log, house(brain=Mirror, REPLAY_SECONDS="0.5") as home:
        home.openai.fail_next(Fault(reset_after=1.5), language="en")
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await maria.done_speaking(timeout=15)
            await alex.hears_quiet(1.5, timeout=15)
    assert heard_whole(alex.heard, WORDS_LOST)
    assert hardly_heard(alex.heard, LOST)
    assert not heard_whole(alex.heard, translated(SPANISH)), "or nothing was lost, and the notice was a lie"
    line = ending(log)
    assert 0 < line["caller"]["speech_seconds"]["lost"] < 1.5
    assert line["caller"]["sessions"] == 2


# -- refused when it comes back


@pytest.mark.parametrize(
    "refusal",
    [Refusal.out_of_money(), Refusal.of(401), Refusal.of(404)],
    ids=["no money", "the key is wrong", "there is no such model"],
)
async def test_who_is_refused_for_good_does_not_knock_again_and_the_original_is_heard(refusal: Refusal) -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(reset_after=0.6), times=2)
        home.openai.fail_next(Fault(refuse=refusal), times=2)
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await maria.done_speaking(timeout=15)
            await Ear(alex, 0).hears(SPANISH, 20)
            await alex.hears_quiet(1.5, timeout=15)
    assert home.openai.connections == 4
    assert heard_whole(alex.heard, LOST)
    assert heard_whole(alex.heard, SPANISH)
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0
    assert [lost["tries_again"] for lost in events(log, "translator_lost")].count(False) == 2


async def test_who_is_told_to_come_back_later_does_so_then_and_not_before() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        home.openai.fail_next(Fault(reset_after=0.6), times=2)
        home.openai.fail_next(Fault(refuse=Refusal.of(429, retry_after=2)), times=2)
        async with conversation(home) as (maria, alex):
            now = asyncio.get_running_loop().time
            maria.say(SPANISH)
            await home.openai.until(lambda: home.openai.connections >= 3, seconds=10)
            refused_at = now()
            await home.openai.until(lambda: len(home.openai.sessions) >= 3, seconds=10)
            back_at = now()
            await maria.done_speaking(timeout=15)
            await alex.hears_speech(timeout=10)
            await alex.hears_quiet(2.0, timeout=15)
    assert back_at - refused_at > 1.9
    assert home.openai.connections == 6
    assert heard_whole(alex.heard, translated(SPANISH))
    assert hardly_heard(alex.heard, LOST), "it came back in time"
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0


async def test_a_call_that_nobody_can_translate_is_ended_after_the_time_the_operator_allows() -> None:
    async with logged() as log, house(brain=Mirror, UNTRANSLATED_LIMIT_SECONDS="2") as home:
        home.openai.fail_next(Fault(refuse=Refusal.out_of_money()), times=2)
        maria, _ = await home.calls()
        alex, _ = await home.accepts()
        maria.say(LONG)
        await home.empty(15)
    assert maria.hung_up.is_set()
    assert alex.hung_up.is_set()
    assert heard_whole(alex.heard, LOST)
    assert ending(log)["reason"] == "translation_lost"


# -- the other kind of translator


async def test_the_other_kind_of_translator_takes_over_when_the_first_is_refused_for_good() -> None:
    async with (
        logged() as log,
        house(brain=Mirror, turns=MirrorTurns, TRANSLATOR_FALLBACK="openai-interpreter") as home,
    ):
        home.openai.fail_next(Fault(end=Ending.quota(after=0.4)), language="en")
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await maria.done_speaking(timeout=20)
            await Ear(alex, 0).hears(translated(SPANISH), 30)
            await alex.hears_quiet(2.0, timeout=20)
    assert heard_whole(alex.heard, translated(SPANISH))
    assert hardly_heard(alex.heard, LOST)
    assert len(home.openai.conversations) == 1
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0


async def test_after_three_failures_in_a_row_the_other_kind_of_translator_has_its_turn() -> None:
    async with (
        logged() as log,
        house(brain=Mirror, turns=MirrorTurns, TRANSLATOR_FALLBACK="openai-interpreter") as home,
    ):
        home.openai.fail_next(Fault(reset_after=0.6), times=2)
        home.openai.fail_next(DOWN, times=4, endpoint="translations")  # the second and the third for each direction
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await maria.done_speaking(timeout=15)
            await alex.hears_speech(timeout=10)
            await alex.hears_quiet(2.0, timeout=15)
    assert heard_whole(alex.heard, translated(SPANISH))
    assert hardly_heard(alex.heard, LOST)
    assert len(home.openai.sessions) == 2
    assert len(home.openai.conversations) == 2
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0


async def test_where_the_other_kind_of_translator_is_refused_as_well_the_original_is_heard() -> None:
    async with (
        logged() as log,
        house(brain=Mirror, turns=MirrorTurns, TRANSLATOR_FALLBACK="openai-interpreter") as home,
    ):
        home.openai.fail_next(Fault(end=Ending.quota(after=0.4)), times=2, endpoint="translations")
        home.openai.fail_next(Fault(refuse=Refusal.out_of_money()), times=2, endpoint="realtime")
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await maria.done_speaking(timeout=15)
            await Ear(alex, 0).hears(SPANISH, 20)
            await alex.hears_quiet(1.5, timeout=15)
    assert heard_whole(alex.heard, LOST)
    assert heard_whole(alex.heard, SPANISH)
    assert home.openai.connections == 4
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0


# -- echo


class OnALoudspeaker(Party):
    """Somebody whose telephone hears what it plays, later and more quietly."""

    DELAY_FRAMES, LEVEL_DB = 12, -14.0

    def speak(self) -> bytes:
        end = len(self.heard) - self.DELAY_FRAMES * mulaw.FRAME_BYTES
        frame = super().speak()
        echo = self.heard[max(end - mulaw.FRAME_BYTES, 0) : max(end, 0)].rjust(mulaw.FRAME_BYTES, b"\xff")
        return mix(frame, scale(echo, self.LEVEL_DB))


async def test_a_translation_that_comes_back_out_of_a_loudspeaker_is_not_translated_again() -> None:
    async with logged() as log, house(brain=Mirror) as home:
        maria, call = await home.calls()
        reservation = await home.twilio.next_reservation(timeout=5)
        alex = OnALoudspeaker("Alex")
        await reservation.accept(party=alex, beep=False)
        maria.say(LONG)
        await maria.done_speaking(timeout=15)
        await alex.hears_quiet(2.0, timeout=15)
        await asyncio.sleep(1.0)
        alex.say(ENGLISH)
        await alex.done_speaking(timeout=15)
        await Ear(maria, 0).hears(translated(ENGLISH), 20)
        await maria.hears_quiet(2.0, timeout=15)
        await call.hang_up()
        await home.empty()
    assert heard_whole(alex.heard, translated(LONG))
    assert listen(maria.heard, LONG).share < 0.3  # turned round twice it would be her own words
    assert voiced_seconds(maria.heard[mulaw.SAMPLE_RATE * 2 :]) < voiced_seconds(ENGLISH) + 2 * SECONDS
    assert heard_whole(maria.heard, translated(ENGLISH))
    assert ending(log)["agent"]["echo_suppressed_ms"] > 1000
