"""Attack the server's readers with inputs that nobody thought of: `python scripts/fuzz.py media --seconds 60`.

The targets are those of the tests (`tests/hostile*.py`). With atheris (`pip install atheris`) the inputs are changed by
what they reach in the code; without it hypothesis makes them up. What is found is written to `tests/samples/<target>/`,
where a test tries it again from then on.
"""

from __future__ import annotations

import argparse
import logging
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha1
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

TESTS = Path(__file__).parent.parent / "tests"
SEEDS = 150
LONGEST_INPUT = 20_000
LONGEST_RUN = 10  # seconds for one input; more counts as found
MOST_MEMORY = 1500  # MB

if TYPE_CHECKING:
    from hostile import Target


def main(arguments: Sequence[str]) -> int:
    """Attack each target in turn; 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("targets", nargs="*", help="by name; all of them if none is named")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--list", action="store_true", help="name the targets and stop")
    parser.add_argument("--without-atheris", action="store_true", help="let hypothesis make up the inputs")
    parser.add_argument("--within", type=Path, help=argparse.SUPPRESS)  # what atheris runs in a process of its own
    options = parser.parse_args(arguments)
    guided = find_spec("atheris") is not None and not options.without_atheris
    if options.within:
        _attack_guided(options.targets[0], options.seconds, options.within)
        return 0
    targets = _targets()
    if options.list:
        print("\n".join(targets))
        return 0
    if unknown := set(options.targets) - set(targets):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; see --list")
    found = 0
    for name in options.targets or targets:
        found += (_guided if guided else _made_up)(targets[name], options.seconds)
    return min(found, 1)


def _targets() -> Mapping[str, Target]:
    sys.path[:0] = [str(TESTS), str(TESTS.parent)]
    import structlog  # noqa: PLC0415 - after `instrument_imports`, like all that is imported here
    from hostile_targets import TARGETS  # noqa: PLC0415

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable()
    return TARGETS


def _keep(target: str, data: bytes) -> Path:
    path = TESTS / "samples" / target / sha1(data, usedforsecurity=False).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _drawn(target: Target, take: Callable[[bytes], None], examples: int) -> None:
    from hypothesis import HealthCheck, Phase, given, settings  # noqa: PLC0415

    quiet = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @quiet
    @given(target.inputs)
    def draw(data: bytes) -> None:
        take(data)

    draw()


# -- by what is reached ---------------------------------------------------------------------------------------------


def _guided(target: Target, seconds: int) -> int:
    """A process for the target; tell what came of it."""
    with tempfile.TemporaryDirectory(prefix="bmv-fuzz-") as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        seeds: list[bytes] = []
        _drawn(target, seeds.append, SEEDS)
        for number, seed in enumerate(seeds):
            (corpus / f"seed{number}").write_bytes(seed)
        for sample in target.samples():
            (corpus / sample.name).write_bytes(sample.read_bytes())
        words = {word for seed in corpus.iterdir() for word in re.findall(rb"[A-Za-z_.]{3,40}", seed.read_bytes())}
        Path(folder, "words").write_bytes(b"\n".join(b'"%s"' % word for word in sorted(words)))
        command = [sys.executable, __file__, target.name, "--seconds", str(seconds), "--within", folder]
        process = subprocess.run(  # noqa: S603 - ourselves
            command, capture_output=True, text=True, errors="replace", check=False
        )
        told = process.stderr
        found = [_keep(target.name, Path(each).read_bytes()) for each in re.findall(r"unit written to (\S+)", told)]
    states = re.findall(r"^#(\d+)\s.*cov: (\d+) ft: (\d+) corp: (\d+)", told, re.MULTILINE)
    first = next((state for state in states if int(state[3]) > 1), states[0] if states else ("0",) * 4)
    last = states[-1] if states else first
    runs = re.search(r"number_of_executed_units: (\d+)", told)
    print(
        f"{target.name}: {runs[1] if runs else last[0]} executions, coverage {first[1]} to {last[1]} edges "
        f"({first[2]} to {last[2]} features), {f'found {found[0]}' if found else 'nothing found'}",
        flush=True,
    )
    if found or process.returncode:
        print(*told.splitlines()[-40:], sep="\n", flush=True)
    return len(found) or int(process.returncode != 0)


def _attack_guided(name: str, seconds: int, folder: Path) -> None:
    import atheris  # noqa: PLC0415 - not installed everywhere

    with atheris.instrument_imports(include=["bmv"], enable_loader_override=False):
        target = _targets()[name]
    atheris.Setup(
        [
            sys.argv[0],
            str(folder / "corpus"),
            f"-max_total_time={seconds}",
            f"-artifact_prefix={folder}/",
            f"-dict={folder}/words",
            f"-max_len={LONGEST_INPUT}",
            f"-timeout={LONGEST_RUN}",
            f"-rss_limit_mb={MOST_MEMORY}",
            "-print_final_stats=1",
        ],
        target.run,
    )
    atheris.Fuzz()


# -- made up --------------------------------------------------------------------------------------------------------


def _made_up(target: Target, seconds: int) -> int:
    """As many examples as there is time for; tell what came of it."""
    until, runs = time.monotonic() + seconds, 0
    found: list[tuple[bytes, Exception]] = []

    def attack(data: bytes) -> None:
        nonlocal runs
        runs += 1
        try:
            target.run(data)
        except Exception as problem:
            found.append((data, problem))
            raise

    while time.monotonic() < until:
        try:
            _drawn(target, attack, 500)
        except Exception:  # what was found, or that it was not found a second time, which hypothesis tries by itself
            if not found:
                raise
            data, problem = found[0]
            print(f"{target.name}: {runs} executions, found {_keep(target.name, data)}: {problem!r}", flush=True)
            return 1
    print(f"{target.name}: {runs} executions, nothing found", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
