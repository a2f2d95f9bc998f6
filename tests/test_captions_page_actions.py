"""What can be done on the pages of those who look on, by whom, and how often."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from looking_on import AGENT_PATH, ORIGINAL, OWN_PAGE, TRANSLATION, bridged, captions_path, reading
from wires import PUBLIC_HOST, House, house

from bmv.call.leg import Role
from bmv.call.state import EndReason
from bmv.languages import PHRASES
from bmv.web.own_pages import RateLimit


async def act(home: House, path: str, headers: Mapping[str, str] = OWN_PAGE, **action: object) -> int:
    return (await home.send("POST", path, data=json.dumps(action), headers=headers)).status


async def test_the_translation_is_paused_and_goes_on_again_and_the_page_is_told() -> None:
    async with house() as home:
        call = await bridged(home)
        for path in (captions_path(call.id), AGENT_PATH):
            async with reading(home, path + "/events") as page:
                await page.until("view")
                assert await act(home, path, call=call.id, pause=True) == 204
                assert call.view().secured
                while not (await page.until("view"))[-1][2]["secured"]:  # which ends: no stream is without an end
                    continue
                assert await act(home, path, call=call.id, pause=False) == 204
                assert not call.view().secured


async def test_a_phrase_is_said_to_the_caller_and_stands_in_the_transcript() -> None:
    async with house() as home:
        call = await bridged(home)
        phrase = PHRASES[0]
        assert await act(home, captions_path(call.id), call=call.id, say=phrase.name.lower()) == 204
        said = {line.kind: line.text for line in call.transcript.lines() if line.speaker is Role.AGENT}
        assert said == {
            ORIGINAL: call.language(Role.AGENT).sentences[phrase],
            TRANSLATION: call.language(Role.CALLER).sentences[phrase],
        }


async def test_what_makes_no_sense_or_comes_too_late_is_refused() -> None:
    async with house() as home:
        call = await home.call()
        path = captions_path(call.id)
        phrase = PHRASES[0].name.lower()
        assert await act(home, path, call=call.id, say=phrase) == 409, "nobody is there to hear it"
        assert await act(home, path, call="another", pause=True) == 409
        assert await act(home, AGENT_PATH, call=call.id, pause=True) == 409, "the agent is not in this call"
        for wrong in ({"call": call.id}, {"call": call.id, "say": "greeting"}, {"call": call.id, "x": 1}):
            assert await act(home, path + "", **wrong) == 400
        assert not call.view().secured
        call.end(EndReason.CALLER_HUNG_UP)
        assert await act(home, path, call=call.id, pause=True) == 409, "it is over, though both are still told so"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": f"https://{PUBLIC_HOST}"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://flex.twilio.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"https://{PUBLIC_HOST}"}, 204),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
    ],
)
async def test_nothing_is_done_for_a_page_of_somebody_else(headers: dict[str, str], status: int) -> None:
    async with house() as home:
        call = await bridged(home)
        json_too = {"Content-Type": "application/json"} | headers
        assert await act(home, captions_path(call.id), json_too, call=call.id, pause=True) == status
        assert call.view().secured is (status == 204)


async def test_a_form_of_another_site_does_nothing() -> None:
    async with house() as home:
        call = await bridged(home)
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            headers = OWN_PAGE | {"Content-Type": kind}
            assert await act(home, captions_path(call.id), headers, call=call.id, pause=True) == 415
        assert not call.view().secured


async def test_who_presses_too_often_has_to_wait() -> None:
    async with house() as home:
        call = await bridged(home)
        path = captions_path(call.id)
        answers = [await act(home, path, call=call.id, pause=bool(turn % 2)) for turn in range(8)]
        assert answers[:6] == [204] * 6
        assert answers[-1] == 429


def test_a_rate_limit_lets_some_through_at_once_and_then_one_after_the_other() -> None:
    now = [0.0]
    limit = RateLimit(2, 10.0, clock=lambda: now[0])
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    assert limit.allows("b"), "others are not kept waiting"
    now[0] = 10.0
    assert [limit.allows("a") for _ in range(2)] == [True, False]
    now[0] = 100.0
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]


def test_of_all_who_ask_the_limit_remembers_those_who_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmv.web.own_pages.MOST_REMEMBERED", 2)
    limit = RateLimit(1, 10.0, clock=lambda: 100.0)
    assert [limit.allows(who) for who in ("a", "b", "c")] == [True, True, True]
    assert [limit.allows(who) for who in ("b", "c", "a")] == [False, False, True]
