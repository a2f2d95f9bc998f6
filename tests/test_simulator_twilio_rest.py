"""The REST API of the fake Twilio: which calls it makes, which it refuses, and what becomes of them."""

import asyncio
from collections.abc import Iterable

import pytest
from simulator_twilio_server import (
    ACCOUNT,
    CALLER,
    FLEX,
    FRONT,
    PAUSE,
    TOKEN,
    Server,
    a_company,
    a_tone,
    connect,
    create,
    twiml,
)
from twilio.rest import Client
from twilio_sdk import SdkClient

from bmv.simulator.twilio import Number, Party

APP = "AP" + "1" * 32
SDK = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""The twilio package's HTTP client is older than the aiohttp that it runs on."""
EVENTS = ("initiated", "ringing", "answered", "completed")


def order(events: Iterable[str] = EVENTS, **changes: str) -> list[tuple[str, str]]:
    form = {"To": FLEX, "From": FRONT, "Twiml": connect(), "StatusCallback": "https://bmv.test/status?id=7"} | changes
    return [(name, value) for name, value in form.items() if value] + [
        ("StatusCallbackEvent", event) for event in events
    ]


def statuses(server: Server) -> list[str]:
    return server.events("/status", "CallStatus")


async def test_an_ordered_call_rings_is_answered_and_completed() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = PAUSE
        status, body = await create(twilio, order())
        assert status == 201
        assert (body["status"], body["direction"], body["parent_call_sid"]) == ("queued", "outbound-api", None)
        call = await twilio.next_call(1)
        assert call.sid == body["sid"]
        await call.streaming(1)
        assert (await create(twilio, {"Status": "completed"}, f"/{call.sid}"))[0] == 200
        assert await call.ended(1) == "completed"
        await server.until(lambda: statuses(server) == ["initiated", "ringing", "in-progress", "completed"])
        assert server.events("/status", "SequenceNumber") == ["0", "1", "2", "3"]
        assert server.events("/status", "CallSid") == [call.sid] * 4
        assert twilio.alerts == []


async def test_only_the_status_events_asked_for_are_told() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = twiml("")
        await create(twilio, order(events=()))
        await server.until(lambda: statuses(server) == ["completed"])


async def test_the_far_end_is_a_call_of_its_own() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = PAUSE
        _, body = await create(twilio, order(CallerId=CALLER))
        await (await twilio.next_call(1)).streaming(1)
        form = dict(server.forms)["/flex"]
        assert form["CallSid"] != body["sid"]
        assert "ParentCallSid" not in form
        assert (form["From"], form["To"], form["Direction"]) == (FRONT, FLEX, "inbound")


async def test_both_ends_of_an_ordered_call_hear_each_other_and_end_together() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = connect()
        await create(twilio, order())
        near, far = await server.socket(), await server.socket()
        await near.play(a_tone(0.1, 500))
        await far.play(a_tone(0.1, 900))
        await server.until(lambda: a_tone(0.1, 900) in near.sound() and a_tone(0.1, 500) in far.sound())
        first, second = twilio.calls.values()
        await second.hang_up()
        assert await first.ended(1) == "completed"
        await server.until(lambda: near.stopped.is_set() and far.stopped.is_set())


async def test_an_app_gets_the_parameters_of_the_address_unprefixed() -> None:
    async with a_company() as (twilio, server):
        server.pages["/app"] = PAUSE
        status, body = await create(twilio, order(To=f"app:{APP}?bmv_call_id=a%20b"))
        assert status == 201
        assert body["to"] == f"app:{APP}"
        await (await twilio.next_call(1)).answered(1)
        form = dict(server.forms)["/app"]
        assert form["bmv_call_id"] == "a b"
        assert form["From"] == FRONT


async def test_a_telephone_outside_is_picked_up_by_its_party() -> None:
    async with a_company() as (twilio, server):
        alex = Party("Alex")
        twilio.phones["+4930123"] = alex
        await create(twilio, order(To="+4930123"))
        socket = await server.socket()
        await socket.play(a_tone(0.04))
        await alex.hears_speech(1)
        await (await twilio.next_call(1)).hang_up()
        assert alex.hung_up.is_set()


