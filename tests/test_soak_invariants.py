"""What a soak judges: evidence that is broken on purpose, at one place at a time, is found broken there alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bmv.commands.exits import DONE, FAILED, WARNED
from bmv.commands.soak.command import exit_code
from bmv.commands.soak.enactment import asked_to_end
from bmv.commands.soak.evidence import Census, Evidence, Outcome, Pace, Totals, Unwritten
from bmv.commands.soak.invariants import Judgement, judge
from bmv.commands.soak.overheard import Ear, translated
from bmv.commands.soak.plan import NONE, call
from bmv.simulator.twilio import RestRequest

SPEECH = {"heard": 3.0, "translated": 2.5, "passed_through": 0.4, "not_translatable": 0.1, "lost": 0.0}
WELL = Ear("agent", translated=0.95, original=0.0, heard_seconds=1.5, said_seconds=1.5)


def outcome(number: int, fault: str) -> Outcome:
    return Outcome(
        replace(call(1, number), fault=fault),
        "es-en",
        call_id=f"c{number}",
        ears=[WELL, replace(WELL, who="caller")],
        ending={"caller": {"speech_seconds": SPEECH}, "agent": {"speech_seconds": SPEECH}},
    )


def evidence() -> Evidence:
    """All is well: a call without a fault, one whose translation fails, one that is cut, one with news twice."""
    faults = (NONE, "translator-reset", "caller-stream-breaks", "webhooks-again-in-disorder")
    outcomes = [outcome(number, fault) for number, fault in enumerate(faults)]
    outcomes[1].warnings = ["translator_lost"]
    census = Census(3, 17, 6, 7, 66.0, 67.0, {"_serve": 1}, {"Seat": 2, "TimerHandle": 4})
    return Evidence(
        seed=1,
        minutes=1.0,
        outcomes=outcomes,
        warm=census,
        end=census,
        calls_between=4,
        totals=Totals(0, 24.0, 24.0),
        refusals={},
        died="",
        errors=[],
        alerts=[],
        exit_code=0,
        pace=Pace(0.01, 0.02, 0.01),
        unwritten=Unwritten(logged=9, read=2, told=7),
        weather={},
    )


def broken(found: Evidence) -> list[str]:
    return [each.invariant for each in judge(found) if each.judgement is Judgement.BROKEN]


def test_what_is_well_is_judged_well() -> None:
    verdicts = judge(evidence())
    assert {each.judgement for each in verdicts} == {Judgement.OK}
    assert exit_code(verdicts) == DONE


def lose(found: Evidence, which: int, seconds: float = 1.0) -> None:
    speech = SPEECH | {"translated": SPEECH["translated"] - seconds, "lost": seconds}
    found.outcomes[which].ending = {"caller": {"speech_seconds": speech}, "agent": {"speech_seconds": SPEECH}}


def vanish(found: Evidence) -> None:
    """A second of speech is in no bin."""
    speech = SPEECH | {"translated": SPEECH["translated"] - 1}
    found.outcomes[0].ending = {"caller": {"speech_seconds": speech}, "agent": {"speech_seconds": SPEECH}}


def hear(found: Evidence, which: int, **ear: float) -> None:
    found.outcomes[which].ears[0] = replace(WELL, **ear)  # type: ignore[arg-type]


def refuse(found: Evidence, callers: int, **reasons: int) -> None:
    found.outcomes += [Outcome(call(1, number), "es-en", refused=True, stuck="waited") for number in range(callers)]
    found.refusals = reasons


def grow(found: Evidence, **more: float) -> None:
    assert found.end
    found.end = replace(found.end, **{name: getattr(found.end, name) + number for name, number in more.items()})


def leave(found: Evidence, **objects: int) -> None:
    assert found.end
    found.end = replace(found.end, objects={**found.end.objects, **objects})


REFUSED = "callers are refused by a server that is too late alone"

ASKED = "the server asked for the end of every call it had to end"

BREAKS: dict[str, tuple[Callable[[Evidence], None], str]] = {
    "a script got stuck": (lambda it: setattr(it.outcomes[0], "stuck", "waited"), "every script came to its end"),
    "no call_ended": (lambda it: setattr(it.outcomes[2], "ending", None), "every call ended, and said so once"),
    "an open call": (lambda it: it.outcomes[1].open_calls.append("CA1"), "every telephone call ended"),
    "a call left to its stream": (lambda it: it.outcomes[2].not_hung_up.append("CA1"), ASKED),
    "an open session": (lambda it: it.outcomes[1].open_sessions.append("en"), "every paid session was closed"),
    "a full house": (lambda it: setattr(it, "refusals", {"busy": 2, "overloaded": 1}), REFUSED),
    "a refusal that is not counted": (lambda it: refuse(it, 1), REFUSED),
    "a running call": (lambda it: setattr(it, "totals", Totals(1, 24, 24)), "no call is left in the registry"),
    "speech in no bin": (vanish, "the ledger adds up"),
    "metrics that do not add up": (lambda it: setattr(it, "totals", Totals(0, 24, 23)), "the ledger adds up"),
    "words lost": (lambda it: lose(it, 1), "no word is lost where it need not be"),
    "half a sentence": (lambda it: hear(it, 0, translated=0.5), "calls without a fault were whole"),
    "the original": (lambda it: hear(it, 0, translated=0.0, original=1.0), "calls without a fault were whole"),
    "somebody else's words": (lambda it: hear(it, 0, heard_seconds=3.0), "calls without a fault were whole"),
    "twice the words": (lambda it: hear(it, 3, heard_seconds=3.0), "faults that touch no translation cost no word"),
    "nothing at all": (lambda it: hear(it, 1, translated=0.2), "where the translation failed, the voice was heard"),
    "one of two": (lambda it: hear(it, 1, translated=0.6), "where the translation failed, the voice was heard"),
    "nobody listened": (lambda it: it.outcomes[0].ears.clear(), "calls without a fault were whole"),
    "nobody left to translate": (
        lambda it: setattr(it.outcomes[1], "hopeless", True),
        "no translation was given up for good",
    ),
    "lines that nobody misses": (
        lambda it: setattr(it, "unwritten", Unwritten(logged=9, read=2, told=6)),
        "the log tells how many lines are missing",
    ),
    "a warning": (lambda it: setattr(it.outcomes[0], "warnings", ["hold_unknown"]), "no bad call touches another"),
    "a bug": (lambda it: it.errors.append("internal_error c1: KeyError"), "no bug in the log"),
    "an alert": (lambda it: it.alerts.append("31921"), "the telephone company had no complaint"),
    "a task": (lambda it: grow(it, tasks=1), "no task is left"),
    "a socket": (lambda it: grow(it, sockets=1), "no socket is left"),
    "files": (lambda it: grow(it, files=3), "no file is left"),
    "threads": (lambda it: grow(it, threads=5), "no thread is left"),
    "a call": (lambda it: leave(it, CallSession=1), "no object of a call is left"),
    "timers": (lambda it: leave(it, TimerHandle=7), "no object of a call is left"),
    "memory": (lambda it: grow(it, rss_mb=7.0), "memory does not grow"),
    "a bad exit": (lambda it: setattr(it, "exit_code", 120), "it stops in order in the middle of calls"),
    "no exit": (lambda it: setattr(it, "exit_code", None), "it stops in order in the middle of calls"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_broken_evidence_is_found_broken_where_it_is_broken(what: str) -> None:
    found, (break_it, invariant) = evidence(), BREAKS[what]
    break_it(found)
    assert broken(found) == [invariant]
    assert exit_code(judge(found)) == FAILED


def test_a_few_timers_and_what_the_carrier_remembers_are_nothing_that_is_left() -> None:
    found = evidence()
    leave(found, TimerHandle=6, Seat=300)
    assert broken(found) == []


def test_a_call_that_is_cut_off_may_lose_words_and_nobody_listens_to_it() -> None:
    found = evidence()
    lose(found, 2)
    found.outcomes[2].ears.clear()
    assert broken(found) == []


def test_where_the_translation_fails_everybody_the_own_voice_will_do() -> None:
    found = evidence()
    hear(found, 0, translated=0.3, original=0.45)
    found.outcomes[0].outage, found.outcomes[0].warnings = True, ["translator_lost"]
    assert broken(found) == []


def test_a_call_whose_agent_could_not_be_called_for_want_of_a_name_has_only_to_end() -> None:
    found = evidence()
    found.outcomes[0].ears.clear()
    found.outcomes[0].unreached, found.outcomes[0].warnings = True, ["dial_refused"]
    lose(found, 0)
    assert broken(found) == []
    found.outcomes[0].open_calls.append("CA1")
    assert broken(found) == ["every telephone call ended"]


def test_a_call_whose_end_is_missing_in_the_log_is_judged_by_all_else() -> None:
    found = evidence()
    found.outcomes[0].ending, found.outcomes[0].unlogged = None, True
    assert broken(found) == []
    hear(found, 0, translated=0.5)
    found.outcomes[0].open_sessions.append("en")
    assert broken(found) == ["every paid session was closed", "calls without a fault were whole"]


def test_what_a_late_machine_tears_proves_nothing_and_most_of_it_torn_is_no_judgement() -> None:
    found = evidence()
    found.outcomes += [outcome(number, NONE) for number in range(10, 13)]
    hear(found, 0, translated=0.4)
    found.outcomes[0].late = 0.3
    assert broken(found) == []
    assert exit_code(judge(found)) == DONE
    for each in found.outcomes:
        each.late, each.ears[0] = 0.3, replace(WELL, translated=0.4)
    assert broken(found) == []
    assert exit_code(judge(found)) == WARNED


def test_calls_while_the_machine_stood_still_prove_nothing_but_have_to_end() -> None:
    found = evidence()
    found.outcomes[0].late, found.outcomes[0].stuck, found.outcomes[0].warnings = 1.3, "waited", ["translator_lost"]
    lose(found, 0)
    assert broken(found) == []
    found.outcomes[0].open_sessions.append("en")
    assert broken(found) == ["every paid session was closed"]


def test_what_twilio_complains_of_while_the_machine_stands_still_is_not_judged() -> None:
    found = evidence()
    found.alerts.append("11200 no answer in 15 s")
    found.pace = Pace(0.1, 7.0, 1.0)
    assert broken(found) == []
    assert exit_code(judge(found)) == WARNED


def test_calls_that_were_refused_for_a_slow_machine_are_not_judged_and_too_many_are_no_soak() -> None:
    found = evidence()
    refuse(found, 2, overloaded=2)
    assert broken(found) == []
    assert exit_code(judge(found)) == DONE
    refuse(found, 4, overloaded=6)
    assert broken(found) == []
    assert exit_code(judge(found)) == WARNED


def test_of_a_server_that_died_it_is_told_how_and_all_that_is_known_is_judged() -> None:
    found = evidence()
    found.died = "it died by SIGSEGV, and said last: call_bridged c7"
    found.end = found.totals = found.exit_code = None
    refuse(found, 1)  # nobody could ask why
    assert broken(found) == ["the server lived until it was told to stop"]
    assert found.died in {each.evidence for each in judge(found)}
    found.outcomes[0].open_sessions.append("en")
    assert broken(found) == ["the server lived until it was told to stop", "every paid session was closed"]


CALLS = "/2010-04-01/Accounts/AC1/Calls"


@pytest.mark.parametrize(
    ("path", "form", "status", "asked"),
    [
        ("/CA1.json", ("Status", "completed"), 200, True),
        ("/CA1.json", ("Status", "completed"), 500, True),  # it did what it could
        ("/CA1.json", ("Status", "completed"), 0, True),  # and does not know yet
        ("/CA1.json", ("Twiml", "<Response><Say>Goodbye.</Say><Hangup/></Response>"), 200, False),  # may get stuck
        ("/CA2.json", ("Status", "completed"), 200, False),
        (".json", ("To", "CA1"), 201, False),
    ],
)
def test_a_call_is_asked_to_end_by_a_hang_up_and_not_by_a_farewell(
    path: str, form: tuple[str, str], status: int, asked: bool
) -> None:
    assert asked_to_end([RestRequest("POST", CALLS + path, [form], status)], "CA1") is asked


def test_an_ear_tells_the_translation_the_original_and_silence_apart() -> None:
    from bmv.simulator import voices

    said, pause = voices.speak("Muchas gracias por su ayuda.", "es"), b"\xff" * 8000
    heard = {
        name: Ear.of("agent", pause + each + pause, said)
        for name, each in {"translation": translated(said), "original": said, "nothing": pause}.items()
    }
    assert heard["translation"].translated == heard["original"].original == 1.0
    assert max(heard["translation"].original, heard["original"].translated) < 0.2
    assert heard["nothing"].translated == heard["nothing"].original == heard["nothing"].heard_seconds == 0
