"""What we tell Twilio to do: every TwiML document we answer with, built by the SDK and never by hand.

Source: Twilio's TwiML reference (`<Stream>`, `<Connect>`, `<Enqueue>`, `<Say>`). A media stream inside `<Connect>`
lasts until we close it; then Twilio goes on with the next verb, which is why something always follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from twilio.twiml.voice_response import VoiceResponse

from bmv.call.leg import Role
from bmv.languages import Language, Sentence

CALL_ID = "bmv_call_id"
ROLE = "bmv_role"
TOKEN = "bmv_token"  # noqa: S105 - the name of a parameter


@dataclass(frozen=True)
class StreamInvitation:
    """What a media stream has to show when it starts."""

    call_id: str
    role: Role
    token: str


class Addresses:
    """Our routes as Twilio knows them."""

    def __init__(self, public_host: str) -> None:
        self._host = public_host

    @property
    def stream(self) -> str:
        """The WebSocket of both legs; no query string, Twilio forbids one (31920)."""
        return f"wss://{self._host}/intercept"

    def callback(self, path: str, call_id: str, role: Role) -> str:
        """A status callback that says whose it is."""
        return f"https://{self._host}{path}?{urlencode({CALL_ID: call_id, ROLE: role.value})}"


def say(sentence: str, language: Language) -> str:
    """Say one sentence and hang up: a farewell or a refusal."""
    response = VoiceResponse()
    response.say(sentence, language=language.say_language, voice=language.say_voice)
    response.hangup()
    return str(response)


def answer_caller(
    invitation: StreamInvitation, addresses: Addresses, language: Language, sentences: tuple[Sentence, ...]
) -> str:
    """Greet the caller, then stream; if the stream ends without our saying why, apologise and hang up."""
    response = VoiceResponse()
    voice = {"language": language.say_language, "voice": language.say_voice}
    for sentence in sentences:
        response.say(language.sentences[sentence], **voice)
    _connect(response, invitation, addresses)
    response.say(language.sentences[Sentence.INTERRUPTED], **voice)
    response.hangup()
    return str(response)


def stream_agent(invitation: StreamInvitation, addresses: Addresses) -> str:
    """Our side of the agent call: stream at once, hang up when the stream ends."""
    response = VoiceResponse()
    _connect(response, invitation, addresses)
    response.hangup()
    return str(response)


def enqueue(workflow_sid: str, attributes: dict[str, object]) -> str:
    """Flex's side of the agent call: a task with these attributes; quiet while it waits.

    Music would be inbound audio of our agent leg; the caller is entertained from our side.
    """
    response = VoiceResponse()
    response.enqueue(None, workflow_sid=workflow_sid, wait_url="").task(attributes)
    return str(response)


def reject() -> str:
    """A call that nobody waits for: never answered, never billed."""
    response = VoiceResponse()
    response.reject()
    return str(response)


def _connect(response: VoiceResponse, invitation: StreamInvitation, addresses: Addresses) -> None:
    stream = response.connect().stream(
        url=addresses.stream,
        status_callback=addresses.callback("/stream-status", invitation.call_id, invitation.role),
        status_callback_method="POST",
    )
    stream.parameter(name=CALL_ID, value=invitation.call_id)
    stream.parameter(name=ROLE, value=invitation.role.value)
    stream.parameter(name=TOKEN, value=invitation.token)
