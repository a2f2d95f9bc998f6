"""What we tell Twilio to do: every TwiML document we answer with, built by the SDK and never by hand.

Source: Twilio's TwiML reference (`<Stream>`, `<Connect>`, `<Enqueue>`, `<Say>`, `<Gather>`). A media stream inside
`<Connect>` lasts until we close it; then Twilio goes on with the next verb, which is why something always follows. So
does something after the last `<Gather>`: Twilio goes on with it when the caller is silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from twilio.twiml.voice_response import VoiceResponse

from bmv.call.leg import Role
from bmv.languages import Language, Sentence
from bmv.telephony.menu import AGENT_WORD, ROUNDS, Menu, names

CALL_ID = "bmv_call_id"
ROLE = "bmv_role"
TOKEN = "bmv_token"  # noqa: S105 - the name of a parameter
ROUND = "round"
QUESTION = "question"


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

    def menu(self, **place: int) -> str:
        """Where a round begins, or where the answer to a question goes: `ROUND` from 1 on, `QUESTION` from 0 on."""
        return f"https://{self._host}/welcome?{urlencode(place)}"

    @property
    def without_choice(self) -> str:
        """Where a caller goes who did not choose a language."""
        return f"https://{self._host}/incoming-call?{urlencode({'lang': AGENT_WORD})}"


def say(sentence: str, language: Language) -> str:
    """Say one sentence and hang up: a farewell or a refusal."""
    response = VoiceResponse()
    response.say(sentence, **_voice(language))
    response.hangup()
    return str(response)


def say_in_each(sentence: Sentence, languages: Iterable[Language]) -> str:
    """Say the same in one language after the other and hang up: a refusal to somebody whose language is not known."""
    response = VoiceResponse()
    for language in languages:
        response.say(language.sentences[sentence], **_voice(language))
    response.hangup()
    return str(response)


def ask_language(menu: Menu, addresses: Addresses, *, round: int = 1, question: int = 0) -> str:  # noqa: A002
    """Ask for the caller's language, from this question of this round on; whoever stays silent goes to the next round.

    After the last round comes the agents' language. Each question is asked by its own voice and listened to in its own
    language. `finishOnKey` is nothing, so that every key is an answer; `speechModel` is left to Twilio, which refuses
    `speechTimeout="auto"` with any.
    """
    response = VoiceResponse()
    for number, language in list(enumerate(menu))[question:]:
        response.gather(
            input="dtmf speech",
            num_digits=1,
            finish_on_key="",
            timeout=menu.patience(language),
            speech_timeout="auto",
            language=language.hears,
            hints=", ".join(names(language)),
            action=addresses.menu(round=round, question=number),
            method="POST",
        ).say(menu.question(language), **_voice(language))
    response.redirect(addresses.menu(round=round + 1) if round < ROUNDS else addresses.without_choice, method="POST")
    return str(response)


def answer_caller(
    invitation: StreamInvitation, addresses: Addresses, language: Language, sentences: tuple[Sentence, ...]
) -> str:
    """Greet the caller, then stream; if the stream ends without our saying why, apologise and hang up."""
    response = VoiceResponse()
    for sentence in sentences:
        response.say(language.sentences[sentence], **_voice(language))
    _connect(response, invitation, addresses)
    response.say(language.sentences[Sentence.INTERRUPTED], **_voice(language))
    response.hangup()
    return str(response)


def stream_called(invitation: StreamInvitation, addresses: Addresses, language: Language | None) -> str:
    """Our side of a call that we place: stream at once, hang up when the stream ends.

    With `language` somebody listens there, who is told first if the stream ends without our saying why.
    """
    response = VoiceResponse()
    _connect(response, invitation, addresses)
    if language:
        response.say(language.sentences[Sentence.CUT_OFF], **_voice(language))
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


def _voice(language: Language) -> dict[str, str]:
    """What `<Say>` needs to speak a language; the voice alone would read it as if it were English."""
    return {"language": language.say_language, "voice": language.say_voice}


def _connect(response: VoiceResponse, invitation: StreamInvitation, addresses: Addresses) -> None:
    stream = response.connect().stream(
        url=addresses.stream,
        status_callback=addresses.callback("/stream-status", invitation.call_id, invitation.role),
        status_callback_method="POST",
    )
    stream.parameter(name=CALL_ID, value=invitation.call_id)
    stream.parameter(name=ROLE, value=invitation.role.value)
    stream.parameter(name=TOKEN, value=invitation.token)
