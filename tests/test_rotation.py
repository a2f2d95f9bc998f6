"""Changing Twilio's auth token while the server runs: with both set, nothing is refused and nothing done twice."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
import structlog
from house import ACCOUNT, CALLER_NUMBER, FLEX_NUMBER, TOKEN, House, house

from bmv.simulator.twilio import FakeTwilio
from bmv.telephony import rest, sdk

NEW = "auth-token-that-comes-next"
VOICE_URL = "https://voice.example.com/outbound-call"


async def whole_call(home: House) -> None:
    """Somebody calls, an agent accepts, somebody hangs up, and all of it was allowed."""
    before = len(home.twilio.requests)
    _, call = await home.calls()
    await home.accepts()
    await call.hang_up()
    await home.empty()
    assert home.twilio.alerts == []
    placed = [request for request in home.twilio.requests[before:] if request.path.endswith("/Calls.json")]
    assert [request.status for request in placed if request.status != 401] == [201]


def statuses(twilio: FakeTwilio) -> list[int]:
    return [request.status for request in twilio.requests]


async def test_a_token_is_promoted_under_a_running_server_and_during_a_call() -> None:
    with structlog.testing.capture_logs() as log:
        async with house(TWILIO_SECONDARY_AUTH_TOKEN=NEW, TRANSLATOR="loopback") as home:
            home.twilio.create_secondary_auth_token(NEW)
            await whole_call(home)
            assert 401 not in statuses(home.twilio)
            _, call = await home.calls()
            await home.accepts()
            home.twilio.promote_secondary_auth_token()
            await call.hang_up()
            await home.empty()
            refused = statuses(home.twilio).count(401)
            assert refused, "what ended the calls was refused at first"
            await whole_call(home)
            assert statuses(home.twilio).count(401) == refused, "from then on the other token goes first"
            assert all(call.over for call in home.twilio.calls.values())
    mentions = [line for line in log if line["event"] == "secondary_auth_token_fits"]
    assert sorted(line["where"] for line in mentions) == ["requests from Twilio", "requests to Twilio"]
    assert NEW not in str(log)


@pytest.mark.parametrize("promoted", [False, True])
async def test_the_settings_may_be_turned_round_before_or_after_the_promotion(promoted: bool) -> None:
    async with house(TWILIO_AUTH_TOKEN=NEW, TWILIO_SECONDARY_AUTH_TOKEN=TOKEN, TRANSLATOR="loopback") as home:
        home.twilio.create_secondary_auth_token(NEW)
        if promoted:
            home.twilio.promote_secondary_auth_token()
        await whole_call(home)
        if not promoted:
            home.twilio.promote_secondary_auth_token()
        await whole_call(home)
        assert 401 not in statuses(home.twilio)


async def test_a_secondary_token_that_does_not_exist_yet_does_no_harm() -> None:
    async with house(TWILIO_AUTH_TOKEN=NEW, TWILIO_SECONDARY_AUTH_TOKEN=TOKEN, TRANSLATOR="loopback") as home:
        await whole_call(home)
        assert statuses(home.twilio).count(401) == 1


async def test_when_twilio_goes_back_so_do_we_and_say_it_once() -> None:
    async with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN) as twilio, aiohttp.ClientSession() as http:
        client = sdk.connect(http, account_sid=ACCOUNT, auth_token=TOKEN, secondary_auth_token=NEW, base_url=twilio.url)
        with structlog.testing.capture_logs() as log:
            for token in (NEW, TOKEN, NEW):
                twilio.create_secondary_auth_token(token)
                twilio.promote_secondary_auth_token()
                for _ in range(2):
                    with pytest.raises(rest.RestError, match="20404"):
                        await sdk.ask(client.calls("CA" + "0" * 32).fetch_async())
    assert statuses(twilio) == [401, 404, 404] * 3
    assert [line["event"] for line in log] == ["secondary_auth_token_fits"]


async def test_requests_that_are_refused_at_the_same_time_agree_on_the_token_that_fits() -> None:
    async with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN) as twilio, aiohttp.ClientSession() as http:
        api = rest.Api(http, account_sid=ACCOUNT, auth_token=TOKEN, secondary_auth_token=NEW, base_url=twilio.url)
        twilio.create_secondary_auth_token(NEW)
        twilio.promote_secondary_auth_token()
        nobody = f"{api.account_url}/Calls/CA{'0' * 32}.json"
        for number in (2, 1):
            for refused in await asyncio.gather(*(api.get(nobody) for _ in range(number)), return_exceptions=True):
                assert isinstance(refused, rest.RestError)
                assert refused.code == 20404
    assert statuses(twilio) == [401, 401, 404, 404, 404]


async def test_two_wrong_tokens_are_one_clear_error_and_place_no_call() -> None:
    async with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN) as twilio, aiohttp.ClientSession() as http:
        client = sdk.connect(
            http, account_sid=ACCOUNT, auth_token="wrong", secondary_auth_token="worse", base_url=twilio.url
        )
        for _ in range(2):
            with pytest.raises(rest.RestError) as error:
                await sdk.ask(client.calls.create_async(to=FLEX_NUMBER, from_=CALLER_NUMBER, url=VOICE_URL))
            assert (error.value.code, error.value.status, error.value.nothing_done) == (20003, 401, True)
            assert "check TWILIO_ACCOUNT_SID, and TWILIO_AUTH_TOKEN against the console" in str(error.value)
            assert "wors" not in str(error.value)
    assert statuses(twilio) == [401] * 4
    assert not twilio.calls


async def test_what_was_refused_for_another_reason_is_not_asked_again() -> None:
    async with house(TWILIO_SECONDARY_AUTH_TOKEN=NEW, TRANSLATOR="loopback") as home:
        home.twilio.refuse_next_create(status=500, code=20500)
        _, call = await home.calls()
        await call.ended(timeout=5)
        await home.empty()
    placed = [request.status for request in home.twilio.requests if request.path.endswith("/Calls.json")]
    assert placed == [500]
