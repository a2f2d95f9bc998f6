"""The telephone company as its users see it: open it, own numbers, call somebody, be an agent, break things."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ssl import SSLContext
from types import TracebackType

import aiohttp

from bmv.simulator.twilio import messages
from bmv.simulator.twilio.agents import Reservation
from bmv.simulator.twilio.calls import Call, CallPlan
from bmv.simulator.twilio.courier import Alert, Answer, Courier, Route, Webhook
from bmv.simulator.twilio.exchange import App, Exchange, Number, Outcome, Phone, Speaker, new_sid
from bmv.simulator.twilio.holdings import Holdings
from bmv.simulator.twilio.party import Party
from bmv.simulator.twilio.refusals import RefusalError
from bmv.simulator.twilio.resources import Kind
from bmv.simulator.twilio.rest import RestApi, RestRequest
from bmv.simulator.twilio.signing import Fields, Signer
from bmv.simulator.twilio.taskrouter import Task, TaskRouter
from bmv.simulator.twilio.troubles import Drop, Hang
from bmv.simulator.twilio.voicehooks import voice_hook

_CLOSING_SECONDS = 2.0
_SIGNATURE = "X-Twilio-Signature"


class FakeTwilio:
    """A telephone company on loopback. Use it as `async with`; everything it started is over afterwards.

    `say` renders the sentences of `<Say>` to mu-law; without it they take no time and are only remembered
    (`Call.said`, `Party.sentences_heard`). An exception of the company itself ends the `async with` block with an
    `ExceptionGroup`; what the *server* does wrong is collected in `alerts`.
    """

    def __init__(
        self, *, account_sid: str, auth_token: str, say: Speaker | None = None, webhook_seconds: float = 15.0
    ) -> None:
        self.account_sid = account_sid
        self._signer = Signer(auth_token)
        self._courier = Courier(self._signer, [], answer_within=webhook_seconds)
        self._exchange = Exchange(account_sid, self._courier, say, Holdings())
        self._rest = RestApi(self._exchange, auth_token)

    # --- what the account has ----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where the REST API listens; known inside of `async with`."""
        return self._rest.url

    @property
    def numbers(self) -> dict[str, Number]:
        """The numbers that the account owns: may be called, and may call."""
        return self._exchange.numbers

    @property
    def apps(self) -> dict[str, App]:
        """The TwiML Apps by their sid."""
        return self._exchange.apps

    @property
    def account(self) -> Holdings:
        """What else the account has: its kind, Flex, Studio flows, compliance profiles, old alerts."""
        return self._exchange.holdings

    @property
    def phones(self) -> dict[str, Party | Phone]:
        """Telephones of people outside, by number, `sip:user@host` or `client:name`, without what follows a `?`.

        A bare `Party` picks up as soon as it is called; a `Phone` says more.
        """
        return self._exchange.phones

    @property
    def task_router(self) -> TaskRouter | None:
        """The TaskRouter workspace, where the account has one."""
        return self._exchange.task_router

    @task_router.setter
    def task_router(self, router: TaskRouter | None) -> None:
        self._exchange.task_router = router

    def route(self, host: str, address: str, *, ssl: SSLContext | None = None) -> None:
        """Say where a public host name really leads: `route("bmv.test", "http://127.0.0.1:5050")`.

        Every https and wss URL of that host is dialled there, but signed as the public URL, with the headers of a
        proxy that ends TLS. Hosts without a route cannot be reached. With `ssl` the address is that of a real proxy,
        `https://127.0.0.1:8443`, whose certificate must be good for the host.
        """
        self._courier.routes[host] = Route(address, ssl)

    def use_shared_key(self, sid: str, secret: str) -> None:
        """Sign webhooks with a shared key (HMAC-SHA256) from now on."""
        self._signer.use_shared_key(sid, secret)

    def use_auth_token(self, auth_token: str) -> None:
        """Sign with another auth token from now on; the REST API still takes the first."""
        self._signer.use_auth_token(auth_token)

    def create_secondary_auth_token(self, auth_token: str) -> None:
        """Take REST requests with this token, too. Nothing is signed with it before it is promoted."""
        self._rest.auth_tokens.append(auth_token)

    def promote_secondary_auth_token(self) -> None:
        """Sign with the secondary token from now on, and take REST requests with no other."""
        promoted = self._rest.auth_tokens.pop()
        self._rest.auth_tokens[:] = [promoted]
        self._signer.use_auth_token(promoted)

    def close_idle(self) -> None:
        """Close the connections to the REST API that no request is on, as any server may at any time."""
        self._rest.close_idle()

    # --- what happened -----------------------------------------------------------------------------------------------

    @property
    def alerts(self) -> list[Alert]:
        """What the server did wrong so far."""
        return self._courier.alerts

    @property
    def requests(self) -> list[RestRequest]:
        """Every REST request so far."""
        return self._rest.requests

    @property
    def webhooks(self) -> list[Webhook]:
        """Every webhook so far, with its answer."""
        return self._courier.webhooks

    @property
    def calls(self) -> dict[str, Call]:
        """Every call so far by its sid, in the order made."""
        return self._exchange.calls

    # --- calls and agents --------------------------------------------------------------------------------------------

    async def dial(self, *, from_: str, to: str, party: Party, fields: Fields | None = None) -> Call:
        """Call one of the account's numbers as `party`. Returns at once: see `Call.answered`, `.streaming`, `.ended`.

        `from_` may be anything that the network delivers: a number, `anonymous`, `sip:alice@example.com`.
        `fields` are added to the call's webhooks (SipHeader_…, StirVerstat). Raises `KeyError` for an unknown number.
        """
        hook = voice_hook(self._exchange, to)
        plan = CallPlan(from_, to, "inbound", fields or {}, {}, hook.status_callback, hook.status_callback_method)
        call = Call(self._exchange, plan)
        call.far = party
        call.on_close.append(party.cut_off)
        self._exchange.spawn(call.take(hook, party))
        return call

    async def next_task(self, timeout: float) -> Task:
        """Wait for the next `<Enqueue>`. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            return await self._exchange.tasks.get()

    async def next_reservation(self, timeout: float) -> Reservation:
        """Wait until a task rings at an agent. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            while (reservation := await self._exchange.reservations.get()).status != "pending":
                pass  # its caller hung up before anybody asked for it
            return reservation

    async def next_call(self, timeout: float) -> Call:
        """Wait for the next call that the server orders by REST. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            return await self._exchange.ordered.get()

    # --- things that go wrong ----------------------------------------------------------------------------------------

    def refuse_next_create(self, status: int = 400, code: int = 21211, message: str = "refused by the test") -> None:
        """Answer the server's next attempt to make a call with an error."""
        self._rest.refuse_next_create(status, code, message)

    def hang_next_create(self, seconds: float = 60.0) -> None:
        """Make the server's next call, but tell it so many seconds late."""
        self._rest.hang_next_create(seconds)

    def refuse_next_fetch(
        self, kind: Kind, *, times: int = 1, status: int = 500, code: int = 20500, message: str = "refused by the test"
    ) -> None:
        """Answer the server's next look-ups of a "participant" or "task" with an error."""
        self._rest.trouble_next_fetches(kind, RefusalError(status, code, message), times)

    def hang_next_fetch(self, kind: Kind, seconds: float = 60.0, *, times: int = 1) -> None:
        """Answer the server's next look-ups of a "participant" or "task" so many seconds late."""
        self._rest.trouble_next_fetches(kind, seconds, times)

    def refuse_next(
        self,
        method: str,
        path_part: str,
        times: int = 1,
        *,
        status: int = 500,
        code: int = 20500,
        message: str = "refused by the test",
        containing: str = "",
    ) -> None:
        """Answer the next REST requests of a method that have `path_part` in their path with an error; do nothing.

        With `containing` only those count that have this in their body, such as the id of one of the server's calls.
        """
        self._rest.troubles.order(method, path_part, RefusalError(status, code, message), times, containing=containing)

    def hang_next(
        self, method: str, path_part: str, seconds: float = 60.0, *, times: int = 1, containing: str = ""
    ) -> None:
        """Do what such requests ask at once, but answer so many seconds late."""
        self._rest.troubles.order(method, path_part, Hang(seconds), times, containing=containing)

    def drop_next(self, method: str, path_part: str, times: int = 1, *, containing: str = "") -> None:
        """Do what such requests ask, but break the connection instead of answering."""
        self._rest.troubles.order(method, path_part, Drop(), times, containing=containing)

    def forget_troubles(self, containing: str) -> None:
        """Let nothing go wrong any more that still waits for requests with this as their path's or body's part."""
        self._rest.troubles.forget(containing)

    def slow_down_updates(self, seconds: float) -> None:
        """Let every change of a call (a hang-up, a farewell) wait so long before it is made and answered."""
        self._rest.update_seconds = seconds

    def next_outgoing_call(self, outcome: Outcome) -> None:
        """Let the next call that the server orders come to nothing, as soon as it has rung (see `ring_for`)."""
        self._exchange.next_outcome = outcome

    def ring_for(self, seconds: float) -> None:
        """Let ordered calls ring so long before the far end is asked, or gets to ring itself."""
        self._exchange.ring_seconds = seconds

    def hold_outgoing_streams(self) -> None:
        """Do not dial the streams of ordered calls until `release_outgoing_streams`: task events come first then."""
        self._exchange.outgoing_streams.clear()

    def release_outgoing_streams(self) -> None:
        """Dial the streams that were held, and later ones at once."""
        self._exchange.outgoing_streams.set()

    # --- attacks -----------------------------------------------------------------------------------------------------

    async def post(self, url: str, fields: Fields, *, signature: str | None = None) -> Answer:
        """Post a form as the company would, or with another signature ("" = an empty one)."""
        headers = None if signature is None else {_SIGNATURE: signature}
        return await self._courier.request(url, fields, headers=headers)

    @asynccontextmanager
    async def raw_stream(
        self,
        url: str,
        *,
        parameters: Fields | None = None,
        call_sid: str | None = None,
        stream_sid: str | None = None,
        signature: str | None = None,
        start: bool = True,
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a media stream that belongs to no call, and send `connected` and `start` (unless `start` is False).

        The signature is right unless another is given. Raises `DeliveryError` with alert 31920 when the server
        refuses the upgrade; the status is in its text and in `status`.
        """
        headers = None if signature is None else {_SIGNATURE: signature}
        connection = await self._courier.open_socket(url, headers=headers)
        socket = connection.socket
        try:
            if start:
                await socket.send_str(messages.connected())
                message = messages.start(
                    account_sid=self.account_sid,
                    call_sid=call_sid or new_sid("CA"),
                    stream_sid=stream_sid or new_sid("MZ"),
                    parameters=parameters or {},
                )
                await socket.send_str(message)
            yield socket
        finally:
            await socket.close()
            await connection.close()

    # --- opening and closing -----------------------------------------------------------------------------------------

    async def __aenter__(self) -> "FakeTwilio":
        await self._rest.open()
        self._exchange.group = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        group = self._exchange.group
        assert group is not None  # noqa: S101 for the type checker
        cancelled = isinstance(error, asyncio.CancelledError)
        try:
            await self._hang_up_everything()
            # An error of the block stays as it is; a cancellation, perhaps the group's own, is the group's to judge.
            await (group.__aexit__(kind, error, trace) if cancelled else group.__aexit__(None, None, None))
        finally:
            self._exchange.group = None
            await self._rest.close()
            await self._courier.close()

    async def _hang_up_everything(self) -> None:
        self._courier.closed = True
        running = set(self._exchange.running)
        for call in self.calls.values():
            call.end()
        if running:
            await asyncio.wait(running, timeout=_CLOSING_SECONDS)
        for task in self._exchange.running:
            task.cancel()
