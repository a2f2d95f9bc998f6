from datetime import date

import pytest

from bmv.commands.doctor.retirement import Retirement, retirement_of


@pytest.mark.parametrize(
    ("model", "on"),
    [
        ("gpt-realtime", date(2027, 1, 20)),
        ("gpt-realtime-2025-08-28", date(2027, 1, 20)),
        ("gpt-realtime-mini", date(2027, 1, 20)),
        ("gpt-realtime-mini-2025-12-15", date(2027, 1, 20)),
        ("gpt-4o-realtime-preview-2024-12-17", date(2026, 5, 7)),
        ("gpt-4o-mini-realtime-preview", date(2026, 5, 7)),
        ("tts-1-hd", date(2027, 1, 6)),
        ("gpt-4o-mini-tts", date(2027, 1, 6)),
        ("whisper-1", date(2027, 2, 26)),
        ("gpt-4o-mini-transcribe", date(2027, 2, 26)),
    ],
)
def test_models_with_an_announced_end_are_known(model: str, on: date) -> None:
    found = retirement_of(model)

    assert found is not None
    assert found.on == on
    assert found.successor


@pytest.mark.parametrize(
    "model",
    [
        *("gpt-realtime-translate", "gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2", "gpt-realtime-1.5"),
        *("gpt-realtime-whisper", "gpt-transcribe", "our-deployment"),
    ],
)
def test_models_without_an_announced_end_have_none(model: str) -> None:
    assert retirement_of(model) is None


def test_what_the_service_says_counts_more_than_what_we_know() -> None:
    assert retirement_of("gpt-realtime-2.1", "2028-03-01") == Retirement(date(2028, 3, 1))
    assert retirement_of("gpt-realtime", "2027-06-30T00:00:00Z") == Retirement(date(2027, 6, 30), "gpt-realtime-2.1")
    assert retirement_of("gpt-realtime", "soon") == retirement_of("gpt-realtime")
    assert retirement_of("gpt-realtime-2.1", None) is None
