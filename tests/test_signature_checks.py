from dataclasses import replace

import pytest
from front import http, is_upgrade, without_upgrade
from house import HOST
from practice import practice

from bmv.commands.doctor.findings import Level

pytestmark = pytest.mark.usefixtures("logs")

OTHER_TOKEN = "another-token-of-the-tests"


async def test_signed_requests_are_taken_others_refused_and_streams_open_and_no_call_comes_of_it() -> None:
    async with practice() as patient:
        found = await patient.examine()
        assert len(patient.house.server.registry) == 0
        asked = [head.split("\r\n")[0] for head in patient.front.heads]

    assert found.of("webhooks").level is found.of("media streams").level is Level.OK
    assert asked.count("POST /stream-status?bmv_call_id=doctor&bmv_role=caller HTTP/1.1") == 2
    assert asked.count("GET /intercept HTTP/1.1") == 2


async def test_a_server_with_another_token_is_told_by_asking_it_directly() -> None:
    async with practice() as patient:
        found = await patient.examine(TWILIO_AUTH_TOKEN=OTHER_TOKEN)

    found.has("webhooks", "fault", "the running server refuses", "another TWILIO_AUTH_TOKEN or PUBLIC_HOST", "restart")
    assert "media streams" in found.skipped
    assert OTHER_TOKEN not in str(found)


async def test_a_server_with_another_token_elsewhere_leaves_three_causes() -> None:
    async with practice() as patient:
        found = await patient.examine(TWILIO_AUTH_TOKEN=OTHER_TOKEN, API_PORT="0")

    found.has("webhooks", "fault", f"the server at {HOST} refuses", "its PUBLIC_HOST is another one", "rewrites path")


async def test_a_proxy_that_rewrites_paths_is_told_from_a_wrong_token() -> None:
    def with_two_slashes(head: str) -> str:
        return head.replace("POST /stream-status", "POST //stream-status")

    async with practice(edit=with_two_slashes) as patient:
        found = await patient.examine()

    found.has("webhooks", "fault", "does not arrive")


async def test_a_proxy_that_rewrites_query_strings_is_found_out() -> None:
    async with practice(edit=lambda head: head.replace("bmv_role=caller", "bmv_role=caller&utm=1")) as patient:
        found = await patient.examine()

    found.has("webhooks", "fault", "one without a query string is taken", "rewrites query strings")


async def test_a_proxy_that_rewrites_every_path_is_told_from_a_wrong_token_by_the_server_on_this_machine() -> None:
    def longer(head: str) -> str:
        return head.replace("POST /stream-status", "POST /%73tream-status")

    async with practice(edit=longer) as patient:
        found = await patient.examine()

    found.has("webhooks", "fault", "refused by way of the public host, and taken by the server on this machine")


async def test_a_proxy_that_does_not_pass_websockets_on_is_named() -> None:
    async with practice(edit=without_upgrade) as patient:
        found = await patient.examine()

    assert found.of("webhooks").level is Level.OK
    found.has("media streams", "fault", "does not pass WebSockets on", "proxy_http_version", "31920")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "does not pass WebSockets on"),
        (426, "does not pass WebSockets on"),
        (501, "does not pass WebSockets on"),
        (404, "answered with HTTP 404 in place of 101"),
        (502, "answered with HTTP 502 in place of 101"),
    ],
)
async def test_a_front_that_answers_an_upgrade_itself_is_told_by_its_status(status: int, words: str) -> None:
    async with practice(reply=lambda head: http(status) if is_upgrade(head) else None) as patient:
        found = await patient.examine()

    found.has("media streams", "fault", words, "call drops")


async def test_a_front_that_keeps_an_upgrade_waiting_is_given_up() -> None:
    async with practice(silent=is_upgrade) as patient:
        patient.roads = replace(patient.roads, request_seconds=2.0)
        found = await patient.examine()

    found.has("media streams", "fault", "is not answered within 2 s", "31901")


async def test_a_front_that_takes_whatever_is_posted_is_no_gate_of_ours() -> None:
    async with practice(reply=lambda head: http(200, "thanks") if head.startswith("POST") else None) as patient:
        found = await patient.examine()

    found.has("webhooks", "fault", "without a signature is taken", "not how our server answers")


async def test_a_front_that_wants_a_login_for_webhooks_alone_is_named() -> None:
    async with practice(reply=lambda head: http(401) if head.startswith("POST") else None) as patient:
        found = await patient.examine()

    found.has("webhooks", "fault", "a webhook does not arrive", "wants a login")


async def test_a_front_that_changes_the_form_is_named() -> None:
    def as_json(head: str) -> str:
        return head.replace("application/x-www-form-urlencoded", "application/json")

    async with practice(edit=as_json) as patient:
        found = await patient.examine()

    found.has("webhooks", "fault", "arrives as something else (HTTP 415)", "pass bodies on as they are")


async def test_a_shared_key_is_tried_as_well() -> None:
    async with practice(settings={"TWILIO_WEBHOOK_SHARED_KEY": "a-shared-key"}) as patient:
        good = await patient.examine()
        other = await patient.examine(TWILIO_WEBHOOK_SHARED_KEY="another-key")

    assert "a request signed with TWILIO_WEBHOOK_SHARED_KEY is taken" in [each.message for each in good]
    other.has("webhooks", "warning", "does not know this TWILIO_WEBHOOK_SHARED_KEY", "Restart")
