"""Calls of the fake Twilio: webhooks, TwiML performed, what is wrong with a server's answers."""

import asyncio

import pytest
from aiohttp import web
from simulator_twilio_server import CALLER, FRONT, Server, a_company, a_tone, connect, twiml

from bmv.simulator.twilio import Call, FakeTwilio, HungUpError, Number, Party

APOLOGY = "We are sorry, an application error has occurred. Goodbye."


async def a_call(twilio: FakeTwilio, server: Server, page: str) -> Call:
    server.pages["/front"] = page
    return await twilio.dial(from_=CALLER, to=FRONT, party=Party())


async def test_the_first_webhook_carries_the_documented_fields() -> None:
    async with a_company() as (twilio, server):
        call = await a_call(twilio, server, twiml("<Hangup/>"))
        await call.ended(1)
        path, form = server.forms[0]
        assert path == "/front"
        places = {
            f"{role}{what}"
            for role in ("From", "To", "Caller", "Called")
            for what in ("City", "State", "Zip", "Country")
        }
        names = {"CallSid", "AccountSid", "From", "To", "Caller", "Called", "CallStatus", "Direction", "ApiVersion"}
        assert set(form) == names | places | {"CallToken"}
        assert form["CallSid"] == call.sid
        assert (form["From"], form["To"], form["FromCountry"], form["FromCity"]) == (CALLER, FRONT, "ES", "")
        assert (form["CallStatus"], form["Direction"]) == ("ringing", "inbound")


async def test_requests_look_like_those_of_a_proxy_that_ended_tls() -> None:
    async with a_company() as (twilio, server):
        await (await a_call(twilio, server, twiml("<Hangup/>"))).ended(1)
        headers = server.headers["/front"]
        assert headers["Host"] == headers["X-Forwarded-Host"] == "bmv.test"
        assert headers["X-Forwarded-Proto"] == "https"
        assert headers["I-Twilio-Idempotency-Token"]
        assert twilio.webhooks[0].url == "https://bmv.test/front?lang=es"
        assert twilio.webhooks[0].answer is not None
        assert twilio.webhooks[0].answer.status == 200


@pytest.mark.parametrize("caller", ["anonymous", "+266696687", "sip:alice@example.com"])
async def test_a_caller_may_be_anybody(caller: str) -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = twiml("<Hangup/>")
        fields = {"SipHeader_X-Tenant": "7"}
        call = await twilio.dial(from_=caller, to=FRONT, party=Party(), fields=fields)
        assert await call.ended(1) == "completed"
        form = server.forms[0][1]
        assert form["From"] == form["Caller"] == caller
        assert form["SipHeader_X-Tenant"] == "7"
        assert ("FromCountry" in form) is caller.startswith("+")


async def test_sentences_are_remembered_with_their_language_and_verbs_come_in_order() -> None:
    async with a_company() as (twilio, server):
        server.pages["/next"] = twiml("<Say>third</Say>")
        server.pages["/front"] = twiml(
            '<Say language="es-ES">uno</Say><Play>https://bmv.test/x.mp3</Play><Say>second</Say>'
            "<Redirect>/next#rc=2</Redirect><Say>never</Say>"
        )
        party = Party()
        call = await twilio.dial(from_=CALLER, to=FRONT, party=party)
        await call.ended(1)
        assert call.said == [("uno", "es-ES"), ("second", "en-US"), ("third", "en-US")]
        assert party.sentences_heard == call.said
        assert party.hung_up.is_set()
        assert server.events("/next", "CallStatus") == ["in-progress"]
        assert "CallToken" not in server.forms[1][1]


async def test_a_sentence_sounds_as_long_as_it_is() -> None:
    def speaker(text: str, language: str) -> bytes:
        return a_tone(0.1, hertz=500 if language == "es-ES" else 900)

    async with a_company(say=speaker) as (twilio, server):
        server.pages["/front"] = twiml('<Say language="es-ES">uno</Say><Say>two</Say>')
        party = Party()
        await (await twilio.dial(from_=CALLER, to=FRONT, party=party)).ended(1)
        first, second = party.heard.find(a_tone(0.1, 500)), party.heard.find(a_tone(0.1, 900))
        assert 0 <= first <= second - 800


async def test_a_pause_takes_its_time() -> None:
    async with a_company() as (twilio, server):
        call = await a_call(twilio, server, twiml('<Pause length="100"/>'))
        await call.answered(1)
        await asyncio.sleep(0.05)
        assert call.status == "in-progress"
        await call.hang_up()
        assert call.status == "completed"


async def test_a_rejected_call_is_never_answered() -> None:
    async with a_company() as (twilio, server):
        call = await a_call(twilio, server, twiml('<Reject reason="busy"/>'))
        with pytest.raises(HungUpError):
            await call.answered(1)
        assert await call.ended(1) == "busy"


