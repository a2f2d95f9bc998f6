"""A run as a picture: processor time and lateness over the number of calls, as SVG written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

from bmv.commands.bench.document import Run
from bmv.commands.bench.figures import BOUND_MS, Point

_WIDTH, _HEIGHT = 420, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 40, 48
_COLOURS: Final = {"mulaw": "#0072b2", "24k": "#d55e00", "24k-2x": "#009e73"}
"""Of Okabe and Ito, told apart by everybody; the bridges differ by the line."""
_DASHES: Final = {"bmv": "", "plain": ' stroke-dasharray="5 4"'}

_TICKS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)

Value = Callable[[Point], float | None]


def picture(run: Run) -> str:
    """Both charts, beside each other, with a legend."""
    charts = [
        _chart(run, "CPU-ms per call-second", lambda point: point.cpu_ms, None),
        _chart(run, "uplink p99 beyond the batch, ms", lambda point: point.uplink.p99, BOUND_MS),
    ]
    width, height = 2 * _WIDTH, _HEIGHT + 40
    told = escape(f"bmv {run.machine['version']}, {run.machine['date']}, {run.machine['processor']}")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
            'font-size="12" role="img">',
            f"<title>{told}</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *(f'<g transform="translate({number * _WIDTH} 0)">{chart}</g>' for number, chart in enumerate(charts)),
            *_legend(run),
            "</svg>\n",
        ]
    )


def _chart(run: Run, title: str, value: Value, bound: float | None) -> str:
    points = [(each.calls, found) for each in run.points if (found := value(each)) is not None]
    if not points:
        return f'<text x="{_LEFT}" y="{_TOP}">{escape(title)}: nothing was measured</text>'
    most_calls = max(2, *(calls for calls, _ in points))
    most = _round_up(max([found for _, found in points] + ([1.2 * bound] if bound else [])))
    if bound:  # what is far out of bounds would flatten all that matters
        most = min(most, 2 * bound)
    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(calls: float, found: float) -> str:
        x = _LEFT + math.log(calls) / math.log(most_calls) * inner_width  # numbers of calls grow tenfold
        return f"{x:.1f},{_TOP + (1 - min(found, most) / most) * inner_height:.1f}"

    parts = [f'<text x="{_LEFT}" y="{_TOP - 16}" font-weight="bold">{escape(title)}</text>']
    for step in range(5):
        found = most * step / 4
        y = place(1, found).partition(",")[2]
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y}" dy="4" text-anchor="end">{found:g}</text>')
    for calls in (each for each in _TICKS if each <= most_calls):
        x = place(calls, 0).partition(",")[0]
        parts.append(f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{calls}</text>')
    parts.append(f'<text x="{_LEFT + inner_width / 2}" y="{_HEIGHT - 10}" text-anchor="middle">calls at once</text>')
    if bound:
        y = place(1, bound).partition(",")[2]
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDTH - _RIGHT}" y2="{y}" stroke="#c00"/>')
    parts += [_curve(run.of(bridge, kind), value, place) for bridge in _DASHES for kind in run.kinds]
    return "".join(parts)


def _curve(points: Sequence[Point], value: Value, place: Callable[[float, float], str]) -> str:
    known = [(each, place(each.calls, found)) for each in points if (found := value(each)) is not None]
    if not known:
        return ""
    colour, bridge = _COLOURS.get(known[0][0].kind, "#000"), known[0][0].bridge
    parts = [f'<polyline points="{" ".join(where for _, where in known)}" stroke-width="2" ']
    parts.append(f'stroke="{colour}"{_DASHES[bridge]} fill="none"/>')
    for _, where in known:
        x, _, y = where.partition(",")
        fill = "white" if bridge == "bmv" else colour
        parts.append(f'<circle cx="{x}" cy="{y}" r="3" stroke="{colour}" stroke-width="1.5" fill="{fill}"/>')
    return "".join(parts)


def _legend(run: Run) -> Iterator[str]:
    x = _LEFT
    for kind in run.kinds:
        for bridge, dash in _DASHES.items():
            if run.of(bridge, kind):
                look = f'stroke="{_COLOURS.get(kind, "#000")}" stroke-width="2"{dash}'
                yield f'<line x1="{x}" y1="{_HEIGHT + 16}" x2="{x + 24}" y2="{_HEIGHT + 16}" {look}/>'
                yield f'<text x="{x + 30}" y="{_HEIGHT + 20}">{escape(bridge)} {escape(kind)}</text>'
                x += 120


def _round_up(value: float) -> float:
    """The next number of one digit and a half: 1, 1.5, 2, 3, 4, 5, 6, 8 and their tens."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999), 10 * power)
