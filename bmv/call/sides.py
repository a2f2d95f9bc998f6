"""The two sides of a call: who is there, what each of them hears, and the interpreters between them."""

from __future__ import annotations

from itertools import cycle

import structlog

from bmv.audio import mulaw
from bmv.audio.tones import KEYS, dtmf, ringback
from bmv.call.agentside import AgentSide
from bmv.call.captions import Caption, CaptionLines
from bmv.call.hold import hold_audio
from bmv.call.interpreter import Interpreter
from bmv.call.ladder import Ladder
from bmv.call.leg import Role
from bmv.call.party import Party
from bmv.call.playout import Playout
from bmv.call.services import Caller, CallServices
from bmv.call.transcript import Transcript
from bmv.call.translator import CaptionKind, LanguagePair
from bmv.languages import Language, Sentence

log = structlog.get_logger()

HOLD_EXPLAINED = 3.0  # seconds of music or quiet after what an agent said last, until we say what is going on
KEYS_WAIT = 10.0  # seconds that may wait to be heard, and a key is put behind them: not one that nobody lets go


class Sides:
    """Both parties and both interpreters. The call says when they can hear each other: `begin`, `put_on_hold`."""

    def __init__(self, caller: Caller, services: CallServices, agents: AgentSide, *, call_id: str) -> None:
        self._caller = caller
        self._services = services
        self._policy = services.policy
        self._now = services.metronome.now
        self._agents = agents
        told = self._policy.interpreter_notice
        self._not_told = [(role, Sentence.INTERPRETER) for role in Role if told.includes(role)]
        self.transcript: Transcript = services.transcripts.open(call_id)
        self.captions = {role: CaptionLines(self._show, call_id, role) for role in Role}
        self.secured = False
        """The secure pause."""
        self._secured_told = False
        self.parties = {role: self._party(role) for role in Role}
        self.interpreters = {role: self._interpreter(role) for role in Role}

    # -- what is said -------------------------------------------------------------------------------------------

    def hear(self, role: Role, sound: bytes, *, listened_to: bool) -> bool:
        """What a party says next; it is missed while nobody listens. See `CallSession.hear`."""
        now = self._now()
        interpreter = self.interpreters[role]
        if interpreter.pair and not self.secured:  # else nothing is translated, and nothing can be so twice
            sound = self.parties[role].echo.filter(sound, now)
        if role is Role.AGENT:
            sound = self._agents.hear(sound, now)
        if sound:
            (interpreter.hear if listened_to else interpreter.miss)(sound, now)
        return listened_to and interpreter.is_patient

    def press(self, role: Role, key: str, *, listened_to: bool) -> None:
        """A party pressed a key: the other one hears its tones. Nothing else is done with it, nor is it remembered."""
        playout = self.parties[role.other].playout
        passed_on = key in KEYS and listened_to and playout.backlog < KEYS_WAIT
        log.info("key_pressed", role=role.value, passed_on=passed_on)
        if passed_on:
            playout.announce(dtmf(key), self._now())

    def say_phrase(self, sentence: Sentence) -> bool:
        """Say to the caller what the agent asks us to, after all that waits; read along it is the agent's line.

        Returns False where there is no sound of it, and so nothing to hear, or far too much waits to be heard before.
        """
        caller, agent = self.parties[Role.CALLER], self.parties[Role.AGENT]
        audio = caller.voice(sentence)
        if not (audio and caller.playout.announce(audio, self._now())):
            return False
        texts = {CaptionKind.ORIGINAL: agent.language.sentences[sentence]}
        if caller.language is not agent.language:
            texts[CaptionKind.TRANSLATION] = caller.language.sentences[sentence]
        self.captions[Role.AGENT].insert(texts)
        return True

    # -- talking, and waiting -----------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Have the sessions open, in the languages that are spoken now."""
        self.retarget()
        for interpreter in self.interpreters.values():
            interpreter.prepare()

    def retarget(self) -> None:
        """Go on in the language that is spoken at the agent's side now."""
        agent = self.parties[Role.AGENT]
        if agent.language is not self._agents.language:
            agent.language = self._agents.language
            log.info("agent_language", language=agent.language.tag)
            for role, interpreter in self.interpreters.items():
                interpreter.retarget(self._pair(role))

    def entertain(self, first: float | None = None) -> None:
        """The caller waits: music or quiet, and now and then a sentence, the `first` one after so many seconds."""
        caller, policy = self.parties[Role.CALLER], self._policy
        audio = hold_audio(policy.hold_audio, lambda: caller.voice(Sentence.HOLD), policy.hold_message, first)
        caller.playout.hold(audio)

    def ring(self) -> None:
        """The agent waits for somebody who is being called."""
        self.parties[Role.AGENT].playout.hold(cycle(mulaw.frames(ringback())))

    def begin(self, *, agent_since: float) -> None:
        """They can hear each other, from now on or again; the agent from this loop time on, as far as it is kept."""
        for party in self.parties.values():
            party.playout.hold(None)
        self.interpreters[Role.CALLER].begin()
        self.interpreters[Role.AGENT].begin(since=agent_since)
        self._tell_of_secure_pause()

    def put_on_hold(self) -> None:
        """Nobody is there at the agent's side for a while."""
        self.interpreters[Role.CALLER].pause()
        self.interpreters[Role.AGENT].pause(music=True)
        self.entertain(first=HOLD_EXPLAINED)

    def secure(self, on: bool, *, listened_to: bool) -> None:
        """Begin or end the secure pause; both are told, once they can hear each other. See `CallSession.secure`."""
        if rest := self._agents.hear_out():  # said before, and else dealt with as what comes after
            agent = self.interpreters[Role.AGENT]
            (agent.hear if listened_to else agent.miss)(rest, self._now())
        self.secured = on
        self._not_told = [(role, sentence) for role, sentence in self._not_told if sentence is not Sentence.SECURED]
        for interpreter in self.interpreters.values():
            interpreter.secure(on)
        if listened_to:
            self._tell_of_secure_pause()

    def tick(self, now: float) -> float:
        """Do what is due, while the call lasts and while it ends. Returns when something is due again, at the latest.

        It does no harm to ask earlier; what comes in meanwhile may wait for `SELDOM` (see `CallSession`).
        """
        due = float("inf")
        for interpreter in self.interpreters.values():
            if interpreter.tick(now):
                due = now
        for party in self.parties.values():
            due = min(due, party.take(now))
        self.transcript.tick()
        return due

    # -- what they are told -------------------------------------------------------------------------------------

    def agent_joins(self) -> None:
        """Somebody else is at the agent's side now, who does not know yet what we do."""
        self.agent_is_back()
        if self._policy.interpreter_notice.includes(Role.AGENT):
            self._not_told.append((Role.AGENT, Sentence.INTERPRETER))
        if self.secured and self._secured_told:
            self._not_told.append((Role.AGENT, Sentence.SECURED))

    def agent_is_back(self) -> None:
        """The one before is talked to again, who was told."""
        self._not_told = [(role, sentence) for role, sentence in self._not_told if role is not Role.AGENT]

    def tell_newcomers(self, now: float) -> None:
        """Tell who is there by now and does not know it yet that an AI translates, or has been paused, if it does."""
        news = self._not_told or self._secured_told is not self.secured
        if not news or self.interpreters[Role.CALLER].pair is None:
            return
        present = self._agents.present(now)
        for role, sentence in tuple(self._not_told):
            if role is Role.CALLER or present:
                self.parties[role].notify(sentence, now)
                self._not_told.remove((role, sentence))
        if present:  # where they have spoken one language until now nobody has been told
            self._tell_of_secure_pause()

    def _tell_of_secure_pause(self) -> None:
        if self._secured_told is self.secured or self.interpreters[Role.CALLER].pair is None:
            return
        self._secured_told = self.secured
        for party in self.parties.values():
            party.notify(Sentence.SECURED if self.secured else Sentence.UNSECURED, self._now())

    # -- who they are -------------------------------------------------------------------------------------------

    def _party(self, role: Role) -> Party:
        playout = Playout(original_level_db=self._policy.original_level_db)
        spoken = self._spoken(role) or self._policy.agent_language
        return Party(role, spoken, playout=playout, speaker=self._services.speaker)

    def _interpreter(self, role: Role) -> Interpreter:
        interpreter = Interpreter(
            self._pair(role),
            ladder=lambda pair: Ladder(pair, self._services.translators),
            listener=self.parties[role.other],
            captions=self.captions[role],
            clock=self._now,
            replay_seconds=self._policy.replay,
        )
        interpreter.forward_original = self._policy.forward_original
        return interpreter

    def _pair(self, role: Role) -> LanguagePair | None:
        """What is translated of what a party says; None where nothing is."""
        source, target = self._spoken(role), self._spoken(role.other)
        return LanguagePair(source, target) if source and target and source != target else None

    def _spoken(self, role: Role) -> Language | None:
        return self._caller.language if role is Role.CALLER else self._agents.language

    def _show(self, caption: Caption) -> None:
        """Somebody may read along, but never during the secure pause: not even the end of what was said before it."""
        if self.secured or not self._policy.captions:
            return
        whose = caption.speaker if caption.kind is CaptionKind.ORIGINAL else caption.speaker.other
        language = self._spoken(whose)
        self.transcript.show(caption, language.tag if language else None)
        self._services.captions.publish(caption)
