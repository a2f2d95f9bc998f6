"""Twilio's names of things, and what is none."""

from __future__ import annotations

import pytest

from bmv.telephony.sids import sid_of

CALL = "CA" + "0aF" * 10 + "12"


@pytest.mark.parametrize("name", [CALL, "W", "a" * 64])
def test_a_name_is_what_it_is(name: str) -> None:
    assert sid_of(name) == name


@pytest.mark.parametrize("value", [None, "", 7, ["CA"], "CA/..", "CA é", CALL + "\n", "a" * 65, "x" * 60_000])
def test_what_is_no_name_or_is_far_too_long_is_nothing(value: object) -> None:
    assert sid_of(value) == ""