@pytest.mark.parametrize(
    ("changes", "status", "code", "word"),
    [
        ({"To": "+19999999999"}, 400, 21211, "+19999999999"),
        ({"To": "app:APunknown"}, 400, 21211, "app:APunknown"),
        ({"To": f"app:{APP}?x={'y' * 800}"}, 400, 21211, "800"),
        ({"To": ""}, 400, 21201, "To"),
        ({"From": ""}, 400, 21213, "From"),
        ({"From": CALLER}, 400, 21210, CALLER),
        ({"Twiml": ""}, 400, 21205, "Twiml"),
        ({"Twiml": "<Response/>".ljust(4001)}, 400, 21502, "4001"),
        ({"Twiml": "", "Url": "nowhere"}, 400, 21205, "nowhere"),
        ({"StatusCallback": "https://with_underscore.test/"}, 400, 21609, "with_underscore"),
        ({"Timeout": "601"}, 400, 20001, "600"),
        ({"Timeout": "soon"}, 400, 20001, "Timeout"),
        ({"Method": "PUT"}, 400, 20001, "PUT"),
        ({"Timeouts": "5"}, 400, 20001, "Timeouts"),
        ({"ApplicationSid": "APunknown"}, 400, 21218, "APunknown"),
    ],
)
async def test_a_wrong_order_is_refused(changes: dict[str, str], status: int, code: int, word: str) -> None:
    async with a_company() as (twilio, _):
        got, body = await create(twilio, order(**changes))
        assert (got, body["code"], body["status"]) == (status, code, status)
        assert word in body["message"]
        assert set(body) == {"code", "message", "more_info", "status"}
        assert not twilio.calls
        assert twilio.requests[0].status == status


async def test_an_unknown_status_event_is_refused() -> None:
    async with a_company() as (twilio, _):
        status, body = await create(twilio, order(events=["finished"]))
        assert (status, body["code"]) == (400, 21626)


async def test_a_caller_s_number_may_be_shown_with_the_token_of_that_call() -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = server.pages["/flex"] = PAUSE
        await (await twilio.dial(from_=CALLER, to=FRONT, party=Party())).answered(1)
        token = server.forms[0][1]["CallToken"]
        assert (await create(twilio, order(From=CALLER, CallToken="wrong")))[0] == 400
        assert (await create(twilio, order(From=CALLER, CallToken=token)))[0] == 201
        await (await twilio.next_call(1)).answered(1)
        assert server.events("/flex", "From") == [CALLER]


@SDK
async def test_the_wrong_password_is_refused() -> None:
    async with a_company() as (twilio, _):
        client = Client(ACCOUNT, "wrong", http_client=SdkClient(twilio))
        with pytest.raises(Exception, match="Authenticate"):
            await client.calls.create_async(to=FLEX, from_=FRONT, twiml="<Response/>")
        await client.http_client.close()
        assert twilio.requests[0].status == 401


@SDK
async def test_the_twilio_package_can_make_look_up_and_end_a_call() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = PAUSE
        client = Client(ACCOUNT, TOKEN, http_client=SdkClient(twilio))
        made = await client.calls.create_async(
            to=FLEX,
            from_=FRONT,
            twiml=connect(),
            status_callback="https://bmv.test/status",
            status_callback_event=list(EVENTS),
        )
        call = twilio.calls[str(made.sid)]
        await call.answered(1)
        assert (await client.calls(call.sid).fetch_async()).status == "in-progress"
        await client.calls(call.sid).update_async(status="completed")
        assert await call.ended(1) == "completed"
        with pytest.raises(Exception, match="not found") as error:
            await client.calls(call.sid).update_async(status="completed")
        assert error.value.code == 20404  # type: ignore[attr-defined]
        await client.http_client.close()


async def test_an_unknown_call_is_not_found() -> None:
    async with a_company() as (twilio, _):
        status, body = await create(twilio, {"Status": "completed"}, "/CA404")
        assert (status, body["code"]) == (404, 20404)


