"""The command line as it is typed: the commands and their options. How the help looks is `manual`'s part."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from rich.console import Group
from rich.text import Text

from bmv import __version__
from bmv.commands.bench_options import bench_options
from bmv.commands.exits import DONE, EXIT_CODES, FAILED, WARNED, WRONG_SETTINGS
from bmv.commands.manual import Parser, Row, checked, examples_of, exit_codes, refuse, table_of
from bmv.commands.soak_options import soak_options
from bmv.config import parsers

SERVE = "serve"


@dataclass(frozen=True)
class Command:
    """One command: what the list says of it, what its own help says, and what may stand behind it."""

    name: str
    group: str
    summary: str
    description: str
    examples: Sequence[Row]
    options: Callable[[argparse.ArgumentParser], None] = lambda _parser: None
    codes: Sequence[int] = tuple(code for code in EXIT_CODES if code != WARNED)


def _options_of_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recordings",
        metavar="FOLDER",
        type=Path,
        default=Path("recordings"),
        help="where to put what each party heard (default: %(default)s)",
    )


def _options_of_phone(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    where = parser.add_argument_group("where it is served")
    where.add_argument(
        "--port",
        type=checked(parsers.whole_number(0, 65_535)),
        default=5051,
        help="its port, 0 for any free one (default: %(default)s)",
    )
    where.add_argument(
        "--host",
        dest="bind",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="the address to listen on, 0.0.0.0 for every one (default: %(default)s, this machine alone); browsers "
        "allow microphones over https and on this machine only",
    )
    where.add_argument(
        "--public-host",
        metavar="HOST",
        type=checked(parsers.public_host),
        help="the name under which a tunnel leads here over https, for a friend elsewhere",
    )


def _options_of_setup(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("what to set up")
    where.add_argument(
        "--host",
        type=checked(parsers.public_host),
        help="the public host name Twilio shall use; without it PUBLIC_HOST, or what a running ngrok says",
    )
    number = checked(parsers.phone_number)
    where.add_argument("--caller-number", metavar="NUMBER", type=number, help="the number that callers dial")
    where.add_argument("--flex-number", metavar="NUMBER", type=number, help="the number that leads into Flex")
    where.add_argument(
        "--studio",
        action=argparse.BooleanOptionalAction,
        help="let a Studio flow ask callers for their language, or let this server ask",
    )
    where.add_argument("--app", action="store_true", help="lead into Flex by a TwiML App instead of a second number")
    how = parser.add_argument_group("how to go about it")
    how.add_argument("--dry-run", action="store_true", help="show the plan and stop")
    how.add_argument("--yes", action="store_true", help="do not ask before changing anything")
    how.add_argument(
        "--force",
        action="store_true",
        help="take a TaskRouter callback, a flow or an app that is not this server's; with --undo: also put back what "
        "somebody else has changed or uses",
    )
    how.add_argument("--undo", action="store_true", help="put back everything that setup has changed")


def _options_of_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as JSON, for programs")


def _options_of_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reload",
        action="store_true",
        help="for development: start again when the code or .env changes, after the running calls",
    )


def _options_of_call(parser: argparse.ArgumentParser) -> None:
    whom = parser.add_argument_group("arguments")
    whom.add_argument("to", metavar="NUMBER", help="whom to call: a phone number such as +34911222333")
    parser.add_argument("--language", required=True, help="what that person speaks: a code or a name (es, spanish)")
    parser.add_argument("--agent", help="where the agent is reached: flex, a phone number, sip:… or client:…")
    parser.add_argument("--server", metavar="URL", help="where the server listens (default: this machine, at API_PORT)")


def _options_of_agent_link(parser: argparse.ArgumentParser) -> None:
    whose = parser.add_argument_group("arguments")
    worker = checked(parsers.sid("WK"))
    whose.add_argument("worker", metavar="WORKER", type=worker, help="the agent's worker SID (WK…), as Flex shows it")
    hours = checked(parsers.number(0.01, 24 * 366))
    parser.add_argument(
        "--hours", type=hours, default=12.0, help="how long the link is good for (default: 12); up to a year"
    )


COMMANDS: Sequence[Command] = (
    Command(
        "demo",
        "Try it",
        "hear and read a translated call; no account, no key",
        "Two simulated people hold a translated call through the real server, on this machine alone. It takes about a "
        "minute, and leaves what each of them heard as two recordings.",
        [("Hear and read it", "demo")],
        _options_of_demo,
    ),
    Command(
        "phone",
        "Try it",
        "hold a translated call yourself, in a browser",
        "Serves a page with two telephones, the caller's and the agent's. You take one; somebody else takes the other "
        "in another tab, or the scripted partner does. The calls go through the real server. With an OPENAI_API_KEY "
        "OpenAI translates; without one a phrasebook does, and the page says what it knows.",
        [("Serve the page", "phone"), ("And open it", "phone --open"), ("On another port", "phone --port 8000")],
        _options_of_phone,
        codes=(DONE, FAILED, WRONG_SETTINGS),
    ),
    Command(
        "setup",
        "Set up",
        "point your Twilio account at this server",
        "Finds your numbers, Flex workspace and workflow, points them at this server, and writes what it found into "
        ".env. It shows its plan and asks first. What was there before is kept for --undo; a second run changes "
        "nothing.",
        [
            ("See what would be changed", "setup --dry-run"),
            ("Do it", "setup"),
            ("The public host has changed", "setup --host voice.example.com"),
            ("Put everything back", "setup --undo"),
        ],
        _options_of_setup,
    ),
    Command(
        "doctor",
        "Set up",
        "find out what is wrong, and how to mend it",
        "Checks settings, the Twilio account, Flex, the public address and the OpenAI key. One line for each check: "
        "ok, warning or fault, and how to mend it. It changes nothing and places no call.",
        [("Check everything", "doctor"), ("The same for a program", "doctor --json")],
        _options_of_doctor,
        codes=tuple(EXIT_CODES),
    ),
    Command(
        SERVE,
        "Run",
        "take calls; what happens without a command",
        "Takes calls until it is told to stop, and then exits with 0. On Ctrl-C or SIGTERM it refuses new calls and "
        "lets the running ones end, for SHUTDOWN_GRACE_SECONDS at most; a second Ctrl-C ends them at once.",
        [("For good, behind a supervisor", "serve"), ("For development", "serve --reload")],
        _options_of_serve,
    ),
    Command(
        "call",
        "Run",
        "have the running server call somebody, translated",
        "Orders a call from the running server: first the agent, then the customer. It waits until both can talk and "
        "then leaves; the call goes on. It needs the API_TOKEN that the server was started with.",
        [
            ("Call somebody who speaks Spanish", "call +34911222333 --language es"),
            ("From an agent at a phone", "call +34911222333 --language es --agent +14155550123"),
        ],
        _options_of_call,
        codes=(DONE, FAILED, WRONG_SETTINGS),
    ),
    Command(
        "agent-link",
        "Run",
        "print a link to a page that shows an agent's calls",
        "Prints an address that lets one agent read along: it follows whatever call that agent is in. Whoever has it "
        "reads along, so treat it like a password. It is good for --hours; a new LINK_SECRET takes every link back.",
        [
            ("For a working day", f"agent-link WK{'0' * 32}"),
            ("For a month", f"agent-link WK{'0' * 32} --hours 720"),
        ],
        _options_of_agent_link,
        codes=(DONE, WRONG_SETTINGS),
    ),
    Command(
        "bench",
        "Run",
        "measure how many calls one core carries, and how late they are",
        "Holds simulated calls through the real server, which has a process and a core of its own, and through a plain "
        "bridge beside it, which says how fast this machine is. It prints processor time, memory, latency and losses, "
        "and how many calls were carried; everything takes about twelve minutes. Let the machine do nothing else.",
        [
            ("Everything", "bench --json now.json --plot now.svg"),
            ("A first impression", "bench --quick"),
            ("One kind, one number of calls", "bench --only mulaw --calls 100"),
            ("Two runs, as ratios", "bench --compare before.json now.json"),
        ],
        bench_options,
        codes=(DONE, FAILED, WRONG_SETTINGS),
    ),
    Command(
        "soak",
        "Run",
        "hold hundreds of calls while everything fails around them",
        "Holds short calls, many at a time, between a simulated telephone company and a simulated translator that fail "
        "in every way that docs/faults.md lists, through the real server in a process of its own. Then it judges: is "
        "every call, session and socket closed, does the ledger add up, was every word heard. The same seed is the "
        "same plan. It needs Linux, the packages of the demo, and no account.",
        [
            ("Ten minutes", "soak"),
            ("The same plan again", "soak --seed 4711 --minutes 10"),
            ("One fault alone", "soak --minutes 1 --only translator-reset"),
        ],
        soak_options,
        codes=tuple(EXIT_CODES),
    ),
    Command(
        "version",
        "Run",
        "print the versions that a bug report needs",
        "Prints the version of bmv, of Python and of the libraries it stands on.",
        [],
        codes=(DONE,),
    ),
)

FIRST_STEPS: Sequence[Row] = (
    ("See it first", "demo"),
    ("Hold a call yourself", "phone"),
    ("Before the first real call", "setup"),
    ("When something is wrong", "doctor"),
    ("Everything about one command", "setup --help"),
)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was typed: `command`, and the options of that command by their names.

    Exits, as argparse does: with 0 where help or the version was asked for, with 2 where it makes no sense.
    """
    parser, parsers_by_name = _parser()
    place, first = next(((i, each) for i, each in enumerate(arguments) if not each.startswith("-")), (0, SERVE))
    if first not in parsers_by_name:
        refuse(parser, f"there is no command {first!r}", _command_meant(first, parsers_by_name))
    if "--" in arguments[:place]:
        refuse(parser, "there is no option --")
    chosen, unknown = parser.parse_known_args(arguments)
    if unknown:
        typed = parsers_by_name[chosen.command] if chosen.command else parser
        if unknown[0] in arguments[:place] and _options(typed).get(unknown[0].partition("=")[0]):
            refuse(parser, "options stand behind the command", f"{first} {unknown[0]}")
        if not unknown[0].startswith("-"):
            refuse(typed, f"{unknown[0]!r} is one word too many")
        refuse(typed, f"there is no option {unknown[0]}", _option_meant(unknown[0], typed, parsers_by_name))
    return chosen if chosen.command else parser.parse_args([SERVE])


