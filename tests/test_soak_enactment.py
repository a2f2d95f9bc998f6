"""One call of a soak: what it takes for its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bmv.commands.soak.enactment import Enactment, tried_in_vain
from bmv.commands.soak.environs import Line, World
from bmv.commands.soak.plan import call
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.twilio import FakeTwilio, Webhook, Worker

ANOTHERS = Webhook("https://bmv.test/reservation-accepted", "POST", {"TaskAttributes": '{"bmv_call_id": "c2"}'})
OURS = Webhook("https://bmv.test/reservation-accepted", "POST", {"TaskAttributes": '{"bmv_call_id": "c1"}'})


@pytest.mark.parametrize(("call_id", "about"), [("c1", [OURS]), ("", [])])
def test_the_news_of_a_call_is_not_that_of_others_even_if_it_was_refused_and_has_no_id(
    call_id: str, about: list[Webhook]
) -> None:
    with ThreadPoolExecutor(1) as judges:
        twilio = FakeTwilio(account_sid="AC1", auth_token="secret")
        twilio.webhooks.extend([ANOTHERS, OURS])
        world = World(twilio, FakeOpenAI(), judges, lines=[], auth_token="secret", clock=lambda: 0.0)
        line = Line("+14155550100", "es", "en", Worker("Alex"))
        act = Enactment(replace(call(1, 1), fault="webhooks-again-in-disorder"), line, world)
        act.outcome.call_id = call_id
        assert act.webhooks() == about


@pytest.mark.parametrize(
    ("event", "role", "tried"),
    [
        ("hang_up_failed", "agent", True),
        ("hang_up_failed", "caller", False),
        ("farewell_failed", "agent", False),  # the hang-up is to come
    ],
)
def test_that_a_call_could_not_be_hung_up_is_said_of_the_party_whose_it_is(event: str, role: str, tried: bool) -> None:
    assert tried_in_vain([{"event": "dialled", "role": "agent"}, {"event": event, "role": role}], "agent") is tried
