"""Do what docs/deploy/Dockerfile says where there is no Docker: its steps, its command and its healthcheck.

    python scripts/run_dockerfile.py

The files that it copies go into a temporary folder, which stands for the image's file system, and `pip install` runs
there. Not the same as in an image: Python and the system are those of this machine, the paths begin with that folder,
and what only an image can do (RUN in its last stage: the user, the owner of a folder) is left out.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "docs" / "deploy" / "Dockerfile"
IGNORE = DOCKERFILE.with_name("Dockerfile.dockerignore")
START_SECONDS = 20.0  # the healthcheck's start-period
STOP_SECONDS = 15.0
SETTINGS = {  # of a server that nobody calls, and that calls nobody
    "PUBLIC_HOST": "voice.example.com",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "none",
    "TWILIO_CALLER_NUMBER": "+14155550100",
    "AGENT_DESTINATION": "+14155550123",
    "TRANSLATOR": "loopback",
}


@dataclass(frozen=True)
class Step:
    """One instruction, and which stage it belongs to, counted from 0."""

    stage: int
    name: str
    text: str

    @property
    def flags(self) -> list[str]:
        """Its options, without their dashes."""
        return [word[2:] for word in self.text.split() if word.startswith("--")]

    @property
    def words(self) -> list[str]:
        """What stands after the options, as words."""
        return [word for word in self.text.split() if not word.startswith("--")]

    @property
    def command(self) -> list[str]:
        """A command in its exec form, of CMD or HEALTHCHECK."""
        return list(json.loads(self.text[self.text.index("[") :]))


def steps(text: str) -> Iterator[Step]:
    """The instructions of a Dockerfile, comments left out and broken lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    stage = -1
    for line in re.sub(r"\\\n\s*", "", lines).splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            stage += name == "FROM"
            yield Step(stage, name, rest.strip())


def allowed(text: str) -> list[str]:
    """What a .dockerignore that ignores everything lets through all the same."""
    return [line[1:] for line in text.splitlines() if line.startswith("!")]


class Image:
    """A folder that stands for the image's file system."""

    def __init__(self, folder: Path, plan: list[Step]) -> None:
        self._folder = folder
        self._plan = plan
        self._last = plan[-1].stage
        self._here = "/"
        self.environ: dict[str, str] = {}
        self.left_out: list[str] = []

    @property
    def here(self) -> Path:
        """The working directory."""
        return self.place(self._here)

    def place(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self._folder / path.lstrip("/")

    def moved(self, text: str) -> str:
        """A command or a value, with its paths where they are on this machine."""
        return re.sub(r"(?<![\w./:])(?=/(?:src|opt/bmv|var/lib/bmv)\b)", str(self._folder), text)

    def build(self) -> None:
        """Do every step."""
        for step in self._plan:
            match step.name:
                case "WORKDIR":
                    self._here = step.text
                    self.here.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(step)
                case "RUN" if step.stage == self._last:
                    self.left_out.append(step.text)
                case "RUN":
                    run = ["sh", "-ec", self.moved(step.text)]
                    subprocess.run(run, cwd=self.here, env=environment({"PIP_QUIET": "1"}), check=True)  # noqa: S603
                case "ENV":
                    self.environ |= dict(word.split("=", 1) for word in shlex.split(self.moved(step.text)))

    def _copy(self, step: Step) -> None:
        *sources, target = step.words
        if step.flags:  # from another stage, which is in this same folder: it must stay where it is
            assert sources == [target], step  # noqa: S101
            return
        for source in sources:
            assert source.removeprefix("./") in allowed(IGNORE.read_text("utf-8")), source  # noqa: S101
            here = ROOT / source
            if here.is_dir():
                shutil.copytree(here, self.here / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(here, self.here / target)

    def command(self, name: str) -> list[str]:
        """The command of CMD or HEALTHCHECK."""
        (step,) = (each for each in self._plan if each.name == name)
        return [self.moved(word) for word in step.command]

    @property
    def stop_signal(self) -> signal.Signals:
        """What stops a container."""
        (step,) = (each for each in self._plan if each.name == "STOPSIGNAL")
        return signal.Signals[step.text]


def environment(changes: dict[str, str]) -> dict[str, str]:
    """This environment without what would let the installed code see the code that lies here."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return kept | {"PATH": path} | changes


def check(image: Image) -> None:
    """Start the command, ask the healthcheck while it runs and afterwards. `SystemExit` if something is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    here = {**image.environ, "API_PORT": port, "API_HOST": "127.0.0.1"}
    bare = subprocess.run(  # noqa: S603
        image.command("CMD"), cwd=image.here, env=environment(here), check=False, capture_output=True
    )
    expect(bare.returncode == 2, f"without settings it ends with {bare.returncode}, not 2")
    server = subprocess.Popen(image.command("CMD"), cwd=image.here, env=environment(here | SETTINGS))  # noqa: S603
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (well := healthy(image, here)) and time.monotonic() < deadline and server.poll() is None:
            time.sleep(0.2)
        expect(well, "the healthcheck never succeeded")
        server.send_signal(image.stop_signal)
        expect(server.wait(STOP_SECONDS) == 0, f"it ended with {server.returncode}")
    finally:
        server.kill()
        server.wait()
    expect(not healthy(image, here), "the healthcheck succeeds where no server is")


def healthy(image: Image, environ: dict[str, str]) -> bool:
    """What the healthcheck says."""
    asked = subprocess.run(  # noqa: S603
        image.command("HEALTHCHECK"), cwd=image.here, env=environment(environ), check=False, capture_output=True
    )
    return asked.returncode == 0


def expect(condition: bool, otherwise: str) -> None:
    """Stop with a message where something is wrong."""
    if not condition:
        raise SystemExit(f"{DOCKERFILE.name}: {otherwise}")


def main() -> None:
    """Do it, and say what was done."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bmv-image-") as folder:
        image = Image(Path(folder), list(steps(DOCKERFILE.read_text("utf-8"))))
        image.build()
        check(image)
    for each in image.left_out:
        print(f"left out, needs an image: RUN {each}")
    print(f"{DOCKERFILE.name}: built, started, found well, stopped in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
