"""What Prometheus makes of the metrics, for tests: a scrape, read as it would be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from fake_world import World
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bmv.call.registry import CallRegistry
from bmv.web.exposition import CallFigures
from bmv.web.metrics_page import MetricsPage

CHECKS = {name: lambda: None for name in ("draining", "capacity", "processor", "translator", "carrier")}


@dataclass(frozen=True)
class Family:
    """A metric as it is exposed: what it is, and the values of each of its labels."""

    type: str
    help: str
    labels: Mapping[str, frozenset[str]]


class Scrape:
    """All samples of one page; fails where it cannot be read, or says something twice."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: dict[str, Family] = {}
        self.samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        for family in text_string_to_metric_families(text):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert name not in self.families
            labels: dict[str, set[str]] = {}
            for sample in family.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                assert key not in self.samples
                self.samples[key] = sample.value
                for label, value in sample.labels.items():
                    labels.setdefault(label, set()).add(value)
            labels.pop("le", None)
            self.families[name] = Family(
                family.type, family.documentation, {label: frozenset(values) for label, values in labels.items()}
            )

    def __getitem__(self, name: str) -> float:
        """The sum of all samples of this name."""
        return self.of(name)

    def of(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that have these labels; there has to be one."""
        found = [
            value for (each, own), value in self.samples.items() if each == name and labels.items() <= dict(own).items()
        ]
        assert found, (name, labels)
        return sum(found)

    @property
    def counters(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Everything that must never fall."""
        counted = {name for name, family in self.families.items() if family.type in ("counter", "histogram")}
        suffixes = ("", "_bucket", "_count", "_sum")
        names = {name + suffix for name in counted for suffix in suffixes}
        return {key: value for key, value in self.samples.items() if key[0] in names}


async def scrape(url: str, token: str | None = None) -> Scrape:
    """Fetch and read it."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return Scrape(await answer.text())


def exposed() -> Scrape:
    """What a process exposes that has just begun."""
    world = World()
    registry = CallRegistry(world.services, max_calls=50)
    figures = CallFigures(registry, lateness=world.metronome.late, checks=CHECKS)
    return Scrape(generate_latest(MetricsPage(figures, token=None)._registry).decode())
