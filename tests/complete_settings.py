"""Settings that are complete, for tests that change one of them and see what is made of it."""

import pytest

from bmv.config import Settings
from bmv.errors import SettingsError

HEX = "0123456789abcdef0123456789abcdef"
TOKEN = "f" * 32
KEY = "sk-proj-very-private"
ENVIRON = {
    "PUBLIC_HOST": "voice.example.com",
    "TWILIO_ACCOUNT_SID": f"AC{HEX}",
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_CALLER_NUMBER": "+14155550100",
    "TWILIO_FLEX_NUMBER": "+14155550101",
    "TWILIO_FLEX_WORKFLOW_SID": f"WW{HEX}",
    "OPENAI_API_KEY": KEY,
}


def load(**changes: str) -> Settings:
    return Settings.load(ENVIRON | changes)


def without(*names: str, **changes: str) -> dict[str, str]:
    """An environment that lacks some of them, for `problems` or `Settings.load`."""
    return {name: text for name, text in (ENVIRON | changes).items() if name not in names}


def problems(environ: dict[str, str]) -> list[str]:
    """What is said of an environment that is refused, a line each."""
    with pytest.raises(SettingsError) as refusal:
        Settings.load(environ)
    return refusal.value.problems


def problem(**changes: str) -> str:
    (only,) = problems(ENVIRON | changes)
    return only
