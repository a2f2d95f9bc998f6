"""The reception: callers who have just dialled choose a language, and are answered in it.

There is no call of ours until the choice is made; what is known of it meanwhile travels in the addresses that Twilio
asks next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import structlog
from aiohttp import web

from bmv import languages
from bmv.call.leg import Role
from bmv.call.registry import CallRegistry, NotAdmitted
from bmv.call.services import Caller
from bmv.languages import Language, Sentence
from bmv.telephony import twiml
from bmv.telephony.menu import AGENT_WORD, ROUNDS, Menu
from bmv.web.answers import call_sid_of, twiml_response
from bmv.web.gate import FORM

log = structlog.get_logger()


class Reception:
    """The handlers of what Twilio asks when somebody calls: with a Studio flow `/incoming-call`, without `/welcome`."""

    def __init__(
        self, registry: CallRegistry, *, addresses: twiml.Addresses, menu: Menu, agent_language: Language
    ) -> None:
        self._registry = registry
        self._addresses = addresses
        self._menu = menu
        self._agent_language = agent_language

    def routes(self) -> list[web.RouteDef]:
        """Both routes, POST."""
        return [web.post("/welcome", self.welcome), web.post("/incoming-call", self.incoming_call)]

    async def welcome(self, request: web.Request) -> web.Response:
        """Somebody calls, or has answered one of the menu's questions: ask, or answer in the language that was chosen.

        After a wrong key everything is asked again; after words that name no language the next question is asked, where
        they may be understood better. Whoever has been asked `ROUNDS` times is answered in the agents' language.
        """
        form = request[FORM]
        call_sid = call_sid_of(form)
        if language := self._choice(form):
            return self._answer(form, language)
        if self._turned_away(call_sid):
            return twiml_response(twiml.say_in_each(Sentence.BUSY, self._menu))
        place = _next(_Place.of(request.query, self._menu), wrong_key=bool(form.get("Digits")), menu=self._menu)
        if place.round > ROUNDS:
            return self._answer(form, _noted(self._agent_language, by="default"))
        return twiml_response(
            twiml.ask_language(self._menu, self._addresses, round=place.round, question=place.question or 0)
        )

    async def incoming_call(self, request: web.Request) -> web.Response:
        """A caller has chosen a language elsewhere: answer in it, and open the stream of the caller's leg."""
        form = request[FORM]
        return self._answer(form, self._language_of(request.query.get("lang")))

    def _choice(self, form: Mapping[str, str]) -> Language | None:
        """The language of the menu that this answer stands for; words are compared, and never logged."""
        if len(self._menu) == 1:
            return _noted(self._menu.languages[0], by="menu")
        if language := self._menu.by_key(form.get("Digits", "")):
            return _noted(language, by="key")
        if language := self._menu.by_words(form.get("SpeechResult", "")):
            return _noted(language, by="words")
        return None

    def _turned_away(self, call_sid: str) -> bool:
        """Whether it is known already that this call will not be taken: nobody shall choose and then be refused."""
        if self._registry.find_by_call_sid(call_sid):
            return False
        why = self._registry.turn_away()
        if why:
            log.warning("call_refused", reason=why)
        return why is not None

    def _answer(self, form: Mapping[str, str], language: Language | None) -> web.Response:
        spoken = language or self._agent_language
        try:
            call = self._registry.answer(Caller(call_sid_of(form), form.get("From", ""), language))
        except NotAdmitted as error:
            log.warning("call_refused", reason=str(error))
            return twiml_response(twiml.say(spoken.sentences[Sentence.BUSY], spoken))
        token = call.tokens.invite(Role.CALLER)
        if token is None:  # Twilio does not ask again while the stream runs: somebody plays back what he recorded
            log.warning("call_answered_already", call_id=call.id)
            return twiml_response(twiml.say(spoken.sentences[Sentence.INTERRUPTED], spoken))
        invitation = twiml.StreamInvitation(call.id, Role.CALLER, token)
        sentences = (Sentence.GREETING,) if language else (Sentence.GREETING, Sentence.UNTRANSLATED)
        return twiml_response(twiml.answer_caller(invitation, self._addresses, spoken, sentences))

    def _language_of(self, word: str | None) -> Language | None:
        if word and word.strip().lower() == AGENT_WORD:
            return _noted(self._agent_language, by="default")
        if language := languages.find(word):
            return _noted(language, by="lang")
        what = "no such language" if word else "no lang was given"  # not the word: it came with the query string
        log.warning("language_unknown", reason=what, instead="the call goes through untranslated")
        return None


def _noted(language: Language, *, by: str) -> Language:
    """Log which language a caller gets, and why: `key`, `words`, `lang` (chosen elsewhere) or `default`."""
    log.info("language_chosen", language=language.tag, by=by)
    return language


class _Place(NamedTuple):
    """Where in the menu a caller is: the round from 1 on, and the question that was asked, None for none so far."""

    round: int
    question: int | None

    @classmethod
    def of(cls, query: Mapping[str, str], menu: Menu) -> _Place:
        """Read it from an address of ours; what is none of ours begins at the first question."""
        rounds = {str(number): number for number in range(1, ROUNDS + 1)}
        questions = {str(number): number for number in range(len(menu))}
        return cls(rounds.get(query.get(twiml.ROUND, ""), 1), questions.get(query.get(twiml.QUESTION, "")))


def _next(place: _Place, *, wrong_key: bool, menu: Menu) -> _Place:
    """What to ask somebody who is here and has not chosen."""
    if not wrong_key and place.question is None:
        return _Place(place.round, 0)
    following = (place.question or 0) + 1
    return _Place(place.round + 1, 0) if wrong_key or following == len(menu) else _Place(place.round, following)
