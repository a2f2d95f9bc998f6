import pytest

from bmv.commands.doctor.strangers import Answer, is_live, problems_of, recognise

HOST = "voice.example.com"
NGROK_PAGE = "<html><body><noscript>The endpoint is offline. ({code})</noscript></body></html>"


def answer(status: int, text: str = "", kind: str = "text/html", **headers: str) -> Answer:
    return Answer(
        status, {"content-type": kind} | {name.replace("_", "-"): text for name, text in headers.items()}, text
    )


def test_our_server_is_known_by_its_answer() -> None:
    assert is_live(answer(200, '{"live": true}', "application/json"))
    assert not is_live(answer(200, "<html>live</html>"))
    assert not is_live(answer(200, "[]"))
    assert not is_live(answer(404, '{"live": true}'))


def test_what_is_in_the_way_of_a_call_is_read_from_our_server_and_from_no_other() -> None:
    assert problems_of(answer(200, '{"ready": true, "problems": {}}')) == {}
    assert problems_of(answer(503, '{"ready": false, "problems": {"capacity": "full"}}')) == {"capacity": "full"}
    assert problems_of(answer(503, "<html>Service Unavailable</html>")) is None
    assert problems_of(answer(503, '{"problems": "many"}')) is None


@pytest.mark.parametrize(
    ("found", "message", "remedy"),
    [
        (answer(404, NGROK_PAGE.format(code="ERR_NGROK_3200")), "no tunnel is running", "ngrok http 5050"),
        (answer(404, "", ngrok_error_code="ERR_NGROK_3200"), "no tunnel is running", "setup --host"),
        (
            answer(502, "", ngrok_error_code="ERR_NGROK_8012"),
            "the tunnel is up, but no server is behind it",
            "make run",
        ),
        (answer(200, NGROK_PAGE.format(code="ERR_NGROK_6024")), "page of warning", "browsers"),
        (answer(403, "", ngrok_error_code="ERR_NGROK_727"), "ERR_NGROK_727", "ngrok.com/docs/errors/err_ngrok_727"),
        (answer(530, "error code: 1033", "text/plain"), "Cloudflare finds no connector", "cloudflared"),
        (
            answer(301, location="https://www.example.com/live"),
            "leads on to www.example.com",
            "PUBLIC_HOST=www.example",
        ),
        (answer(302, location="/login?next=/live"), "another path (HTTP 302): “/login?next=/live”", "login"),
        (answer(502, "<html>502 Bad Gateway</html>"), "no server is behind it (HTTP 502)", "make run"),
        (answer(503, "no healthy upstream", "text/plain"), "no server is behind it (HTTP 503)", "5050"),
        (answer(504), "no server is behind it (HTTP 504)", "5050"),
        (answer(401, "Unauthorized"), "wants a login", "Let everybody in"),
        (answer(403, "<html>Forbidden</html>"), "wants a login, or forbids", "Let everybody in"),
        (answer(200, "<html><title>Domain for sale</title></html>"), "a web page is in front", "parked domain"),
        (answer(404, "404: Not Found", "text/plain"), "it is not this server", "5050"),
        (
            answer(200, "hello", "text/plain"),
            "something else answers at voice.example.com, with HTTP 200: “hello”",
            "5050",
        ),
        (answer(500, "oh no", "text/plain"), "with HTTP 500", "5050"),
    ],
)
def test_whoever_answers_in_our_place_is_told_by_the_answer(found: Answer, message: str, remedy: str) -> None:
    stranger = recognise(found, host=HOST, port=5050)

    assert message in stranger.message
    assert remedy in stranger.remedy


def test_a_page_is_shown_by_its_title_short_and_in_one_line() -> None:
    stranger = recognise(answer(200, f"<title>\n Warning:\x07 {'long ' * 40}</title>"), host=HOST, port=5050)

    assert "“Warning: long long" in stranger.message
    assert len(stranger.message) < 150
    assert stranger.message.isprintable()
