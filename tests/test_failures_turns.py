"""Whole calls, over real sockets, in which the translation sentence by sentence fails: what was heard of each."""

from __future__ import annotations

import pytest
from holding import Ear
from house import House, house
from listening import heard_whole, listen, voiced_seconds
from mirror import ENGLISH, LONG, SPANISH, MirrorTurns, conversation, ending, events, logged, translated

from bmv.audio import mulaw
from bmv.simulator.openai import Fault, ResponseFault


async def test_whoever_goes_on_talking_while_his_last_sentence_is_interpreted_loses_nothing() -> None:
    async with (
        logged() as log,
        house(turns=MirrorTurns, TRANSLATOR="openai-interpreter") as home,
        conversation(home) as (maria, alex),
    ):
        for sentence in (SPANISH, LONG):
            maria.say(sentence + b"\xff" * mulaw.SAMPLE_RATE)
        await maria.done_speaking(timeout=20)
        await alex.hears_quiet(3.0, timeout=20)
        alex.say(ENGLISH)
        await maria.hears_speech(timeout=10)
        await maria.hears_quiet(2.0, timeout=15)
    first = listen(alex.heard, translated(SPANISH))
    assert first.share >= 0.6
    assert heard_whole(alex.heard[round(first.last * mulaw.SAMPLE_RATE) :], translated(LONG))
    assert heard_whole(maria.heard, translated(ENGLISH))
    line = ending(log)
    assert line["caller"]["speech_seconds"]["lost"] == 0
    assert line["caller"]["speech_seconds"]["passed_through"] == 0
    assert line["caller"]["used"]["usd"] > 0


async def test_a_sentence_that_fails_twice_is_heard_as_it_was_said_and_the_next_one_is_interpreted() -> None:
    async with logged() as log, house(turns=MirrorTurns, TRANSLATOR="openai-interpreter") as home:
        failed = ResponseFault.failed()
        home.openai.fail_next(Fault(responses=(failed, failed)), language="en")
        async with conversation(home) as (maria, alex):
            for sentence in (SPANISH, LONG):
                maria.say(sentence + b"\xff" * 2 * mulaw.SAMPLE_RATE)
            await maria.done_speaking(timeout=20)
            await alex.hears_quiet(3.0, timeout=20)
    first = listen(alex.heard, SPANISH)
    assert first.share >= 0.6
    assert heard_whole(alex.heard[round(first.last * mulaw.SAMPLE_RATE) :], translated(LONG))
    line = ending(log)
    assert line["caller"]["speech_seconds"]["passed_through"] > 1.0
    assert line["caller"]["speech_seconds"]["lost"] == 0
    assert not events(log, "translator_lost")


@pytest.mark.parametrize("fault", [Fault(reset_after=2.0), Fault(reset_after_output=0.5), Fault(silent_after=1.0)])
async def test_a_turn_based_session_that_is_lost_is_followed_by_another_and_no_word_is_missing(fault: Fault) -> None:
    async with logged() as log, house(turns=MirrorTurns, TRANSLATOR="openai-interpreter") as home:
        home.openai.fail_next(fault, language="en")
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await maria.done_speaking(timeout=20)
            await Ear(alex, 0).hears(translated(SPANISH), 30)
            await alex.hears_quiet(1.0, timeout=20)
    assert heard_whole(alex.heard, translated(SPANISH))
    assert ending(log)["caller"]["speech_seconds"]["lost"] == 0


@pytest.mark.parametrize(
    "responses",
    [
        (ResponseFault.cancelled(after=0.6),),
        (ResponseFault(never_done=True, after=0.6),),
        (ResponseFault(conflict=True), ResponseFault(late_deltas=3)),
        (ResponseFault(overtaken=True), ResponseFault(late_deltas=3)),
        (ResponseFault(messages=3, without_created=True),),
    ],
    ids=["cancelled", "never done", "conflict", "overtaken", "several messages without a beginning"],
)
async def test_an_answer_that_goes_astray_is_given_again_and_heard_whole(responses: tuple[ResponseFault, ...]) -> None:
    async with logged() as log, house(turns=MirrorTurns, TRANSLATOR="openai-interpreter") as home:
        home.openai.fail_next(Fault(responses=responses), language="en")
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await _is_settled(home)
            await Ear(alex, 0).hears(translated(SPANISH), 20)
            await alex.hears_quiet(1.0, timeout=15)
    assert heard_whole(alex.heard, translated(SPANISH))
    speech = ending(log)["caller"]["speech_seconds"]
    assert speech["lost"] == speech["passed_through"] == 0
    # What was cut off after 0.6 s is heard again from its beginning; nothing else comes twice, late deltas neither.
    assert voiced_seconds(alex.heard) < voiced_seconds(SPANISH) + sum(fault.after for fault in responses) + 0.3
    assert not events(log, "translator_lost")


async def test_an_answer_that_is_cut_off_both_times_is_followed_by_what_was_said() -> None:
    async with logged() as log, house(turns=MirrorTurns, TRANSLATOR="openai-interpreter") as home:
        responses = (ResponseFault.incomplete(after=0.6), ResponseFault.incomplete("max_output_tokens"))
        home.openai.fail_next(Fault(responses=responses), language="en")
        async with conversation(home) as (maria, alex):
            maria.say(SPANISH)
            await _is_settled(home)
            await Ear(alex, 0).hears(SPANISH, 20)
            await alex.hears_quiet(1.0, timeout=15)
    assert heard_whole(alex.heard, SPANISH)
    assert not heard_whole(alex.heard, translated(SPANISH))
    speech = ending(log)["caller"]["speech_seconds"]
    assert speech["lost"] == speech["translated"] == 0
    assert not events(log, "translator_lost")


async def _is_settled(home: House) -> None:
    """Wait until the only turn is done with, which is when its item is deleted; its sound is on its way."""
    await home.openai.until(lambda: any(each.deleted for each in home.openai.conversations), seconds=20)
