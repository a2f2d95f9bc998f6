"""What must be true after a soak, whatever was thrown at the server. Pure: evidence in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from bmv.call.strain import HEARD_SECONDS
from bmv.call.totals import Refusal
from bmv.commands.soak.child import TIMER
from bmv.commands.soak.evidence import Evidence, Outcome, Totals, Unwritten
from bmv.commands.soak.overheard import Ear
from bmv.commands.soak.plan import NONE, Promise, stop

FATES = ("translated", "passed_through", "not_translatable", "lost")
ROUNDING = 0.03  # seconds: each figure of a line is rounded to a hundredth
HEARD = 0.7  # share of the syllables: shortened pauses tear a quarter at worst; the longer of two sentences has 0.6
VOICE_SLACK = (0.12, 0.35)  # of what was said, and seconds: by how much more or less may be heard
LATE = HEARD_SECONDS  # what is later tears words, whoever's fault it is
STALLED = 0.5  # seconds: a machine that stood still for so long breaks what depends on time, too
MOSTLY = 0.5  # of the calls to be listened to that must have been held on a machine in time
TASKS_GROWN, SOCKETS_GROWN, FILES_GROWN = 0, 0, 2
THREADS_GROWN = 4  # the pool for look-ups of names grows once
TIMERS_GROWN = 2  # some come and go with a connection that is still kept
KEPT = {"Seat"}  # by the carrier, on purpose: those of the last hundreds of calls
RSS_GROWN_MB = 6.0
RSS_GROWN_KB_PER_CALL = 8.0
SHOWN = 5  # pieces of evidence


class Judgement(Enum):
    """What came of it."""

    OK = "ok"
    BROKEN = "broken"
    OPEN = "not judged"


@dataclass(frozen=True)
class Verdict:
    """One invariant, what came of it, and why."""

    invariant: str
    judgement: Judgement
    evidence: str


def judge(evidence: Evidence) -> list[Verdict]:
    """Every invariant, in order."""
    outcomes = [each for each in evidence.outcomes if not each.refused]
    fair = [each for each in outcomes if each.late <= STALLED]
    stalled = f"; {len(outcomes) - len(fair)} while the machine stood still prove nothing" if fair != outcomes else ""
    return [
        _none("the server lived until it was told to stop", [evidence.died] if evidence.died else (), "it did"),
        _taken(evidence),
        _none("callers are refused by a server that is too late alone", _sent_away(evidence), _refused(evidence)),
        _none("every script came to its end", _stuck(fair), f"{len(fair)} calls{stalled}"),
        _none("every call ended, and said so once", _unended(outcomes), f"{len(outcomes)} calls"),
        _none("every telephone call ended", _each(outcomes, "open_calls"), "none is open"),
        _none("the server asked for the end of every call it had to end", _each(outcomes, "not_hung_up"), "it did"),
        _none("every paid session was closed", _each(outcomes, "open_sessions"), "none is open"),
        *_registry(evidence.totals),
        _none("the ledger adds up", _unbalanced(evidence), _in_metrics(evidence.totals)),
        _none("no word is lost where it need not be", _lost(fair), _speech(outcomes)),
        _none("no translation was given up for good", _hopeless(outcomes), "what may pass was tried again"),
        _heard("calls without a fault were whole", [each for each in outcomes if _untouched(each)]),
        _heard("faults that touch no translation cost no word", [each for each in outcomes if _whole(each)]),
        _heard("where the translation failed, the voice was heard", [each for each in outcomes if _said(each)]),
        _none("no bad call touches another", _touched(fair), "calls without a fault have no warning in the log"),
        _none("no bug in the log", evidence.errors, "no line at error, and nothing that is no line"),
        _none("the log tells how many lines are missing", _uncounted(evidence.unwritten), _counted(evidence.unwritten)),
        _complaints(evidence),
        *_growth(evidence),
        *_exit(evidence),
    ]


def saturated(verdicts: Iterable[Verdict]) -> bool:
    """Whether the machine was too slow for the calls: then what was heard says nothing about the server."""
    return any(each.judgement is Judgement.OPEN for each in verdicts)


def _taken(evidence: Evidence) -> Verdict:
    """To refuse a call is right where the machine is too slow for it, but then there is nothing to be judged."""
    calls, refused = len(evidence.outcomes), _number_refused(evidence)
    slow = refused > (1 - MOSTLY) * calls
    return Verdict("calls were taken", Judgement.OPEN if slow else Judgement.OK, f"{calls - refused} of {calls}")


def _number_refused(evidence: Evidence) -> int:
    return sum(each.refused for each in evidence.outcomes)


def _sent_away(evidence: Evidence) -> Iterator[str]:
    """Refused for another reason: there is always room for as many calls as a soak holds. Or for none at all."""
    if evidence.died:  # it was not asked
        return
    reasons = dict(evidence.refusals)
    slow = reasons.pop(Refusal.OVERLOADED.value, 0)
    if reasons:
        yield "/metrics: " + ", ".join(f"{number} {reason}" for reason, number in reasons.items())
    if (more := _number_refused(evidence) - slow - sum(reasons.values())) > 0:
        yield f"of {more} calls that were refused /metrics does not say why"


def _refused(evidence: Evidence) -> str:
    return f"{evidence.refusals.get(Refusal.OVERLOADED.value, 0)} times it was"


def _none(invariant: str, found: Iterable[str], well: str) -> Verdict:
    found = list(found)
    if not found:
        return Verdict(invariant, Judgement.OK, well)
    more = f" … and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return Verdict(invariant, Judgement.BROKEN, "; ".join(found[:SHOWN]) + more)


def _named(outcome: Outcome, what: str) -> str:
    return f"call {outcome.plan.number} ({outcome.plan.fault}, {outcome.languages}, {outcome.call_id}): {what}"


def _stuck(outcomes: Sequence[Outcome]) -> Iterator[str]:
    return (_named(each, each.stuck) for each in outcomes if each.stuck)


def _unended(outcomes: Sequence[Outcome]) -> Iterator[str]:
    return (
        _named(each, "no call_ended in the log")
        for each in outcomes
        if each.call_id and not each.ending and not each.unlogged
    )


def _each(outcomes: Sequence[Outcome], name: str) -> Iterator[str]:
    return (_named(each, ", ".join(found)) for each in outcomes if (found := getattr(each, name)))


def _hopeless(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Nothing that a soak does to a translator is for good but `translator-out-of-money`, and then there is another."""
    return (_named(each, "nobody was left to translate") for each in outcomes if each.hopeless)