async def test_a_call_in_progress_can_be_given_other_twiml_and_leaves_its_stream() -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = connect()
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party())
        socket = await server.socket()
        page = twiml("<Say>New</Say><Redirect>https://bmv.test/more</Redirect>")
        server.pages["/more"] = twiml("<Say>More</Say>")
        assert (await create(twilio, {"Twiml": page}, f"/{call.sid}"))[0] == 200
        await call.ended(1)
        assert socket.stopped.is_set()
        assert call.said == [("New", "en-US"), ("More", "en-US")]


async def test_a_ringing_call_can_be_canceled_but_not_redirected() -> None:
    async with a_company() as (twilio, server):
        twilio.ring_for(60)
        await create(twilio, order())
        call = await twilio.next_call(1)
        await server.until(lambda: call.status == "ringing")
        status, body = await create(twilio, {"Twiml": twiml("")}, f"/{call.sid}")
        assert (status, body["code"]) == (400, 21220)
        await create(twilio, {"Status": "canceled"}, f"/{call.sid}")
        assert await call.ended(1) == "canceled"
        await server.until(lambda: statuses(server)[-1] == "canceled")


@pytest.mark.parametrize(
    "form", [{"Status": "ended"}, {"Url": "https://bmv.test/", "Twiml": "<Response/>"}, {"To": "x"}]
)
async def test_a_wrong_change_is_refused(form: dict[str, str]) -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = connect()
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party())
        await call.answered(1)
        assert (await create(twilio, form, f"/{call.sid}"))[0] == 400
        assert call.status == "in-progress"


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
async def test_a_call_may_come_to_nothing(outcome: str) -> None:
    async with a_company() as (twilio, server):
        twilio.next_outgoing_call(outcome)  # type: ignore[arg-type]
        await create(twilio, order())
        await server.until(lambda: statuses(server) == ["initiated", "ringing", outcome])
        assert "/flex" not in dict(server.forms)


async def test_a_far_end_that_rejects_is_busy() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = twiml('<Reject reason="busy"/>')
        await create(twilio, order())
        assert await (await twilio.next_call(1)).ended(1) == "busy"


async def test_a_far_end_that_is_too_slow_has_not_answered() -> None:
    async with a_company() as (twilio, server):
        server.delay = 60.0
        await create(twilio, order(Timeout="0", StatusCallback=""))
        call = await twilio.next_call(1)
        assert await call.ended(1) == "no-answer"
        assert await list(twilio.calls.values())[1].ended(1) == "canceled"


async def test_the_next_order_can_be_refused_and_the_one_after_works() -> None:
    async with a_company() as (twilio, _):
        twilio.refuse_next_create(429, 20429, "Too many requests")
        status, body = await create(twilio, order())
        assert (status, body["code"]) == (429, 20429)
        assert (await create(twilio, order()))[0] == 201


async def test_a_hanging_order_is_placed_all_the_same() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = PAUSE
        twilio.hang_next_create(60)
        waiting = asyncio.ensure_future(create(twilio, order()))
        call = await twilio.next_call(1)
        await call.answered(1)
        assert not waiting.done()
        waiting.cancel()


async def test_a_time_limit_ends_the_call() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = PAUSE
        await create(twilio, order(TimeLimit="0"))
        assert await (await twilio.next_call(1)).ended(1) == "completed"


async def test_twiml_can_come_from_a_url_or_an_app() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = PAUSE
        server.pages["/twiml"] = server.pages["/app"] = twiml("<Say>x</Say>")
        for changes in ({"Url": "https://bmv.test/twiml"}, {"ApplicationSid": APP}):
            await create(twilio, order(Twiml="", StatusCallback="", **changes))
            call = await twilio.next_call(1)
            await call.ended(1)
            assert call.said == [("x", "en-US")]
        assert server.events("/twiml", "Direction") == ["outbound-api"]


async def test_requests_are_remembered_with_their_answers() -> None:
    async with a_company() as (twilio, _):
        twilio.numbers["+1777"] = Number("https://bmv.test/x")
        await create(twilio, order(To="+1777"))
        (request,) = twilio.requests
        assert (request.method, request.status) == ("POST", 201)
        assert request.fields["To"] == "+1777"
        assert [value for name, value in request.form if name == "StatusCallbackEvent"] == list(EVENTS)