def _parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser of everything, and those of the commands by their names."""
    me = "bmv" if Path(sys.argv[0]).stem == "bmv" else "python -m bmv"
    parser = Parser(
        prog=me,
        usage=f"{me} [COMMAND] [OPTIONS]",
        description=_introduction(),
        epilog=Group(*examples_of(me, FIRST_STEPS), exit_codes(EXIT_CODES)),
    )
    parser.add_argument("--version", action="version", version=f"bmv {__version__}", help="print the version")
    commands = parser.add_subparsers(dest="command", help=argparse.SUPPRESS, prog=me, parser_class=Parser)
    by_name: dict[str, Parser] = {}
    for each in COMMANDS:
        by_name[each.name] = commands.add_parser(
            each.name,
            prog=f"{me} {each.name}",
            description=each.description,
            epilog=Group(*examples_of(me, each.examples), exit_codes(each.codes)),  # type: ignore[arg-type]
        )
        each.options(by_name[each.name])
    return parser, by_name


def _introduction() -> Group:
    groups = dict.fromkeys(each.group for each in COMMANDS)
    return Group(
        Text("Be My Voice: a caller and a contact-centre agent talk on the telephone, each in the own language.\n"),
        *(table_of(group, [(each.name, each.summary) for each in COMMANDS if each.group == group]) for group in groups),
    )


def _command_meant(word: str, known: Iterable[str]) -> str:
    """The command that comes nearest; `help` is an option here."""
    return "--help" if word == "help" else _nearest(word.lower(), known)


def _option_meant(option: str, typed: Parser, by_name: Mapping[str, Parser]) -> str:
    """The option that is another command's, else the one that comes nearest: of what was typed, or of serving."""
    name = option.partition("=")[0]
    for command, parser in by_name.items():
        if name in _options(parser):
            return f"{command} {name}"
    if near := _nearest(name, _options(typed)):
        return near
    return f"{SERVE} {near}" if (near := _nearest(name, _options(by_name[SERVE]))) else ""


def _options(parser: Parser) -> Mapping[str, object]:
    return parser._option_string_actions  # argparse tells it nowhere else


def _nearest(word: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(word, list(known), n=1)), "")