def _registry(totals: Totals | None) -> Iterator[Verdict]:
    if totals:
        left = [f"/metrics says that {totals.running:.0f} calls are running"] if totals.running else ()
        yield _none("no call is left in the registry", left, "0 are running")


def _unbalanced(evidence: Evidence) -> Iterator[str]:
    for outcome in evidence.outcomes:
        for role, speech in _speeches(outcome):
            settled = sum(speech[fate] for fate in FATES)
            if abs(settled - speech["heard"]) > ROUNDING:
                yield _named(outcome, f"of the {role} {speech['heard']} s were heard and {settled:.2f} s settled")
    totals = evidence.totals
    if totals and abs(totals.heard - totals.settled) > ROUNDING * len(FATES):
        yield f"/metrics: {totals.heard:.2f} s were heard and {totals.settled:.2f} s settled"


def _in_metrics(totals: Totals | None) -> str:
    return f"{totals.heard:.0f} s of speech in /metrics" if totals else "/metrics was not asked"


def _lost(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        for role, speech in _speeches(outcome):
            if outcome.promise is not Promise.ENDS and speech["lost"]:
                yield _named(outcome, f"{speech['lost']} s of the {role}, because {speech.get('lost_because')}")


def _speech(outcomes: Sequence[Outcome]) -> str:
    sums = {fate: sum(speech[fate] for each in outcomes for _, speech in _speeches(each)) for fate in FATES}
    return ", ".join(f"{seconds:.0f} s {fate.replace('_', ' ')}" for fate, seconds in sums.items())


def _speeches(outcome: Outcome) -> Iterator[tuple[str, dict[str, float]]]:
    for role in ("caller", "agent") if outcome.ending else ():
        yield role, (outcome.ending or {})[role]["speech_seconds"]


def _untouched(outcome: Outcome) -> bool:
    return outcome.plan.fault == NONE and outcome.promise is Promise.WHOLE and not outcome.outage


def _whole(outcome: Outcome) -> bool:
    return outcome.promise is Promise.WHOLE and outcome.plan.fault != NONE and not outcome.outage


def _said(outcome: Outcome) -> bool:
    """Also what would be whole without the outage."""
    promise = outcome.promise
    return promise is Promise.SAID or (promise is Promise.WHOLE and outcome.outage)


def _heard(invariant: str, outcomes: Sequence[Outcome]) -> Verdict:
    """Listen to all; what was torn on a machine that was late is nobody's fault."""
    due = [each for each in outcomes if not each.stuck]
    faults = [(each, told) for each in due for told in _not_heard(each)]
    excused = len({each.plan.number for each, _ in faults if each.late > LATE})
    if due and excused > (1 - MOSTLY) * len(due):
        return Verdict(invariant, Judgement.OPEN, f"the machine was late in {excused} of {len(due)} calls")
    unheard = [_named(each, told) for each, told in faults if each.late <= LATE]
    skipped = f"; of {excused} the machine was late, so they prove nothing" if excused else ""
    return _none(invariant, unheard, f"{len(due) - excused} calls were heard{skipped}")


def _not_heard(outcome: Outcome) -> Iterator[str]:
    if not outcome.ears:
        yield "nobody was listened to"
    for ear in outcome.ears:
        if _said(outcome):
            if ear.translated + ear.original < HEARD:
                yield f"the {ear.who} heard {ear.translated:.0%} translated and {ear.original:.0%} as it was said"
        elif ear.translated < HEARD:
            yield f"the {ear.who} heard {ear.translated:.0%} of it"
        elif _too_much_or_little(ear):
            yield f"the {ear.who} heard {ear.heard_seconds} s of voice where {ear.said_seconds} s were said"


def _too_much_or_little(ear: Ear) -> bool:
    share, seconds = VOICE_SLACK
    return abs(ear.heard_seconds - ear.said_seconds) > share * ear.said_seconds + seconds


def _touched(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for each in outcomes:
        if _untouched(each) and each.warnings:
            yield _named(each, ", ".join(each.warnings))


def _uncounted(lines: Unwritten) -> Iterator[str]:
    if lines.read + lines.told != lines.logged:
        yield f"of {lines.logged} lines {lines.read} came, and {lines.told} are said to be missing"


def _counted(lines: Unwritten) -> str:
    return f"{lines.told} of the {lines.logged} for which there was no room"


def _complaints(evidence: Evidence) -> Verdict:
    """No machine that stands still answers in time."""
    verdict = _none("the telephone company had no complaint", evidence.alerts, "no alert")
    worst = evidence.pace.simulator_worst
    if verdict.judgement is Judgement.OK or worst <= STALLED:
        return verdict
    told = f"the machine stood still for {worst:g} s: {verdict.evidence}"
    return Verdict(verdict.invariant, Judgement.OPEN, told)


def _growth(evidence: Evidence) -> Iterator[Verdict]:
    warm, end = evidence.warm, evidence.end
    if not warm or not end:
        return
    kinds = ", ".join(f"{number} {kind}" for kind, number in end.kinds.items())
    allowed = RSS_GROWN_MB + evidence.calls_between * RSS_GROWN_KB_PER_CALL / 1000
    heap = f"with the free heap {warm.untrimmed_mb:g} and {end.untrimmed_mb:g}"
    told = f" MB, {evidence.calls_between} calls later ({heap})"
    yield _grown("no task is left", warm.tasks, end.tasks, TASKS_GROWN, f" ({kinds})")
    yield _grown("no socket is left", warm.sockets, end.sockets, SOCKETS_GROWN)
    yield _grown("no file is left", warm.files, end.files, FILES_GROWN)
    yield _grown("no thread is left", warm.threads, end.threads, THREADS_GROWN)
    yield _none("no object of a call is left", _kept(warm.objects, end.objects), "none of any class of ours")
    yield _grown("memory does not grow", warm.rss_mb, end.rss_mb, allowed, told)


def _kept(before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[str]:
    """By class: where one of a call is kept all that it refers to is, too small for `memory does not grow` to tell."""
    for kind, number in after.items():
        more = number - before.get(kind, 0)
        if kind not in KEPT and more > (TIMERS_GROWN if kind == TIMER else 0):
            yield f"{more} {kind} more than after the warm-up"


def _grown(invariant: str, before: float, after: float, allowed: float, unit: str = "") -> Verdict:
    told = f"{before:g} after the warm-up, {after:g} at the end{unit}; {allowed:g} more would be all right"
    return Verdict(invariant, Judgement.OK if after - before <= allowed else Judgement.BROKEN, told)


def _exit(evidence: Evidence) -> Iterator[Verdict]:
    if evidence.died:  # it was not told to
        return
    code = evidence.exit_code
    wrong = [] if code == 0 else ["it had to be killed" if code is None else f"exit code {code}"]
    yield _none(
        "it stops in order in the middle of calls", wrong, f"{stop(evidence.seed).name}: the calls went on, then exit 0"
    )
