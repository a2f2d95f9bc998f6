"""The dashboard and the alert rules in docs/: whatever they ask for is exposed, with the labels that they name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from scraping import exposed

DOCS = Path(__file__).parent.parent / "docs"
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana.json").read_text("utf-8"))
RULES: list[dict[str, Any]] = [
    rule for group in YAML(typ="safe").load(DOCS / "alerts.yaml")["groups"] for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
SEVERITIES = {"critical", "warning"}

FAMILIES = exposed().families
SERIES = {name: set(family.labels) for name, family in FAMILIES.items() if family.type != "histogram"} | {
    name + suffix: set(family.labels) | ({"le"} if suffix == "_bucket" else set())
    for name, family in FAMILIES.items()
    if family.type == "histogram"
    for suffix in ("_bucket", "_sum", "_count")
}
"""Every series, and its labels."""
OF_THE_SCRAPE = {"job", "instance"}
"""Labels that Prometheus adds."""
WORDS = {"sum", "max", "by", "on", "and", "or", "rate", "increase", "histogram_quantile"}


def asked_for(expression: str) -> dict[str, dict[str, str]]:
    """The series that an expression reads, each with its matchers; the grouping labels are looked at, too."""
    bare = re.sub(r"\[[^\]]+\]", " ", expression)
    found: dict[str, dict[str, str]] = {}
    for name, matchers in re.findall(r"\b([a-z_]+)\b(?:\{([^}]*)\})?", re.sub(r"\b(?:by|on) \([^)]*\)", " ", bare)):
        if name in WORDS:
            continue
        pairs = re.findall(r'(\w+)\s*(?:=~|!=|=)\s*"([^"]*)"', matchers)
        found.setdefault(name, {}).update(pairs)
    return found


def check(expression: str) -> None:
    """Fails where something is asked for that is never exposed."""
    assert expression.count("(") == expression.count(")")
    series = asked_for(expression)
    assert series
    grouped = {
        label.strip() for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression) for label in labels.split(",")
    }
    for name, matchers in series.items():
        if name == "up":
            continue
        assert name in SERIES, name
        assert grouped - OF_THE_SCRAPE <= SERIES[name] | OF_THE_SCRAPE, (name, grouped)
        family = FAMILIES.get(name) or FAMILIES[re.sub(r"_(?:bucket|sum|count)$", "", name)]
        for label, pattern in matchers.items():
            if label in OF_THE_SCRAPE:
                continue
            assert label in SERIES[name], (name, label)
            for value in pattern.split("|"):
                assert value in family.labels[label], (name, label, value)
        if family.type == "counter":
            assert re.search(rf"(?:rate|increase)\({name}", expression), f"{name} is asked for its height"


def test_what_nobody_exposes_is_noticed() -> None:
    for expression in (
        "sum(bmv_calls_total)",
        'bmv_calls{state="flying"}',
        'bmv_calls{colour="red"}',
        "sum by (reason) (bmv_calls)",
        "bmv_lag_seconds",
        "bmv_calls_ended_total > 5",
    ):
        with pytest.raises(AssertionError):
            check(expression)
    check('sum by (state) (bmv_calls{state=~"bridged|held"}) > 0')


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_asks_for_what_is_exposed_and_says_what_is_the_matter(rule: dict[str, Any]) -> None:
    check(rule["expr"])
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Bmv[A-Z][A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in SEVERITIES
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    summary = rule["annotations"]["summary"]
    kept = {label for labels in re.findall(r"\bby \(([^)]*)\)", rule["expr"]) for label in re.split(r", ?", labels)}
    kept = kept or {label for name in asked_for(rule["expr"]) for label in SERIES.get(name, ())}
    assert set(re.findall(r"\$labels\.(\w+)", summary)) <= kept
    assert summary.endswith(".")


def test_every_query_of_the_dashboard_asks_for_what_is_exposed() -> None:
    for query in QUERIES:
        check(query)


def test_everything_that_is_exposed_is_on_the_dashboard() -> None:
    shown = {re.sub(r"_(?:bucket|sum|count)$", "", name) for query in QUERIES for name in asked_for(query)}
    rest = {name for name in FAMILIES if name not in shown}
    assert rest == {
        "bmv_speech_heard_seconds_total",  # the sum of what became of it
        "bmv_calls_without_price_total",
        "process_virtual_memory_bytes",
        "process_start_time_seconds",
    }


def test_the_dashboard_can_be_imported_and_its_panels_do_not_overlap() -> None:
    assert DASHBOARD["uid"] == "bmv"
    assert DASHBOARD["schemaVersion"] >= 36
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps([*QUERIES, *(panel["datasource"] for panel in PANELS)])))
    assert used - {"__rate_interval"} == variables
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["title"]
    for panel in PANELS:
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["fieldConfig"]["defaults"]["unit"]
