"""An account at the fake Twilio, and one whose every request is answered as a test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from rest_api import Answer
from simulator_twilio_server import ACCOUNT, FLEX, FRONT, TOKEN, WORKFLOW

from bmv.simulator.twilio import FakeTwilio, Flex, Number, TaskRouter
from bmv.telephony.account import TwilioAccount
from bmv.telephony.sdk import connect


@asynccontextmanager
async def an_account() -> AsyncIterator[tuple[TwilioAccount, FakeTwilio]]:
    """An account with two numbers, a workspace and Flex, whose lists come in pages of two."""
    twilio = FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN)
    twilio.numbers[FRONT] = Number("https://old.test/voice")
    twilio.numbers[FLEX] = Number("", name="Flex", voice_application_sid="AP" + "1" * 32, trunk_sid="TK" + "1" * 32)
    twilio.task_router = TaskRouter(None, workflows={WORKFLOW})
    twilio.account.flex = Flex()
    twilio.account.page_size = 2
    async with twilio, aiohttp.ClientSession() as http:
        yield TwilioAccount(connect(http, account_sid=ACCOUNT, auth_token=TOKEN, base_url=twilio.url), 5), twilio


@asynccontextmanager
async def answered(answer: Answer, request_seconds: float = 5) -> AsyncIterator[TwilioAccount]:
    """An account whose every request is answered so."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        base_url = str(server.make_url("/")).removesuffix("/")
        client = connect(http, account_sid=ACCOUNT, auth_token=TOKEN, base_url=base_url)
        yield TwilioAccount(client, request_seconds)


def saying(body: Any) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body) if not isinstance(body, str) else web.Response(text=body)

    return answer
