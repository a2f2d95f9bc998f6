"""The documents: what the README and docs/ say is what the code does, and what they point to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from runpy import run_path

import aiohttp
import pytest
from scraping import exposed

from bmv import __version__, app, languages
from bmv.audio.mulaw import FRAME_MS
from bmv.call import playout
from bmv.call.leg import Role
from bmv.call.metronome import Metronome
from bmv.call.registry import CallRegistry
from bmv.call.state import FAREWELLS, CallState, EndReason
from bmv.commands.arguments import COMMANDS
from bmv.commands.exits import EXIT_CODES
from bmv.config import SETTINGS, Settings
from bmv.config.setting import Setting
from bmv.languages import Sentence
from bmv.simulator.conversation import DEMO
from bmv.telephony.taskrouter import MEANINGS
from bmv.web.console import Console
from bmv.web.health import Health
from bmv.web.links import Purpose
from bmv.web.metrics_page import MetricsPage
from bmv.web.paper import Paper

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
}
PLACEHOLDER = "[your-public-host]"
SOURCE = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "bmv").rglob("*.py")))

each_document = pytest.mark.parametrize("name", DOCUMENTS)


# -- reading Markdown -------------------------------------------------------------------------------------------------


def section(document: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level."""
    marks = heading.split(maxsplit=1)[0]
    _, found, rest = document.partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return re.split(rf"^#{{1,{len(marks)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, headings left out."""
    lines = re.findall(r"^\| (.+) \|$", text, re.MULTILINE)
    return [re.split(r" \| ", line) for line in lines if line.startswith("`")]


def prose(document: str) -> str:
    """The document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)


def spans(document: str) -> list[str]:
    """Everything that is set in code type in the running text."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def anchors(document: str) -> set[str]:
    """The headings as addresses, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# -- settings ---------------------------------------------------------------------------------------------------------


def exception(condition: str) -> str:
    """When a setting is not needed, as the README writes it."""
    other, _, value = condition.partition("=")
    if value == "!openai":
        return f", unless `{other}` is none of OpenAI's"
    if value.startswith("!"):
        return f", unless `{other}` is another than `{value[1:]}`"
    return f", unless `{other}` is set"


def default_of(setting: Setting) -> str:
    """A default as the README writes it."""
    if setting.default is None:
        return "required" + "".join(map(exception, setting.unless))
    return f"`{setting.default}`" if setting.default else "none"


def test_the_table_of_settings_has_every_setting_with_its_default_and_no_other() -> None:
    table = [(name.strip("`"), default) for name, default, _ in rows(section(README, "## Settings"))]
    assert table == [(setting.name, default_of(setting)) for setting in SETTINGS]


def test_another_name_of_a_setting_is_told_beside_it() -> None:
    told = {name.strip("`"): what for name, _, what in rows(section(README, "## Settings"))}
    others = [setting for setting in SETTINGS if setting.also]
    assert others
    for setting in others:
        assert f"`{setting.also}`" in told[setting.name]


@each_document
def test_every_setting_that_a_document_names_exists(name: str) -> None:
    known = {setting.name for setting in SETTINGS} | {setting.also for setting in SETTINGS}
    named = {found for span in spans(DOCUMENTS[name]) for found in re.findall(r"^[A-Z]+(?:_[A-Z]+)+", span)}
    assert named <= known


def test_the_languages_are_those_of_the_table() -> None:
    (line,) = re.findall(r"^Languages: (.+?), on either side\.", README, re.MULTILINE | re.DOTALL)
    named = re.split(r",\s+|\s+and\s+", line.replace(" (Mandarin)", ""))
    assert named == [language.english for language in languages.LANGUAGES.values()]


def test_the_tables_of_what_we_say_have_every_language_and_every_sentence() -> None:
    listed = rows(section(DOCUMENTS["docs/prompts.md"], "## Languages"))
    table = languages.LANGUAGES.values()
    assert [row[:3] for row in listed] == [[f"`{each.tag}`", each.english, each.own] for each in table]
    assert [row[3] == "while somebody speaks" for row in listed] == [each.continuous_target for each in table]
    told = rows(section(DOCUMENTS["docs/prompts.md"], "## Every sentence"))
    english = languages.get("en").sentences
    assert {Sentence[name.strip("`").upper()]: text for name, *_, text in told} == english
    assert len(told) == len(english)
    ours = {Sentence[name.strip("`").upper()] for name, _, _, voice, _ in told if voice == "ours"}
    assert ours == set(languages.IN_STREAM)


# -- routes, events, reasons ------------------------------------------------------------------------------------------


async def routes_of_the_app() -> set[str]:
    """Every route of the application that serves."""
    sids = {"TWILIO_ACCOUNT_SID": "AC", "TWILIO_FLEX_APP_SID": "AP", "TWILIO_FLEX_WORKFLOW_SID": "WW"}
    settings = Settings.load(
        {name: kind + "0" * 32 for name, kind in sids.items()}
        | {"PUBLIC_HOST": "voice.example.com", "TWILIO_AUTH_TOKEN": "t", "TWILIO_CALLER_NUMBER": "+14155550100"}
        | {"TRANSLATOR": "loopback"}
    )
    async with aiohttp.ClientSession() as http:
        services, pairing = app._services(settings, http, await app.prompts(settings, http), b"", Metronome())
        application = app._application(settings, CallRegistry(services, max_calls=1), services, pairing)
    routes = ((route.method, route.resource) for route in application.router.routes())
    return {f"{method} {resource.canonical}" for method, resource in routes if resource and method != "HEAD"}


async def test_the_table_of_routes_has_every_route_of_the_app_and_no_other() -> None:
    table = rows(section(README, "## Routes"))
    assert {route.strip("`").partition("?")[0] for route, _, _ in table} == await routes_of_the_app()


def test_the_routes_that_need_no_signature_are_the_last_of_the_table() -> None:
    table = [route.strip("`").partition("?")[0] for route, _, _ in rows(section(README, "## Routes"))]
    unsigned = {f"GET {path}" for path in Health.PATHS | Paper.PATHS | MetricsPage.PATHS} | {
        "POST /calls",
        "GET /calls/{id}",
    }
    for purpose in Purpose:
        unsigned |= {f"{what} /{purpose}/{{token}}" for what in ("GET", "POST")} | {f"GET /{purpose}/{{token}}/events"}
    unsigned |= {f"GET {path}" for path in Console.PATHS if not path.endswith(("/login", "/logout"))}
    unsigned |= {f"POST /console{more}" for more in ("", "/login", "/logout")}
    assert set(table[-len(unsigned) :]) == unsigned
    assert len(unsigned) == 18
    assert "Every route but the last eighteen wants Twilio's signature" in README


def test_the_events_to_tick_are_those_that_have_a_meaning() -> None:
    listed = re.findall(r"^- ((?:`[a-z.-]+`(?:, )?)+):", section(README, "### What setup changes"), re.MULTILINE)
    assert re.findall(r"`([^`]+)`", "".join(listed)) == list(MEANINGS)
    named = {span for span in spans(README) if re.fullmatch(r"(?:task|reservation|worker|workflow)\.[a-z.-]+", span)}
    assert named == set(MEANINGS)


def test_the_table_of_reasons_has_every_reason_and_what_the_caller_is_told() -> None:
    text, _, _ = section(README, "## When something fails").partition("\n### ")
    table = {reason.strip("`"): heard for reason, _, heard in rows(text)}
    assert list(table) == [reason.value for reason in EndReason]
    english = languages.get("en").sentences
    for reason in EndReason:
        told = set(FAREWELLS[reason].values())
        if reason is EndReason.CALLER_STREAM_LOST:
            told = {Sentence.INTERRUPTED}  # by the verbs after the stream
        assert (Role.AGENT in FAREWELLS[reason]) is ("The agent hears" in table[reason.value])
        assert {sentence for sentence in Sentence if english[sentence] in table[reason.value]} == told, reason


def test_what_does_not_end_a_call_is_said_in_the_words_that_are_spoken() -> None:
    english = languages.get("en").sentences
    text = section(README, "## When something fails")
    notices = (Sentence.TRANSLATION_LOST, Sentence.TRANSLATION_BACK, Sentence.WORDS_LOST)
    for sentence in (Sentence.UNTRANSLATED, Sentence.BUSY, *notices):
        assert f'"{english[sentence]}"' in text


def test_the_symptoms_lead_to_lines_that_the_doctor_prints() -> None:
    table, _, _ = section(README, "## Troubleshooting").partition("\n\n**")
    lines = re.findall(r"^\| (?!Symptom|---)[^|]+ \| ([^|]+) \|$", table, re.MULTILINE)
    named = {name for line in lines for name in re.findall(r"`([a-z' ]+)`", line)} - {"https://"}
    doctor = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "bmv/commands/doctor").glob("*.py")))
    assert len(named) > 15
    for name in named:
        assert f'Check("{name}"' in doctor, name


def test_every_log_event_that_the_readme_names_is_one_that_is_logged() -> None:
    composed = {f"call_{state.value}" for state in CallState}
    settled = {reason.value for reason in EndReason}
    named = {span for span in spans(README) if re.fullmatch(r"[a-z]+(?:_[a-z]+)+", span)} - settled
    assert named
    for event in named:
        assert event in composed or f'"{event}"' in SOURCE, event


def test_the_table_of_metrics_has_every_metric_as_it_is_exposed_and_no_other() -> None:
    text = section(DOCUMENTS["docs/metrics.md"], "## Every metric")
    table = {name.strip("`"): (kind, re.findall(r"`([a-z]+)`", labels)) for name, kind, labels, *_ in rows(text)}
    families = exposed().families
    assert table == {name: (family.type, sorted(family.labels)) for name, family in families.items()}


def test_the_tables_of_metrics_name_alerts_that_there_are_and_each_of_them() -> None:
    text = section(DOCUMENTS["docs/metrics.md"], "## Every metric")
    named = {alert for *_, alerts in rows(text) for alert in re.findall(r"`(Bmv[A-Za-z]+)`", alerts)}
    listed = [name.strip("`") for name, *_ in rows(section(DOCUMENTS["docs/metrics.md"], "## Alerts"))]
    assert listed == re.findall(r"- alert: (\w+)", (ROOT / "docs" / "alerts.yaml").read_text("utf-8"))
    assert named == set(listed) - {"BmvDown"}  # which is about there being no metrics


# -- commands ---------------------------------------------------------------------------------------------------------


def listed_under_commands() -> dict[str, str]:
    """What stands in the tables of the commands, by its first column."""
    return {name.strip("`"): what for name, what in rows(section(README, "## Commands"))}


def test_the_table_of_commands_has_every_command_and_every_exit_code() -> None:
    listed = listed_under_commands()
    codes = [int(name) for name in listed if name.isdigit()]
    targets = [name for name in listed if name.startswith("make ")]
    assert [name for name in listed if not name.isdigit() and name not in targets] == [each.name for each in COMMANDS]
    assert codes == list(EXIT_CODES)


def test_every_make_target_that_is_about_bmv_is_the_command_that_the_table_says() -> None:
    recipe = r"^([a-z-]+): .*\n\t@\$\(PY\) -m bmv ([a-z -]+) \$\(ARGS\)$"
    recipes = re.findall(recipe, (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    listed = listed_under_commands()
    assert {f"make {target}": f"`{command}`" for target, command in recipes} == {
        name: what for name, what in listed.items() if name.startswith("make ")
    }
    assert {command.split()[0] for _, command in recipes} <= {each.name for each in COMMANDS}


# -- the demo ---------------------------------------------------------------------------------------------------------


def test_the_readme_shows_the_demo_that_runs() -> None:
    shown = section(README, "## See it first")
    for line in DEMO.lines:
        assert re.search(rf"^ +{line.role}  {re.escape(line.sentence)}$", shown, re.MULTILINE)
        assert re.search(rf"^ +heard  {re.escape(line.translation)}  \(", shown, re.MULTILINE)
    assert f"{len(DEMO.lines)} of {len(DEMO.lines)} sentences" in shown


# -- what is pointed to -----------------------------------------------------------------------------------------------


def test_the_placeholder_is_the_same_text_in_the_flow_and_stands_there_once() -> None:
    assert f"`{PLACEHOLDER}`" in README
    assert (ROOT / "flows" / "inbound_language.json").read_text("utf-8").count(PLACEHOLDER) == 1


@each_document
def test_every_make_target_that_a_document_names_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", DOCUMENTS[name], re.MULTILINE))
    assert named <= targets


def made_at_run_time() -> set[str]:
    """What is not there in a fresh clone, and never to be committed."""
    return set((ROOT / ".gitignore").read_text("utf-8").split())


def paths(document: str) -> Iterator[str]:
    """Everything in code type that looks like a file or folder of this project."""
    known = {path.name for path in ROOT.iterdir()} | made_at_run_time()
    for span in spans(document):
        if re.fullmatch(r"[\w.-]+/(?:[\w.-]+/?)*", span) or span in known or re.fullmatch(r"[\w-]+\.(?:py|md)", span):
            yield span


@each_document
def test_every_path_that_a_document_names_exists_or_is_made_at_run_time(name: str) -> None:
    for path in paths(DOCUMENTS[name]):
        assert path in made_at_run_time() or (ROOT / path).exists(), path


@each_document
def test_no_relative_link_is_dead(name: str) -> None:
    here = (ROOT / name).parent
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(DOCUMENTS[name])):
        target, _, anchor = link.partition("#")
        if re.match(r"https?:", target):
            continue
        path = here / target if target else ROOT / name
        assert path.exists(), link
        if anchor:
            assert anchor in anchors(path.read_text("utf-8")), link


def test_paths_and_links_are_really_found() -> None:
    assert {"bmv/call/", "recordings/", ".env", "flows/inbound_language.json"} <= {
        *paths(README),
        *re.findall(r"\]\(([^)\s]+)\)", README),
    }
    assert {"tests/house.py", "setup.cfg"} <= set(paths(ARCHITECTURE))


# -- architecture and changes -----------------------------------------------------------------------------------------


def test_the_state_diagram_is_drawn_from_the_table_of_today() -> None:
    script = run_path(str(ROOT / "scripts" / "draw_states.py"))  # scripts are no package
    assert script["redrawn"](ARCHITECTURE) == ARCHITECTURE, "run python scripts/draw_states.py"


def test_the_picture_of_the_rooms_is_the_contract_that_is_checked() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / "setup.cfg", "utf-8")
    layers = contracts["importlinter:contract:rooms"]["layers"].split("\n")
    (picture,) = re.findall(r"^```text\n(__main__\n.*?)^```$", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    assert [re.split(r"\s{2,}", line)[0] for line in picture.splitlines()] == [
        layer.strip() for layer in layers if layer
    ]


def test_the_times_of_the_playout_are_those_it_keeps() -> None:
    table = re.findall(r"^\| ([^|]+) \| (\d+) (ms|frames) \| ", section(ARCHITECTURE, "## Two clocks"), re.MULTILINE)
    assert {label: (int(number), unit) for label, number, unit in table} == {
        "Lead": (round(playout.LEAD_SECONDS * 1000), "ms"),
        "Refill": (round(playout.REFILL_SECONDS * 1000), "ms"),
        "Cushion of a translation": (round(playout.CUSHION_SECONDS * 1000), "ms"),
        "Cushion of the original": (round(playout.ORIGINAL_CUSHION_SECONDS * 1000), "ms"),
        "Inner pause": (playout.INNER_PAUSE * FRAME_MS, "ms"),
        "Pre-roll": (playout.PRE_ROLL, "frames"),
    }


def test_the_newest_version_in_the_changelog_is_this_one() -> None:
    versions = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d{2}-\d{2}$", DOCUMENTS["CHANGELOG.md"], re.MULTILINE)
    assert versions[0] == __version__
