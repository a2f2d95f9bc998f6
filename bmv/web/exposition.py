"""What is measured, as Prometheus' metrics: names, labels and buckets. Looked at when it is asked for, never before.

docs/metrics.md has the table; labels never hold what tells a call or a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bmv import __version__
from bmv.audio.mulaw import FRAME_SECONDS
from bmv.call.ledger import Fate
from bmv.call.leg import Role
from bmv.call.mode import Mode
from bmv.call.registry import CallRegistry
from bmv.call.state import CallState, EndReason
from bmv.call.totals import STRAIGHT, Moment, PartyTotals, Refusal, Totals
from bmv.metrics import Histogram
from bmv.web.health import Check

LAGS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0)
HOPS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0)
BACKLOGS = (0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0)
LATENESS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.25, 0.5, 1.0)

MODES = tuple(mode.replace(" ", "_") for mode in (*(each.value for each in Mode), STRAIGHT))

HISTOGRAMS: Sequence[tuple[str, str, Sequence[float], Callable[[PartyTotals], Histogram]]] = (
    (
        "bmv_lag_seconds",
        "From the first sound of a turn to the first sound of its translation.",
        LAGS,
        lambda party: party.first_audio,
    ),
    (
        "bmv_uplink_seconds",
        "From the frame that completes a message to the translator to its being sent.",
        HOPS,
        lambda party: party.uplink,
    ),
    (
        "bmv_downlink_seconds",
        "From translated audio being received to its being sent to the listener; 0.16 of it on purpose.",
        HOPS,
        lambda party: party.downlink,
    ),
    (
        "bmv_call_worst_backlog_seconds",
        "The worst backlog of each translated call that is over.",
        BACKLOGS,
        lambda party: party.worst_backlog,
    ),
)
"""By the speaker."""

SUMS: Sequence[tuple[str, str, str, Callable[[PartyTotals], float]]] = (
    ("bmv_sessions_opened", "Sessions that were opened.", "speaker", lambda party: party.sessions_opened),
    ("bmv_sessions_lost", "Sessions that ended before their time.", "speaker", lambda party: party.sessions_lost),
    ("bmv_sessions_refused", "Sessions that could not be had.", "speaker", lambda party: party.sessions_refused),
    ("bmv_sessions_reopened", "Sessions in place of a lost one.", "speaker", lambda party: party.sessions_reopened),
    ("bmv_speech_heard_seconds", "Speech that was heard.", "speaker", lambda party: _seconds(party.heard)),
    (
        "bmv_speech_replayed_seconds",
        "Speech that a second session was given.",
        "speaker",
        lambda party: _seconds(party.replayed),
    ),
    (
        "bmv_cost_usd",
        "What translation cost, as far as prices are known.",
        "speaker",
        lambda party: party.nanodollars / 1e9,
    ),
    (
        "bmv_calls_without_price",
        "Calls that are over whose price is not known in full.",
        "speaker",
        lambda party: party.without_price,
    ),
    ("bmv_frames_received", "Frames of 20 ms that came from a party.", "party", lambda party: party.received),
    ("bmv_frames_late", "Of them, more than 0.2 s behind the one before.", "party", lambda party: party.late),
    ("bmv_frames_sent", "Frames of 20 ms that were sent to a party.", "party", lambda party: party.sent),
    (
        "bmv_echo_suppressed_seconds",
        "Echo that was taken out of a party's line.",
        "party",
        lambda party: _seconds(party.echo_suppressed),
    ),
)
"""By the one label that each has, a role."""

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Values of labels, and the number."""


