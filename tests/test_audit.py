"""The script that asks for known vulnerabilities: real pip-audit against a small advisory service of this machine."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from runpy import run_path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from bmv.simulator.ports import free_port

ROOT = Path(__file__).parent.parent
script = SimpleNamespace(**run_path(str(ROOT / "scripts" / "audit.py")))  # scripts are no package

FOUND = {
    "vulns": [
        {
            "id": "PYSEC-2026-1",
            "summary": "It opens the door.",
            "affected": [
                {
                    "package": {"name": "left-pad", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]}],
                }
            ],
        }
    ]
}


@contextmanager
def advisories(answers: dict[str, Any], *, status: int = 200) -> Generator[tuple[str, list[str]], None, None]:
    """A service that knows of these packages; its address, and what it is asked for."""
    asked: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server looks for
            name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
            asked.append(name)
            body = json.dumps(answers.get(name, {})).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing on the screen."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", asked
        finally:
            server.shutdown()


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("".join(f"{name}==1.1 --hash=sha256:{'0' * 64}\n" for name in ("left-pad", "right-pad")), "utf-8")
    return path


def test_a_known_vulnerability_fails_and_says_what_mends_it(locked: Path) -> None:
    with advisories({"left-pad": FOUND}) as (url, asked):
        code, said = script.ask(locked, url, 20.0)
    assert (code, said) == (1, "left-pad 1.1: PYSEC-2026-1, mended in 1.2")
    assert set(asked) == {"left-pad", "right-pad"}


def test_where_none_is_known_the_packages_that_were_asked_for_are_counted(locked: Path) -> None:
    with advisories({}) as (url, _):
        code, said = script.ask(locked, url, 20.0)
    here = f"those of Python {sys.version_info.major}.{sys.version_info.minor} on {sys.platform}"
    assert (code, said) == (0, f"no known vulnerability in 2 packages, {here}")


def test_what_only_another_python_needs_is_not_asked_for(locked: Path) -> None:
    other = f"other-pad==1.1 ; python_version < '3.0' --hash=sha256:{'0' * 64}\n"
    locked.write_text(locked.read_text("utf-8") + other, "utf-8")
    with advisories({}) as (url, asked):
        assert "in 2 packages, those of" in script.ask(locked, url, 20.0)[1]
    assert "other-pad" not in asked


def test_a_service_that_cannot_be_reached_is_said_and_is_no_failure(locked: Path) -> None:
    code, said = script.ask(locked, f"http://127.0.0.1:{free_port()}/", 20.0)
    assert code == 0
    assert said.startswith("SKIPPED: the advisory service cannot be reached (")


def test_a_service_that_is_out_of_order_is_no_failure_either(locked: Path) -> None:
    with advisories({}, status=503) as (url, _):
        code, said = script.ask(locked, url, 20.0)
    assert code == 0
    assert said.startswith("SKIPPED: ")


def test_a_service_that_never_answers_is_not_waited_for(locked: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        code, said = script.ask(locked, url, 1.5)
    assert (code, said) == (0, "SKIPPED: the advisory service did not answer within 1.5 s")


def test_a_question_that_cannot_be_put_is_a_failure(tmp_path: Path) -> None:
    code, said = script.ask(tmp_path / "missing.txt", "http://127.0.0.1:9/", 20.0)
    assert code == 1
    assert "invalid requirements input" in said
