"""`python -m bmv agent-link`: a link to the page that follows an agent's calls. Nothing is asked, nothing is stored."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from bmv.commands.exits import DONE, WRONG_SETTINGS
from bmv.config import SETTINGS
from bmv.config.setting import read
from bmv.web.links import Links, Purpose, secret_of

NEEDED = ("PUBLIC_HOST", "TWILIO_AUTH_TOKEN", "LINK_SECRET")


def agent_link(worker: str, *, hours: float, environ: Mapping[str, str]) -> int:
    """Print the link. Returns the exit code: 0 done, 2 when a setting that it is made of is missing or wrong."""
    values: dict[str, str] = {}
    problems: list[str] = []
    for each in SETTINGS:
        if each.name in NEEDED:
            try:
                values[each.name] = str(read(each, environ) or "")
            except ValueError as problem:
                problems.append(str(problem))
    if problems:
        print(*problems, sep="\n", file=sys.stderr)
        return WRONG_SETTINGS
    links = Links(values["PUBLIC_HOST"], secret_of(values["LINK_SECRET"], values["TWILIO_AUTH_TOKEN"]))
    print(links.url(Purpose.AGENT, worker, hours * 3600))
    return DONE
