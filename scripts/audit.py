"""Ask OSV for known vulnerabilities of the packages in requirements.txt.

    python scripts/audit.py [--requirements FILE] [--service URL] [--seconds N]

Exit code 1 if one is known, or if the question itself went wrong. Where the service cannot be reached in time, a line
says so and the exit code is 0: nobody's network is a fault of the packages. The service is asked, not the package
index: behind a mirror of the index pip-audit skips each package that it does not find there, and calls that success.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVICE = "https://api.osv.dev/v1/query"
SECONDS = 60.0
"""For all packages, one question each. Nobody waits as long for a service that is not there: 3 s for each answer."""
HERE = f"Python {sys.version_info.major}.{sys.version_info.minor} on {sys.platform}"
"""Whose packages are asked for: another Python or system may need another version of one."""
UNREACHABLE = re.compile(
    r"^(?:requests\.exceptions\.\w*(?:Connection|Timeout|SSL|Proxy|HTTP)\w*|pip_audit\._service\.interface\.\w+)\b"
    r"|^ERROR:pip_audit\._cli:(?:Could not connect|.*\b(?:429|5\d\d) )",
    re.MULTILINE,
)
REFUSED = re.compile(r"HTTPError: 4(?!08|29)\d\d ")
"""The service is there, and does not understand the question: that would pass for ever if it were skipped."""


def ask(requirements: Path, service: str, seconds: float) -> tuple[int, str]:
    """The exit code and what is to be said."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--disable-pip"]
        command += ["--vulnerability-service", "osv", "--osv-url", service, "--timeout", "3", "--format", "json"]
        command += ["--progress-spinner", "off", "--cache-dir", cache]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            return 0, f"SKIPPED: the advisory service did not answer within {seconds:g} s"
    try:
        asked = json.loads(done.stdout)["dependencies"]
    except ValueError:
        if UNREACHABLE.search(done.stderr) and not REFUSED.search(done.stderr):
            return 0, f"SKIPPED: the advisory service cannot be reached ({done.stderr.strip().splitlines()[-1]:.160})"
        return 1, f"pip-audit failed:\n{done.stderr}"
    known = [
        f"{each['name']} {each['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}"
        for each in asked
        for found in each.get("vulns", [])
    ]
    left_out = [f"{each['name']}: not asked for, {each['skip_reason']}" for each in asked if "skip_reason" in each]
    if known or left_out or done.returncode:
        return 1, "\n".join(known + left_out) or f"pip-audit failed:\n{done.stderr}"
    return 0, f"no known vulnerability in {len(asked)} packages, those of {HERE}"


def main() -> None:
    """Ask, and end with the exit code."""
    parser = argparse.ArgumentParser(description="Ask for known vulnerabilities of the locked packages.")
    parser.add_argument("--requirements", type=Path, default=ROOT / "requirements.txt")
    parser.add_argument("--service", default=SERVICE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    code, said = ask(options.requirements, options.service, options.seconds)
    print(f"audit: {said}")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
