"""The files to deploy with: well-formed for the tools that read them, and true of our settings and limits."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML
from system_calls import NOT_HERE

from bmv.call.services import CallPolicy
from bmv.config import SETTINGS
from bmv.web.gate import MAX_BODY_BYTES

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "docs" / "deploy"
script = SimpleNamespace(**run_path(str(ROOT / "scripts" / "run_dockerfile.py")))  # scripts are no package

DOCKERFILE = list(script.steps((DEPLOY / "Dockerfile").read_text("utf-8")))
COMPOSE: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
UNIT = (DEPLOY / "bmv.service").read_text("utf-8")
NGINX = (DEPLOY / "nginx.conf").read_text("utf-8")
CADDY = (DEPLOY / "Caddyfile").read_text("utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")

SETTING = {setting.name: setting for setting in SETTINGS}
FAREWELL_AND_MORE = 30.0  # what README grants a supervisor after the grace time


def default(name: str) -> str:
    return SETTING[name].default or ""


def tool(*command: str, cwd: Path = ROOT) -> str:
    """What a tool says that finds nothing wrong."""
    here = Path(sys.executable).parent / command[0]
    found = str(here) if here.exists() else shutil.which(command[0])
    if not found:
        pytest.skip(f"no {command[0]} here")
    done = subprocess.run([found, *command[1:]], cwd=cwd, check=False, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m|h|)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"": 1, "s": 1, "m": 60, "h": 3600}[unit]


def of_unit(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def in_dockerfile(name: str) -> list[str]:
    return [step.text for step in DOCKERFILE if step.name == name]


# -- well-formed ------------------------------------------------------------------------------------------------------


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    assert tool("hadolint", "--failure-threshold", "style", "docs/deploy/Dockerfile") == ""


def test_compose_fits_the_schema_of_compose_files() -> None:
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docs/deploy/compose.yaml")


def test_systemd_takes_the_unit_and_finds_it_little_exposed(tmp_path: Path) -> None:
    unit = tmp_path / "bmv.service"
    unit.write_text(UNIT.replace("/opt/bmv/bin/python", "/bin/true"), "utf-8")  # verify wants it to be there
    assert tool("systemd-analyze", "verify", "--man=no", str(unit)) == ""
    tool("systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit))


def confined(*command: str) -> int:
    """The exit code of a program that has only the system calls which the unit leaves it."""
    run = [sys.executable, str(ROOT / "tests" / "system_calls.py"), str(DEPLOY / "bmv.service"), *command]
    environ = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    code = subprocess.run(run, cwd=ROOT / "docs", env=environ, check=False, capture_output=True).returncode  # noqa: S603
    if code == NOT_HERE:
        pytest.skip("no systemd here")
    return code


def test_the_server_lives_with_the_system_calls_that_the_unit_leaves_it() -> None:
    assert confined(sys.executable, "-m", "bmv") == 2  # it has no settings; all its libraries were loaded
    arithmetic = "import numpy as n, sys; sys.exit(int((n.ones((600, 600)) @ n.ones((600, 600)))[0, 0]) != 600)"
    assert confined(sys.executable, "-c", arithmetic) == 0  # numpy's own threads and memory
    assert confined(sys.executable, "-c", "import os; os.setpriority(0, 0, 1)") == 1  # and the filter is there


# -- the image --------------------------------------------------------------------------------------------------------


def test_the_image_has_no_secret_and_its_builder_sees_only_what_is_copied() -> None:
    copied = {word for step in DOCKERFILE if step.name == "COPY" and not step.flags for word in step.words[:-1]}
    assert {name.removeprefix("./") for name in copied} == set(script.allowed(script.IGNORE.read_text("utf-8")))
    assert all((ROOT / name).exists() for name in copied)
    ignored = [line for line in script.IGNORE.read_text("utf-8").splitlines() if not line.startswith(("#", "!"))]
    assert ignored[0] == "*"
    text = "\n".join(step.text for step in DOCKERFILE)
    assert not [setting.name for setting in SETTINGS if setting.secret and setting.name in text]
    assert not in_dockerfile("ARG")


def test_the_image_is_not_root_and_keeps_what_it_writes_on_a_volume() -> None:
    assert in_dockerfile("USER") == ["10001"]
    assert DOCKERFILE[-1].name == "CMD"
    (volume,) = in_dockerfile("VOLUME")
    environ = dict(word.split("=", 1) for text in in_dockerfile("ENV") for word in text.split())
    assert set(environ) <= set(SETTING)
    assert environ["PROMPTS_CACHE_DIR"].startswith(f"{volume}/")
    assert environ["API_PORT"] == default("API_PORT")
    assert in_dockerfile("EXPOSE") == [default("API_PORT")]
    assert f"or {default('API_PORT')}}}/live" in in_dockerfile("HEALTHCHECK")[0]


def test_the_images_python_is_the_one_that_the_code_is_checked_for() -> None:
    about = ConfigParser()
    about.read(ROOT / "setup.cfg", "utf-8")
    bases = {text.split()[0] for text in in_dockerfile("FROM")}
    assert bases == {f"python:{about['mypy']['python_version']}-slim"}


def test_the_steps_are_read_as_docker_reads_them() -> None:
    text = '# no\nFROM a AS b\nRUN x && \\\n    # no\n    y\nFROM c\nCOPY --from=b /d /d\nCMD ["e", "f g"]\n'
    read = list(script.steps(text))
    assert [(step.stage, step.name) for step in read] == [(0, "FROM"), (0, "RUN"), (1, "FROM"), (1, "COPY"), (1, "CMD")]
    assert read[1].text == "x && y"
    assert (read[3].flags, read[3].words) == (["from=b"], ["/d", "/d"])
    assert read[4].command == ["e", "f g"]


# -- compose ----------------------------------------------------------------------------------------------------------


def test_compose_names_settings_that_exist_and_files_that_are_there() -> None:
    ours, proxy = COMPOSE["services"]["bmv"], COMPOSE["services"]["proxy"]
    assert set(ours["environment"]) <= set(SETTING)
    assert not [name for name in ours["environment"] if SETTING[name].secret]
    assert (ROOT / ours["build"]["dockerfile"]).exists()
    assert ours["env_file"] == ".env"
    (volume,) = in_dockerfile("VOLUME")
    assert ours["volumes"] == [f"state:{volume}"]
    (files,) = [each for each in proxy["volumes"] if each.startswith("./")]
    assert (ROOT / files.split(":")[0]).exists()
    named = {each.split(":")[0] for service in (ours, proxy) for each in service["volumes"] if each[0] != "."}
    assert named == set(COMPOSE["volumes"])


def test_the_server_in_compose_is_reached_through_the_proxy_only_and_cannot_write_to_its_image() -> None:
    ours, proxy = COMPOSE["services"]["bmv"], COMPOSE["services"]["proxy"]
    assert "ports" not in ours
    assert proxy["environment"]["BMV_ADDRESS"] == f"bmv:{ours['environment']['API_PORT']}"
    assert ours["expose"] == [ours["environment"]["API_PORT"]] == [default("API_PORT")]
    assert set(re.findall(r"\{\$(\w+)", CADDY)) == set(proxy["environment"])
    assert "env_file" not in proxy  # it needs no secret
    assert ours["read_only"] is True
    assert ours["cap_drop"] == ["ALL"]


# -- times and limits -------------------------------------------------------------------------------------------------


def test_nobody_kills_the_server_before_its_grace_time_and_its_farewells_are_over() -> None:
    enough = float(default("SHUTDOWN_GRACE_SECONDS")) + FAREWELL_AND_MORE
    assert seconds(COMPOSE["services"]["bmv"]["stop_grace_period"]) >= enough
    (timeout,) = of_unit("TimeoutStopSec")
    assert seconds(timeout) >= enough
    assert in_dockerfile("STOPSIGNAL") == ["SIGTERM"]
    assert f"--stop-timeout {enough:g}" in (DEPLOY / "Dockerfile").read_text("utf-8")


def test_the_unit_starts_again_after_a_crash_but_not_with_wrong_settings() -> None:
    assert of_unit("Restart") == ["on-failure"]
    assert of_unit("RestartPreventExitStatus") == ["2"]  # what test_process.py sees it end with


def test_the_unit_names_settings_that_exist_and_writes_where_it_may() -> None:
    environ = dict(text.split("=", 1) for text in of_unit("Environment"))
    assert set(environ) <= set(SETTING)
    (state,) = of_unit("StateDirectory")
    assert environ["PROMPTS_CACHE_DIR"].startswith(f"/var/lib/{state}/")
    assert environ["API_HOST"] == "127.0.0.1"


def test_both_proxies_lead_to_the_port_of_the_server_and_bound_a_body_as_it_does() -> None:
    here = f"127.0.0.1:{default('API_PORT')}"
    assert set(re.findall(r"proxy_pass +http://([^;]+);", NGINX)) == {here}
    assert f"{{$BMV_ADDRESS:{here}}}" in CADDY
    assert f"client_max_body_size    {MAX_BODY_BYTES // 1024}k;" in NGINX
    assert f"client_body_buffer_size {MAX_BODY_BYTES // 1024}k;" in NGINX  # in memory, whole
    assert f"max_size {MAX_BODY_BYTES // 1024}KiB" in CADDY


def test_a_stream_may_last_as_long_as_the_longest_call_when_caddy_is_reloaded() -> None:
    longest = float(default("MAX_WAIT_SECONDS")) + float(default("MAX_CALL_SECONDS"))
    (delay,) = re.findall(r"stream_close_delay (\w+)", CADDY)
    assert seconds(delay) >= longest


# -- docs/operations.md -----------------------------------------------------------------------------------------------


def section(heading: str) -> str:
    _, found, rest = OPERATIONS.partition(f"\n## {heading}\n")
    assert found, heading
    return rest.partition("\n## ")[0]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_every_line_of_a_proxy_that_is_explained_is_in_its_file_and_the_other_way_round() -> None:
    table = [re.split(r" \| ", row) for row in re.findall(r"^\| (.+) \|$", section("The proxy"), re.MULTILINE)][1:]
    assert len(table) > 10
    explained = {"nginx": "", "caddy": ""}
    for _, nginx, caddy, _ in table:
        explained["nginx"] += nginx
        explained["caddy"] += caddy
        for told, file in ((nginx, NGINX), (caddy, CADDY)):
            if not told.startswith("no "):
                for span in re.findall(r"`([^`]+)`", told):
                    assert all(part.strip() in squeezed(file) for part in span.split("…")), span
    for directive in re.findall(r"^ +((?:client|proxy|send|keepalive)_\w+)", NGINX, re.MULTILINE):
        assert directive in explained["nginx"] or directive in ("proxy_pass", "proxy_set_header")
    for option in re.findall(r"^\t+(\w+) \d+\w+$", CADDY, re.MULTILINE):
        assert option in explained["caddy"], option


def test_the_reasons_not_to_be_ready_that_are_listed_are_those_there_are() -> None:
    (row,) = [row for row in section("Watching it").splitlines() if row.startswith("| `GET /ready`")]
    listed = re.findall(r"`(\w+)`", row.partition("why:")[2].partition("|")[0])
    app = (ROOT / "bmv" / "app.py").read_text("utf-8")
    assert listed == re.findall(r'^ +"(\w+)": (?:lambda|\()', app.partition("Health(")[2], re.MULTILINE)[: len(listed)]
    assert len(listed) == 5


def test_every_event_to_watch_for_is_one_that_is_logged() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "bmv").rglob("*.py"))
    named = re.findall(r"`([a-z]+_[a-z_]+)`", section("Watching it"))
    assert len(named) > 4
    for event in set(named) - {"call_ended"}:
        assert f'"{event}"' in source, event


def test_the_seconds_that_a_supervisor_gives_are_the_ones_told() -> None:
    told = section("Stopping, restarting, draining")
    grace = float(default("SHUTDOWN_GRACE_SECONDS"))
    assert f"all {grace + FAREWELL_AND_MORE:g} seconds for the usual {grace:g}" in squeezed(told)
    assert f"up to {CallPolicy.farewell:g} seconds" in squeezed(told)
