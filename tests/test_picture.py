from __future__ import annotations

from xml.etree import ElementTree

from bench_points import SLOW, point, run

from bmv.commands.bench.document import Run
from bmv.commands.bench.figures import Spread
from bmv.commands.bench.picture import picture

SVG = "{http://www.w3.org/2000/svg}"


def parsed(found: Run) -> ElementTree.Element:
    return ElementTree.fromstring(picture(found))  # noqa: S314 - we have just made it


def test_the_picture_has_a_curve_for_each_bridge_and_kind_in_both_charts() -> None:
    drawn = parsed(
        run(
            *(point(calls=calls, kind=kind) for calls in (1, 10, 100) for kind in ("mulaw", "24k", "24k-2x")),
            point(bridge="plain", uplink=SLOW),
        )
    )
    assert len(list(drawn.iter(f"{SVG}polyline"))) == 2 * 4
    assert len(list(drawn.iter(f"{SVG}circle"))) == 2 * 10
    told = [text.text for text in drawn.iter(f"{SVG}text")]
    assert {"bmv mulaw", "bmv 24k", "bmv 24k-2x", "plain mulaw", "calls at once"} <= set(told)


def test_everything_stays_inside_of_the_picture() -> None:
    drawn = parsed(run(point(calls=333, uplink=Spread(1, 2, 9000.0, 9000.0, 5))))
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    for circle in drawn.iter(f"{SVG}circle"):
        assert 0 <= float(circle.attrib["cx"]) <= width
        assert 0 <= float(circle.attrib["cy"]) <= height


def test_a_run_without_points_is_drawn_as_such() -> None:
    assert "nothing was measured" in picture(run())
