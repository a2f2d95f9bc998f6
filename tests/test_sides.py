"""The secure pause and the agents' phrases in whole calls: who hears what, who is told, and what can be read along."""

from __future__ import annotations

import pytest
from fakes import FakeSpeaker, loud, numbers, settle, spoken, understood
from talk import AGENT, CALLER, Log, Talk
from test_session_hold import held

from bmv import languages
from bmv.audio.mulaw import SILENCE
from bmv.call.services import Notice
from bmv.call.state import CallState
from bmv.call.transcript import Line
from bmv.call.translator import CaptionKind
from bmv.languages import PHRASES, Language, Sentence

pytestmark = pytest.mark.usefixtures("logs")

EN, ES, DE = (languages.get(tag) for tag in ("en", "es", "de"))
ORIGINAL, TRANSLATION = CaptionKind.ORIGINAL, CaptionKind.TRANSLATION


def read(talk: Talk) -> list[tuple[str, str]]:
    """What can be read along: the kinds of the lines, and their texts."""
    return [(line.kind.value, line.text) for line in talk.call.transcript.lines()]


def fed(talk: Talk) -> list[int]:
    """What all sessions were given, by the numbers of the frames."""
    return [number for session in talk.world.provider.sessions for number in numbers(session.fed)]


# -- the secure pause


async def test_in_the_secure_pause_both_hear_each_other_are_told_so_and_no_session_is_fed_anything() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        talk.call.secure(True)
        assert talk.call.view().secured
        for number in range(100):
            talk.call.hear(CALLER, loud(1000 + number))
            talk.call.hear(AGENT, loud(2000 + number))
            world.beat()
            await settle()
        await world.pass_time(2.0)
        assert understood(talk.agent.frames) == [(Sentence.SECURED, "en"), *range(1000, 1100)]
        assert understood(talk.caller.frames) == [(Sentence.SECURED, "es"), *range(2000, 2100)]
        assert {view.mode for view in talk.call.view().directions.values()} == {"passing through"}
        talk.call.secure(False)
        await talk.hear(CALLER, *spoken(3000, 3010), *[SILENCE] * 50)
        assert understood(talk.agent.frames)[-1] == (Sentence.UNSECURED, "en")
        assert understood(talk.caller.frames)[-1] == (Sentence.UNSECURED, "es")
        assert fed(talk) == list(range(3000, 3010))
        assert not talk.call.view().secured


async def test_what_the_beep_gate_holds_back_when_it_ends_was_said_in_it_and_is_given_to_no_session() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        talk.call.secure(True)
        await talk.hear(AGENT, *spoken(2000, 2010))
        talk.call.secure(False)
        await talk.hear(AGENT, *spoken(3000, 3010), *[SILENCE] * 50)
        await world.pass_time(2.0)
        heard = [number for number in numbers(talk.caller.frames) if 2000 <= number < 3000]
        assert heard == list(range(2000, 2010))
        assert fed(talk) == list(range(3000, 3010))


async def test_the_same_again_tells_nobody_anything() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        talk.call.secure(False)
        talk.call.secure(True)
        talk.call.secure(True)
        await world.pass_time(2.0)
        assert understood(talk.caller.frames) == [(Sentence.SECURED, "es")]


async def test_nothing_that_comes_in_the_secure_pause_can_be_read_not_even_the_end_of_what_was_said_before() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        session = world.provider.session("es")
        session.caption(ORIGINAL, "mi número es")
        await settle()
        talk.call.secure(True)
        session.caption(ORIGINAL, " cuatro")
        await settle()
        assert read(talk) == [("original", "mi número es")]
        talk.call.secure(False)
        await world.pass_time(3.0)
        session.caption(ORIGINAL, "gracias")
        await settle()
        assert read(talk)[-1] == ("original", "gracias")
        assert "cuatro" not in str(talk.call.transcript.lines())


async def test_what_is_said_in_it_counts_as_passed_through(logs: Log) -> None:
    talk = Talk("es")
    async with talk.living():
        await talk.bridged()
        talk.call.secure(True)
        await talk.hear(CALLER, *spoken(1, 101))
    (ended,) = (entry for entry in logs if entry["event"] == "call_ended")
    assert ended["caller"]["speech_seconds"]["passed_through"] > 1.9
    assert ended["caller"]["speech_seconds"]["lost"] == 0


