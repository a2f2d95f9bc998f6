"""Where settings come from: the environment, the file beside it, and the sample of that file, which keeps step."""

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from complete_settings import problems

from bmv.config import SETTINGS, read_environment
from bmv.errors import SettingsError

SAMPLE = Path(__file__).parent.parent / ".env.sample"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_environment_wins_over_the_file_and_stays_as_it_was(tmp_path: Path) -> None:
    before = dict(os.environ)
    dotenv = write(tmp_path / ".env", "API_PORT=1\nMAX_CALLS=2 # two\nexport LOG_LEVEL='debug'\n")
    read = read_environment(dotenv, {"API_PORT": "3", "HOME": "/root"})
    assert read == {"API_PORT": "3", "MAX_CALLS": "2", "LOG_LEVEL": "debug", "HOME": "/root"}
    assert dict(os.environ) == before


def test_a_blank_variable_does_not_hide_the_files(tmp_path: Path) -> None:
    assert read_environment(write(tmp_path / ".env", "API_PORT=1"), {"API_PORT": " "}) == {"API_PORT": "1"}


def test_a_missing_file_is_no_problem(tmp_path: Path) -> None:
    assert read_environment(tmp_path / ".env", {"API_PORT": "1"}) == {"API_PORT": "1"}
    assert read_environment(tmp_path, {}) == {}  # what a container makes of a file that is to be mounted and missing


def test_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    content = "\ufeffTWILIO_AUTH_TOKEN='a${HOME}$b'\r\nnonsense\r\nAPI_PORT=1\r\n"
    read = read_environment(write(tmp_path / ".env", content), {})
    assert read == {"TWILIO_AUTH_TOKEN": "a${HOME}$b", "API_PORT": "1"}


def test_a_file_that_is_no_text_is_a_plain_complaint(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_environment(write(tmp_path / ".env", b"API_PORT=\xff\xfe\x00"), {})


def sample_lines() -> dict[str, str]:
    found = re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", SAMPLE.read_text("utf-8"), re.MULTILINE)
    assert len(found) == len(dict(found)), "a setting stands in the sample twice"
    return dict(found)


def test_the_sample_names_every_setting_with_its_usual_value_and_no_other() -> None:
    wanted = {setting.name: setting.default or "" for setting in SETTINGS}
    assert sample_lines() == wanted | {setting.also: "" for setting in SETTINGS if setting.also}


def test_in_the_sample_what_must_be_filled_in_stands_free_and_the_rest_is_commented_out() -> None:
    free = set(re.findall(r"^([A-Z_]+)=$", SAMPLE.read_text("utf-8"), re.MULTILINE))
    assert free == {setting.name for setting in SETTINGS if setting.needed({})}


def test_in_the_sample_words_stand_above_every_setting() -> None:
    lines = SAMPLE.read_text("utf-8").splitlines()
    bare = re.compile(r"(?:# )?[A-Z][A-Z_]+=")
    for above, line in pairwise(lines):
        if bare.match(line) and not bare.match(above):
            assert re.match(r"# \w.{20,}", above), line


def test_the_sample_as_it_comes_asks_for_exactly_what_must_be_filled_in() -> None:
    assert problems(read_environment(SAMPLE, {})) == problems({})


def test_every_setting_explains_itself() -> None:
    for setting in SETTINGS:
        assert re.fullmatch(r"[A-Z].{20,118}\.", setting.help), setting.name
        assert setting.where.endswith(".") or setting.default, setting.name