class CallFigures(Collector):
    """All metrics but those of the operating system."""

    def __init__(self, registry: CallRegistry, *, lateness: Histogram, checks: Mapping[str, Check]) -> None:
        """`lateness` is the metronome's, `checks` are those of `/ready`."""
        self._registry = registry
        self._lateness = lateness
        self._checks = checks

    def collect(self) -> Iterator[Metric]:
        """Add up and name everything, now; takes milliseconds for a hundred calls."""
        totals, moment = self._registry.measured()
        yield from self._process(totals, moment)
        yield from _directions(totals.parties, moment)
        for name, told, label, number_of in SUMS:
            sums = [((role.value,), number_of(each)) for role, each in totals.parties.items()]
            yield _counter(name, told, (label,), sums)
        yield from _divided(totals.parties)

    def _process(self, totals: Totals, moment: Moment) -> Iterator[Metric]:
        limit, running = self._registry.limit, len(self._registry)
        yield _gauge("bmv_build_info", "Which version this is.", ("version",), [((__version__,), 1)])
        states = [((state.value,), moment.states[state]) for state in CallState]
        yield _gauge("bmv_calls", "Calls that are running, by their state.", ("state",), states)
        yield _gauge("bmv_calls_limit", "How many calls are carried at once: MAX_CALLS.", (), [((), limit)])
        yield _gauge("bmv_calls_free", "How many more calls can be taken.", (), [((), max(0, limit - running))])
        ended = [((reason.value,), totals.ended[reason]) for reason in EndReason]
        yield _counter("bmv_calls_ended", "Calls that are over, by the reason.", ("reason",), ended)
        refused = [((why.value,), totals.refused[why]) for why in Refusal]
        yield _counter("bmv_calls_refused", "Calls that were not taken, by the reason.", ("reason",), refused)
        problems = [((name,), float(check() is not None)) for name, check in self._checks.items()]
        yield _gauge(
            "bmv_problem", "1 while this is in the way of a further call, as /ready says.", ("check",), problems
        )
        yield _histogram(
            "bmv_event_loop_lag_seconds",
            "By how much the beat of 20 ms comes too late.",
            LATENESS,
            [((), self._lateness)],
        )


def _directions(parties: Mapping[Role, PartyTotals], moment: Moment) -> Iterator[Metric]:
    """How each speaker is translated."""
    now = {(role, mode.replace(" ", "_")): count for (role, mode), count in moment.modes.items()}
    yield _gauge(
        "bmv_directions",
        "Directions of running calls, by what becomes of the speaker's words now.",
        ("speaker", "mode"),
        [((role.value, mode), now.get((role, mode), 0)) for role in Role for mode in MODES],
    )
    highest = max((2, *(rung for _, rung in moment.rungs)))
    yield _gauge(
        "bmv_directions_on_rung",
        "Directions of running calls, by the translator that is tried or used: 1 is the first choice.",
        ("speaker", "rung"),
        [((role.value, str(rung)), moment.rungs[role, rung]) for role in Role for rung in range(1, highest + 1)],
    )
    backlog = [((role.value,), moment.backlog[role]) for role in Role]
    yield _gauge("bmv_backlog_seconds", "Longest translation that waits to be heard now.", ("speaker",), backlog)
    worst = [((role.value,), moment.worst_backlog[role]) for role in Role]
    yield _gauge("bmv_backlog_worst_seconds", "The longest that any running call ever had.", ("speaker",), worst)
    for name, told, bounds, histogram_of in HISTOGRAMS:
        yield _histogram(
            name, told, bounds, [((role.value,), histogram_of(each)) for role, each in parties.items()], ("speaker",)
        )


def _divided(parties: Mapping[Role, PartyTotals]) -> Iterator[Metric]:
    """Sums by a second label."""
    bins = [((role.value, fate.value), _seconds(each.speech[fate])) for role, each in parties.items() for fate in Fate]
    yield _counter("bmv_speech_seconds", "What became of speech that was heard.", ("speaker", "bin"), bins)
    dropped = [
        ((role.value, what), number)
        for role, each in parties.items()
        for what, number in (("pause", each.pauses_dropped), ("underneath", each.underneath_dropped))
    ]
    yield _counter("bmv_frames_dropped", "Frames left out so that a party catches up.", ("party", "what"), dropped)


def _seconds(frames: int) -> float:
    return round(frames * FRAME_SECONDS, 2)


def _gauge(name: str, told: str, labels: Sequence[str], samples: Samples) -> Metric:
    family = GaugeMetricFamily(name, told, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _counter(name: str, told: str, labels: Sequence[str], samples: Samples) -> Metric:
    family = CounterMetricFamily(name, told, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _histogram(
    name: str,
    told: str,
    bounds: Sequence[float],
    samples: Iterable[tuple[tuple[str, ...], Histogram]],
    labels: Sequence[str] = (),
) -> Metric:
    family = HistogramMetricFamily(name, told, labels=labels)
    for values, histogram in samples:
        counts = zip(map(str, bounds), histogram.at_most(bounds), strict=True)
        family.add_metric(values, [*counts, ("+Inf", histogram.count)], histogram.total)
    return family
