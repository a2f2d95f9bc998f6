"""TwiML: from a document to the verbs that this telephone company can perform, and warnings about all the rest.

Source: Twilio "TwiML for Programmable Voice". No asyncio in here.
"""

from collections.abc import Callable
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring

import msgspec

from bmv.simulator.twilio import recogniser
from bmv.simulator.twilio.speakers import voice_problem
from bmv.simulator.twilio.verbs import (
    Connect,
    Document,
    Enqueue,
    Gather,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Sound,
    Stream,
    Verb,
)


class TwimlError(Exception):
    """The document is not TwiML at all (error 12100)."""


_SSML: Final = frozenset(("break", "emphasis", "lang", "mark", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"))
_ATTRIBUTES: Final = {
    "Say": "voice language loop",
    "Pause": "length",
    "Play": "loop digits",
    # bargeIn is in the twilio package and in older documents; maxSpeechTime and debug are in no document.
    "Gather": "input action method timeout speechTimeout numDigits finishOnKey language hints profanityFilter enhanced"
    " speechModel bargeIn actionOnEmptyResult partialResultCallback partialResultCallbackMethod",
    "Connect": "action method",
    "Stream": "url name track statusCallback statusCallbackMethod connectorName audioFormat sampleRate",
    "Parameter": "name value",
    "Redirect": "method",
    "Hangup": "",
    "Reject": "reason",
    "Enqueue": "workflowSid action method waitUrl waitUrlMethod maxQueueSize",
    "Task": "priority timeout",
}
_CHILDREN: Final = {
    "Connect": {"Stream"},
    "Stream": {"Parameter"},
    "Enqueue": {"Task"},
    "Say": _SSML,
    "Gather": {"Say", "Play", "Pause"},
}
_INPUTS: Final = ("dtmf", "speech", "dtmf speech", "speech dtmf")
_KEYS: Final = ("#", "*", *"0123456789", "")


def parse(text: str) -> Document:
    """Read a document. Raises `TwimlError`; what can be ignored becomes a warning, and is ignored."""
    try:
        root = fromstring(text.encode())  # noqa: S314 the server under test wrote it
    except ParseError as error:
        raise TwimlError(str(error)) from error
    if root.tag != "Response":
        raise TwimlError(f"the root is <{root.tag}>, not <Response>")
    return _Reader().read(root)


class _Reader:
    def __init__(self) -> None:
        self._document = Document()
        self._sounds: dict[str, Callable[[Element], Sound]] = {
            "Say": self._say,
            "Pause": self._pause,
            "Play": self._play,
        }
        self._verbs: dict[str, Callable[[Element], Verb]] = {
            **self._sounds,
            "Gather": self._gather,
            "Connect": self._connect,
            "Redirect": lambda e: Redirect((e.text or "").strip(), self._method(e, "method")),
            "Hangup": lambda _: Hangup(),
            "Reject": self._reject,
            "Enqueue": self._enqueue,
        }

    def read(self, root: Element) -> Document:
        if root.attrib:
            self._warn(f"<Response> has no attributes, but {sorted(root.attrib)} were given")
        self._no_text(root)
        for element in root:
            if element.tag not in self._verbs:
                self._warn(f"<{element.tag}> is no verb that this company knows")
                continue
            self._check(element)
            verb = self._verbs[element.tag](element)
            if isinstance(verb, Reject) and self._document.verbs:
                self._warn("<Reject> is not the first verb")
                continue
            self._document.verbs.append(verb)
        return self._document

    def _say(self, element: Element) -> Say:
        text = "".join(element.itertext()).strip()
        if not text:
            self._warn("<Say> without text")
        language, voice = element.get("language", "en-US"), element.get("voice", "")
        if problem := voice_problem(language, voice):
            self._warn(f"<Say>: {problem}")
        return Say(text, language, voice, self._number(element, "loop", 1))

    def _pause(self, element: Element) -> Pause:
        return Pause(self._number(element, "length", 1))

    def _play(self, element: Element) -> Play:
        url = (element.text or "").strip()
        if not url and "digits" not in element.attrib:
            self._warn("<Play> without a URL")
        return Play(url)

    def _gather(self, element: Element) -> Gather:
        timeout = self._seconds(element, "timeout", 5) or 5
        model = element.get("speechModel", "")
        if model and not recogniser.is_model(model):
            self._warn_of(13334, f"<Gather> speechModel={model!r} is no model")
        if model and element.get("speechTimeout") == "auto":
            self._warn_of(13327, "<Gather> speechTimeout must be a number where speechModel is given")
        language = element.get("language", "en-US")
        if language not in recogniser.LANGUAGES:
            self._warn_of(13512, f"<Gather> language={language!r} is none that the recogniser knows")
        for name, default in (("profanityFilter", True), ("enhanced", False)):
            self._flag(element, name, default=default)
        return Gather(
            action=element.get("action", ""),
            method=self._method(element, "method"),
            input=frozenset(self._choice(element, "input", _INPUTS).split()),
            timeout=timeout,
            speech_timeout=self._seconds(element, "speechTimeout", timeout, code=13327),
            num_digits=self._number(element, "numDigits", 0, least=1) or None,
            finish_on_key=self._choice(element, "finishOnKey", _KEYS),
            language=language,
            hints=self._hints(element),
            speech_model=model,
            barge_in=self._flag(element, "bargeIn", default=True),
            action_on_empty_result=self._flag(element, "actionOnEmptyResult", default=False),
            partial_result_callback=element.get("partialResultCallback", ""),
            partial_result_callback_method=self._method(element, "partialResultCallbackMethod"),
            prompt=tuple(self._sounds[child.tag](child) for child in element if child.tag in self._sounds),
        )

    def _hints(self, element: Element) -> tuple[str, ...]:
        hints = tuple(hint.strip() for hint in element.get("hints", "").split(",") if hint.strip())
        if len(hints) > recogniser.MOST_HINTS:
            self._warn(f"<Gather> has {len(hints)} hints, {recogniser.MOST_HINTS} may be")
        for hint in hints:
            if len(hint) > recogniser.LONGEST_HINT:
                self._warn(f"<Gather>: the hint {hint[:20]!r}… is longer than {recogniser.LONGEST_HINT} characters")
        return hints

    def _connect(self, element: Element) -> Connect:
        stream = element.find("Stream")
        if stream is None or len(element) != 1:
            self._warn("<Connect> needs exactly one <Stream>")
        return Connect(
            element.get("action", ""), self._method(element, "method"), None if stream is None else self._stream(stream)
        )

    def _stream(self, element: Element) -> Stream:
        parameters: dict[str, str] = {}
        for child in element.iterfind("Parameter"):
            name, value = child.get("name", ""), child.get("value", "")
            if not name:
                self._warn("<Parameter> without a name")
            elif len(name) + len(value) >= 500:
                self._warn(f"<Parameter> {name}: name and value have {len(name) + len(value)} characters, 499 may be")
            else:
                parameters[name] = value
        return Stream(
            url=element.get("url", ""),
            name=element.get("name", ""),
            track=element.get("track", "inbound_track"),
            status_callback=element.get("statusCallback", ""),
            status_callback_method=self._method(element, "statusCallbackMethod"),
            parameters=parameters,
        )

    def _reject(self, element: Element) -> Reject:
        return Reject(self._choice(element, "reason", ("rejected", "busy")))

    def _enqueue(self, element: Element) -> Enqueue:
        task = element.find("Task")
        body, priority, timeout = "{}", 0, None
        if "workflowSid" not in element.attrib:
            self._warn("<Enqueue> without workflowSid: queues without TaskRouter are not known here")
        if task is not None:
            body = (task.text or "").strip()
            priority = self._number(task, "priority", 0)
            timeout = self._number(task, "timeout", 0) or None
        return Enqueue(
            workflow_sid=element.get("workflowSid", ""),
            action=element.get("action", ""),
            method=self._method(element, "method"),
            wait_url=element.get("waitUrl"),
            task=body,
            priority=priority,
            timeout=timeout,
        )

    def _check(self, element: Element) -> None:
        known = set(_ATTRIBUTES[element.tag].split())
        if unknown := sorted(set(element.attrib) - known):
            self._warn(f"<{element.tag}> has no attribute {', '.join(unknown)}")
        if _CHILDREN.get(element.tag):
            self._no_text(element, own=element.tag != "Say")
        for child in element:
            if child.tag not in _CHILDREN.get(element.tag, ()):
                self._warn(f"<{child.tag}> cannot be inside of <{element.tag}>")
            elif child.tag in _ATTRIBUTES:
                self._check(child)

    def _no_text(self, element: Element, *, own: bool = True) -> None:
        if not own:
            return
        texts = [element.text, *(child.tail for child in element)]
        if any(text and text.strip() for text in texts):
            self._warn(f"<{element.tag}> has text between its elements")

    def _number(self, element: Element, name: str, default: int, *, least: int = 0, code: int = 12200) -> int:
        text = element.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or int(text) < least:
            self._warn_of(code, f"<{element.tag}> {name}={text!r} is not a number{f' from {least}' if least else ''}")
            return default
        return int(text)

    def _seconds(self, element: Element, name: str, default: int, *, code: int = 12200) -> int:
        """A positive number, or 0 for `auto`."""
        return 0 if element.get(name) == "auto" else self._number(element, name, default, least=1, code=code)

    def _flag(self, element: Element, name: str, *, default: bool) -> bool:
        return self._choice(element, name, ("true", "false") if default else ("false", "true")) == "true"

    def _method(self, element: Element, name: str) -> str:
        return self._choice(element, name, ("POST", "GET"))

    def _choice(self, element: Element, name: str, choices: tuple[str, ...]) -> str:
        text = element.get(name, choices[0])
        if text not in choices:
            self._warn(f"<{element.tag}> {name}={text!r} is not one of {', '.join(choices)}")
            return choices[0]
        return text

    def _warn(self, text: str) -> None:
        self._document.warnings.append(text)

    def _warn_of(self, code: int, text: str) -> None:
        if code == 12200:
            self._warn(text)
        else:
            self._document.other_warnings.append((code, text))


def task_attributes(body: str) -> dict[str, object] | None:
    """The JSON object inside of `<Task>`; None where it is not one."""
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except msgspec.MsgspecError:
        return None
