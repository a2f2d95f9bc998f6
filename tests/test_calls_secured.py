"""Whole calls over real sockets: the agent pauses the translation, and has a phrase said."""

from __future__ import annotations

import pytest
from holding import Ear, talking
from house import house
from listening import hardly_heard, heard_whole
from mirror import SPANISH, Mirror, MirrorTurns, ending, logged, translated
from notices import notice

from bmv.call.leg import Role
from bmv.call.translator import CaptionKind
from bmv.languages import Sentence
from bmv.simulator import voices
from bmv.simulator.openai import FakeOpenAI

BUSY = 3.0  # seconds by which this machine may be late
NUMBER = voices.speak("Cuatro cinco tres dos, uno siete seis ocho.", "es")
THANKS = voices.speak("Thank you, I have got it.", "en")
PAUSED, GOES_ON = Sentence.SECURED, Sentence.UNSECURED


def heard_by(openai: FakeOpenAI) -> list[int]:
    """Bytes that each session has received so far."""
    return [len(session.received) for session in (*openai.sessions, *openai.conversations)]


@pytest.mark.parametrize("translator", ["openai", "openai-interpreter"])
async def test_in_the_secure_pause_they_hear_each_other_and_nothing_reaches_openai(translator: str) -> None:
    async with logged() as log, house(brain=Mirror, turns=MirrorTurns, TRANSLATOR=translator) as home:
        talk = await talking(home)
        alex, maria = Ear.of(talk.alex), Ear.of(talk.maria)
        talk.maria.say(SPANISH)
        await alex.hears(translated(SPANISH), 12 + BUSY)
        talk.session.secure(True)
        await alex.hears(notice(PAUSED, "en"), 5 + BUSY)
        await maria.hears(notice(PAUSED, "es"), 5 + BUSY)
        sent = heard_by(home.openai)
        read = talk.session.transcript.latest
        secret, answer = Ear.of(talk.alex), Ear.of(talk.maria)
        talk.maria.say(NUMBER)
        talk.alex.say(THANKS)  # at the same time
        await secret.hears(NUMBER, 8 + BUSY)
        await answer.hears(THANKS, 8 + BUSY)
        assert heard_by(home.openai) == sent
        assert {view.mode for view in talk.session.view().directions.values()} == {"passing through"}
        assert [line.final for line in talk.session.transcript.lines(read)] in ([], [True], [True, True])
        talk.session.secure(False)
        after = Ear.of(talk.alex)
        talk.maria.say(SPANISH)
        await after.hears(translated(SPANISH), 12 + BUSY)
        assert after.understood(notice(GOES_ON, "en"))
        await talk.over()
    assert len(sent) == 2
    assert heard_whole(secret.heard, NUMBER)
    assert heard_whole(answer.heard, THANKS)
    assert hardly_heard(secret.heard, translated(NUMBER))
    line = ending(log)
    assert line["caller"]["speech_seconds"]["passed_through"] > 2
    assert line["caller"]["speech_seconds"]["lost"] == line["agent"]["speech_seconds"]["lost"] == 0


async def test_a_phrase_is_heard_by_the_caller_alone_and_read_by_whoever_looks_on() -> None:
    async with house(brain=Mirror) as home:
        talk = await talking(home)
        transcript = home.server.transcripts.of(talk.session.id)
        assert transcript is not None
        alex, maria = Ear.of(talk.alex), Ear.of(talk.maria)
        talk.session.say_phrase(Sentence.LOOKING_UP)
        await maria.hears(notice(Sentence.LOOKING_UP, "es"), 5 + BUSY)
        assert [(each.speaker, each.kind, each.text, each.language) for each in transcript.lines()] == [
            (Role.AGENT, CaptionKind.ORIGINAL, "I am looking that up for you.", "en"),
            (Role.AGENT, CaptionKind.TRANSLATION, "Lo estoy consultando ahora mismo.", "es"),
        ]
        (view,) = home.server.registry.views()
        assert view.agent
        assert home.server.registry.call_of_worker(view.agent) is talk.session
        await talk.over()
        assert home.server.transcripts.of(talk.session.id) is None
    assert hardly_heard(alex.heard, notice(Sentence.LOOKING_UP, "es"))