async def test_it_lasts_across_a_hold_in_which_nobody_hears_the_other() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN)
        talk.call.secure(True)
        await held(talk)
        heard = len(talk.caller.heard)
        await talk.hear(AGENT, *spoken(100, 150))
        assert not set(range(100, 150)) & set(numbers(talk.caller.frames[heard // 160 :]))
        before = fed(talk)
        world.carrier.held = False
        for number in range(200, 400):
            talk.call.hear(AGENT, loud(number))
            world.beat()
            await settle()
        assert talk.call.state is CallState.BRIDGED
        await world.pass_time(3.0)
        assert set(range(300, 400)) <= set(numbers(talk.caller.frames))
        assert fed(talk) == before
        assert understood(talk.caller.frames).count((Sentence.SECURED, "es")) == 1


async def test_begun_on_hold_it_is_told_when_they_can_hear_each_other_again() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await held(talk)
        talk.call.secure(True)
        await world.pass_time(1.0)
        assert (Sentence.SECURED, "es") not in understood(talk.caller.frames)
        assert talk.call.state is CallState.HELD
        world.carrier.held = False
        await world.pass_time(3.0)
        assert str(talk.call.state) == str(CallState.BRIDGED)
        assert (Sentence.SECURED, "es") in understood(talk.caller.frames)
        assert (Sentence.SECURED, "en") in understood(talk.agent.frames)


async def test_it_lasts_across_a_transfer_to_somebody_who_speaks_something_else() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN)
        talk.call.secure(True)
        talk.call.agent_accepted("WR2", (DE,))
        await world.pass_time(1.0)
        await talk.hear(CALLER, *spoken(100, 150))
        await world.pass_time(1.0)
        assert set(range(100, 150)) <= set(numbers(talk.agent.frames))
        assert fed(talk) == []
        talk.call.secure(False)
        await world.pass_time(1.0)
        assert understood(talk.agent.frames)[-1] == (Sentence.UNSECURED, "de")


@pytest.mark.parametrize("notice", [Notice.ON, Notice.OFF])
async def test_an_agent_who_joins_in_it_is_told_that_the_translation_is_paused(notice: Notice) -> None:
    talk = Talk("es", interpreter_notice=notice)
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await world.pass_time(4.0)
        talk.call.secure(True)
        await world.pass_time(2.0)
        before = len(understood(talk.agent.frames))
        talk.call.agent_accepted("WR2", (DE,))
        await world.pass_time(8.0)
        told = [(Sentence.INTERPRETER, "de"), (Sentence.SECURED, "de")]
        assert understood(talk.agent.frames)[before:] == (told if notice is Notice.ON else told[1:])
        assert understood(talk.caller.frames).count((Sentence.SECURED, "es")) == 1


@pytest.mark.parametrize("notice", [Notice.ON, Notice.OFF])
async def test_both_are_told_of_it_once_an_agent_joins_whose_words_would_be_translated(notice: Notice) -> None:
    talk = Talk("es", interpreter_notice=notice)
    async with talk.living() as world:
        await talk.accepted_by(ES)
        await world.pass_time(4.0)
        talk.call.secure(True)
        talk.call.agent_accepted("WR2", (DE,))
        await world.pass_time(10.0)
        told = [Sentence.INTERPRETER, Sentence.SECURED] if notice is Notice.ON else [Sentence.SECURED]
        assert understood(talk.agent.frames) == [(sentence, "de") for sentence in told]
        assert understood(talk.caller.frames) == [(sentence, "es") for sentence in told]
        talk.call.secure(False)
        await world.pass_time(2.0)
        assert understood(talk.agent.frames)[-1] == (Sentence.UNSECURED, "de")
        assert understood(talk.caller.frames)[-1] == (Sentence.UNSECURED, "es")


async def test_an_agent_who_is_there_only_when_it_is_over_is_not_told_that_it_goes_on() -> None:
    talk = Talk("es", interpreter_notice=Notice.OFF)
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await world.pass_time(4.0)
        talk.call.secure(True)
        await world.pass_time(2.0)
        talk.call.agent_accepted("WR2", (DE,))
        talk.call.secure(False)
        await world.pass_time(8.0)
        assert (Sentence.SECURED, "de") not in understood(talk.agent.frames)


async def test_where_nothing_is_translated_nobody_is_told_that_the_translation_is_paused() -> None:
    talk = Talk("en")
    async with talk.living() as world:
        await talk.bridged()
        talk.call.secure(True)
        await talk.hear(CALLER, *spoken(1, 51))
        await world.pass_time(1.0)
        assert understood(talk.agent.frames) == list(range(1, 51))
        assert talk.caller.frames == []


async def test_it_ends_with_the_call_and_cannot_begin_after_it() -> None:
    talk = Talk("es")
    async with talk.living():
        await talk.bridged()
        talk.call.secure(True)
        await talk.agent_hangs_up()
        assert not talk.call.view().secured
        talk.call.secure(False)
    talk.call.secure(True)


# -- what agents may have said


async def test_a_phrase_is_said_to_the_caller_alone_after_what_waits_and_reads_as_the_agents_line() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        world.provider.session("en").speak(*spoken(100, 120))
        await settle()
        assert talk.call.say_phrase(Sentence.ONE_MOMENT)
        await world.pass_time(2.0)
        assert understood(talk.caller.frames) == [*range(100, 120), (Sentence.ONE_MOMENT, "es")]
        assert talk.agent.frames == []
        line, translation = talk.call.transcript.lines()
        assert line == Line(1, AGENT, ORIGINAL, 1, "One moment, please.", True, line.at, None, "en")
        assert translation == Line(2, AGENT, TRANSLATION, 1, "Un momento, por favor.", True, line.at, None, "es")


async def test_to_a_caller_on_hold_phrases_are_said_as_well() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.accepted_by(EN)
        await held(talk)
        assert talk.call.say_phrase(Sentence.THANKS_FOR_WAITING)
        await world.pass_time(1.0)
        assert (Sentence.THANKS_FOR_WAITING, "es") in understood(talk.caller.frames)


async def test_who_shares_a_language_with_the_agent_reads_one_line() -> None:
    talk = Talk("en")
    async with talk.living():
        await talk.bridged()
        assert talk.call.say_phrase(Sentence.REPEAT)
        assert read(talk) == [("original", "Could you please repeat that?")]


async def test_to_who_calls_in_an_unknown_language_a_phrase_is_said_in_that_of_most_agents() -> None:
    talk = Talk(None)
    async with talk.living() as world:
        await talk.accepted_by(DE)
        assert talk.call.say_phrase(Sentence.ONE_MOMENT)
        await world.pass_time(1.0)
        assert understood(talk.caller.frames) == [(Sentence.ONE_MOMENT, "en")]
        lines = [(line.text, line.language) for line in talk.call.transcript.lines()]
        assert lines == [("Einen Moment, bitte.", "de"), ("One moment, please.", None)]


async def test_before_anybody_is_there_and_after_the_end_nothing_is_said() -> None:
    talk = Talk("es")
    async with talk.living():
        await talk.queued()
        assert not talk.call.say_phrase(Sentence.ONE_MOMENT)
    assert not talk.call.say_phrase(Sentence.ONE_MOMENT)
    assert read(talk) == []


async def test_a_phrase_behind_far_too_much_is_not_shown_as_if_it_had_been_said() -> None:
    talk = Talk("es")
    async with talk.living():
        await talk.bridged()
        shown = read(talk)
        while talk.call.say_phrase(Sentence.ONE_MOMENT):
            assert talk.call.view().directions[AGENT].backlog <= 601
            shown = read(talk)
        assert shown
        assert read(talk) == shown


async def test_a_phrase_without_a_sound_is_not_shown_as_if_it_had_been_said() -> None:
    class Mute(FakeSpeaker):
        def say(self, sentence: Sentence, language: Language) -> bytes:
            return b"" if sentence in PHRASES else super().say(sentence, language)

    talk = Talk("es", speaker=Mute())
    async with talk.living():
        await talk.bridged()
        assert not talk.call.say_phrase(Sentence.ONE_MOMENT)
        assert read(talk) == []


async def test_an_agent_has_nothing_else_said() -> None:
    talk = Talk("es")
    async with talk.living():
        await talk.bridged()
        with pytest.raises(ValueError, match="GOODBYE"):
            talk.call.say_phrase(Sentence.GOODBYE)


# -- captions


async def test_without_captions_nothing_can_be_read_though_the_translators_say_it_all_the_same() -> None:
    talk = Talk("es", captions=False)
    async with talk.living() as world:
        seen: list[object] = []
        with world.captions.reading(seen.append):
            await talk.bridged()
            world.provider.session("es").caption(TRANSLATION, "hello")
            await settle()
            talk.call.say_phrase(Sentence.ONE_MOMENT)
        assert seen == read(talk) == []


async def test_words_are_in_no_log_and_the_transcript_is_forgotten_with_the_call(logs: Log) -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        world.provider.session("es").caption(ORIGINAL, "hola")
        await settle()
        assert world.transcripts.of(talk.call.id) is talk.call.transcript
        assert [(line.text, line.language, line.final) for line in talk.call.transcript.lines()] == [
            ("hola", "es", False)
        ]
        talk.call.secure(True)
        talk.call.say_phrase(Sentence.ONE_MOMENT)
    assert world.transcripts.of(talk.call.id) is None
    assert talk.call.transcript.over
    assert talk.call.transcript.lines()[0].final
    assert not [entry for entry in logs if "hola" in str(entry) or "moment," in str(entry)]


async def test_a_line_is_final_a_moment_after_its_last_word() -> None:
    talk = Talk("es")
    async with talk.living() as world:
        await talk.bridged()
        world.provider.session("es").caption(ORIGINAL, "hola")
        await world.pass_time(2.5)
        assert [line.final for line in talk.call.transcript.lines()] == [True]