async def test_a_caller_who_hangs_up_while_it_rings_was_never_answered() -> None:
    async with a_company() as (twilio, server):
        call = await a_call(twilio, server, twiml("<Hangup/>"))
        await call.hang_up()
        assert call.status == "canceled"


async def test_the_number_hears_of_the_end_of_its_call() -> None:
    async with a_company() as (twilio, server):
        await (await a_call(twilio, server, connect())).streaming(1)
        await next(iter(twilio.calls.values())).hang_up()
        await server.until(lambda: server.events("/front-status", "CallStatus") == ["completed"])
        form = dict(server.forms)["/front-status"]
        assert form["SequenceNumber"] == "0"
        assert form["CallbackSource"] == "call-progress-events"
        assert {"CallDuration", "Duration", "Timestamp", "SipResponseCode"} <= set(form)


def answer(**response: object) -> web.Response:
    return web.Response(**response)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({"status": 500}, 11200),
        ({"status": 404}, 11200),
        ({"status": 302, "headers": {"Location": "/elsewhere"}}, 11200),
        ({"text": "<Response", "content_type": "text/xml"}, 12100),
        ({"text": '{"a": 1}', "content_type": "application/json"}, 12300),
        ({"text": " " * 70_000, "content_type": "text/xml"}, 11750),
    ],
)
async def test_a_wrong_answer_ends_the_call_with_an_apology(response: dict[str, object], code: int) -> None:
    async with a_company() as (twilio, server):
        server.pages["/front"] = lambda _: answer(**response)
        call = await twilio.dial(from_=CALLER, to=FRONT, party=Party())
        assert await call.ended(1) == "completed"
        assert [alert.code for alert in twilio.alerts] == [code]
        assert call.said == [(APOLOGY, "en-US")]


async def test_a_server_that_cannot_be_reached_is_an_alert() -> None:
    async with a_company() as (twilio, _):
        twilio.numbers["+1"] = Number("https://nowhere.test/x")
        twilio.numbers["+2"] = Number("not a url")
        twilio.route("down.test", "http://127.0.0.1:1")
        twilio.numbers["+3"] = Number("https://down.test/x")
        for number in ("+1", "+2", "+3"):
            await (await twilio.dial(from_=CALLER, to=number, party=Party())).ended(1)
        assert [alert.code for alert in twilio.alerts] == [11205, 11100, 11205]


async def test_a_slow_server_is_an_alert() -> None:
    async with a_company(webhook_seconds=0.05) as (twilio, server):
        server.delay = 1.0
        call = await a_call(twilio, server, twiml(""))
        await call.ended(1)
        assert [alert.code for alert in twilio.alerts] == [11200]
        assert "no answer in 0.05 s" in twilio.alerts[0].text


async def test_twiml_that_breaks_the_schema_is_warned_of_and_performed_as_far_as_possible() -> None:
    async with a_company() as (twilio, server):
        call = await a_call(twilio, server, twiml('<Dance/><Say mood="gay">x</Say>'))
        await call.ended(1)
        assert [alert.code for alert in twilio.alerts] == [12200, 12200]
        assert call.said == [("x", "en-US")]


async def test_a_status_callback_that_is_answered_wrongly_is_an_alert() -> None:
    async with a_company() as (twilio, server):
        server.pages["/front-status"] = lambda _: answer(status=404)
        await (await a_call(twilio, server, twiml(""))).ended(1)
        await server.until(lambda: [alert.code for alert in twilio.alerts] == [11200])


async def test_a_get_webhook_carries_its_fields_in_the_signed_url() -> None:
    async with a_company() as (twilio, server):
        server.pages["/get"] = twiml("<Say>x</Say>")
        call = await a_call(twilio, server, twiml('<Redirect method="GET">/get?a=1#rc=2</Redirect>'))
        await call.ended(1)
        assert call.said == [("x", "en-US")]
        assert ("/get", {}) in server.forms
        assert twilio.webhooks[1].url.startswith("https://bmv.test/get?a=1&CallSid=CA")


async def test_webhooks_can_be_signed_by_a_shared_key_or_a_new_token() -> None:
    async with a_company() as (twilio, server):
        await twilio.post("https://bmv.test/a", {"x": "1"}, signature="forged")
        twilio.use_shared_key("webhooks_sharedkey_1", "secret")
        await twilio.post("https://bmv.test/b", {"x": "1"})
        twilio.use_auth_token("67890")
        await twilio.post("https://bmv.test/c", {"x": "1"})
        assert server.headers["/b"]["X-Twilio-Webhooks-Signature-Settings"].endswith("HMAC_SHA256")
        assert server.wrong_signatures == [f"https://bmv.test/{path}" for path in "abc"]
        server.wrong_signatures.clear()
