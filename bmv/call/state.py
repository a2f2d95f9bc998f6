"""The life of a call as one table: which state follows which event, and why a call may end."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from bmv.call.leg import Role
from bmv.errors import BmvError
from bmv.languages import Sentence


class CallState(Enum):
    """Where a call is in its life. A call begins as ANSWERED when somebody calls, as ORDERED when we call somebody."""

    ANSWERED = "answered"  # the webhook was answered; the caller's stream is awaited
    DIALLING = "dialling"  # the caller waits; the agent call is being placed
    QUEUED = "queued"  # the agent leg is up and waits in the queue for somebody to accept
    ACCEPTED = "accepted"  # somebody accepted before the agent leg was up
    ORDERED = "ordered"  # we shall call somebody; the agent call is being placed first
    OFFERED = "offered"  # the agent leg is up and waits in the queue for somebody to accept
    TAKEN = "taken"  # somebody accepted before the agent leg was up
    CALLING = "calling"  # the agent is there and hears ring-back; whom we call is being called
    BRIDGED = "bridged"  # both can hear each other, through interpreters
    HELD = "held"  # nobody at the agent's side listens: on hold, or between two agents
    ENDED = "ended"


class CallEvent(Enum):
    """What moves a call from state to state."""

    CALLER_CONNECTED = "caller stream started"
    AGENT_CONNECTED = "agent stream started"
    AGENT_ACCEPTED = "agent accepted"
    PUT_ON_HOLD = "put on hold"
    TAKEN_OFF_HOLD = "taken off hold"
    FINISHED = "hung up, failed or timed out"


S, E = CallState, CallEvent

AGENT_IS_THERE = frozenset({S.CALLING, S.BRIDGED, S.HELD})

TRANSITIONS: Mapping[CallState, Mapping[CallEvent, CallState]] = {
    S.ANSWERED: {E.CALLER_CONNECTED: S.DIALLING, E.FINISHED: S.ENDED},
    S.DIALLING: {E.AGENT_CONNECTED: S.QUEUED, E.AGENT_ACCEPTED: S.ACCEPTED, E.FINISHED: S.ENDED},
    S.QUEUED: {E.AGENT_ACCEPTED: S.BRIDGED, E.FINISHED: S.ENDED},
    S.ACCEPTED: {E.AGENT_CONNECTED: S.BRIDGED, E.AGENT_ACCEPTED: S.ACCEPTED, E.FINISHED: S.ENDED},
    S.ORDERED: {E.AGENT_CONNECTED: S.OFFERED, E.AGENT_ACCEPTED: S.TAKEN, E.FINISHED: S.ENDED},
    S.OFFERED: {E.AGENT_ACCEPTED: S.CALLING, E.FINISHED: S.ENDED},
    S.TAKEN: {E.AGENT_CONNECTED: S.CALLING, E.AGENT_ACCEPTED: S.TAKEN, E.FINISHED: S.ENDED},
    S.CALLING: {E.CALLER_CONNECTED: S.BRIDGED, E.AGENT_ACCEPTED: S.CALLING, E.FINISHED: S.ENDED},
    S.BRIDGED: {E.AGENT_ACCEPTED: S.BRIDGED, E.PUT_ON_HOLD: S.HELD, E.FINISHED: S.ENDED},  # accepted again: a transfer
    S.HELD: {E.AGENT_ACCEPTED: S.HELD, E.TAKEN_OFF_HOLD: S.BRIDGED, E.FINISHED: S.ENDED},
    S.ENDED: {E.FINISHED: S.ENDED},  # the first reason wins; ending is idempotent
}


class IllegalTransition(BmvError):
    """An event came in a state that has no place for it."""


def follow(state: CallState, event: CallEvent) -> CallState:
    """The state after `event`; raises `IllegalTransition` where the table has none."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(f"a call that is {state.value} cannot follow: {event.value}") from None


class EndReason(Enum):
    """Why a call ended; the first one given wins."""

    CALLER_HUNG_UP = "caller_hung_up"
    AGENT_HUNG_UP = "agent_hung_up"
    AGENT_UNAVAILABLE = "agent_unavailable"  # refused, busy, failed, not answered, or nobody accepted in time
    TASK_CANCELED = "task_canceled"
    NOT_REACHED = "not_reached"  # whom we called: refused, busy, failed or not answered
    CALLER_STREAM_LOST = "caller_stream_lost"
    AGENT_STREAM_LOST = "agent_stream_lost"
    NO_STREAM = "no_stream"  # the caller's stream never came
    TOO_LONG = "too_long"
    TRANSLATION_LOST = "translation_lost"  # for longer than the operator allows
    SUPERVISOR = "supervisor"  # ended it in the console
    SHUTDOWN = "shutdown"
    INTERNAL_ERROR = "internal_error"


WHO_HUNG_UP: Mapping[EndReason, Role] = {EndReason.CALLER_HUNG_UP: Role.CALLER, EndReason.AGENT_HUNG_UP: Role.AGENT}

_INTERRUPTED = {Role.CALLER: Sentence.INTERRUPTED}

# What each party is told when the call ends under it. Who left by hanging up is told nothing, and the agent sees in
# Flex, or hears on the telephone, that the call is over.
FAREWELLS: Mapping[EndReason, Mapping[Role, Sentence]] = {
    EndReason.CALLER_HUNG_UP: {},
    EndReason.AGENT_HUNG_UP: {Role.CALLER: Sentence.GOODBYE},
    EndReason.AGENT_UNAVAILABLE: {Role.CALLER: Sentence.UNAVAILABLE},
    EndReason.TASK_CANCELED: {Role.CALLER: Sentence.UNAVAILABLE},
    EndReason.NOT_REACHED: {Role.AGENT: Sentence.NOT_REACHED},
    EndReason.CALLER_STREAM_LOST: {},  # the verbs after the stream speak to the caller
    EndReason.AGENT_STREAM_LOST: _INTERRUPTED,
    EndReason.NO_STREAM: _INTERRUPTED,
    EndReason.TOO_LONG: _INTERRUPTED,
    EndReason.TRANSLATION_LOST: _INTERRUPTED,
    EndReason.SUPERVISOR: {Role.CALLER: Sentence.GOODBYE, Role.AGENT: Sentence.GOODBYE},
    EndReason.SHUTDOWN: _INTERRUPTED,
    EndReason.INTERNAL_ERROR: _INTERRUPTED,
}


def farewell(reason: EndReason, role: Role, *, called: bool) -> Sentence | None:
    """What a party is told when the call ends; `called` if it was we who called the other party of the agent."""
    sentence = FAREWELLS[reason].get(role)
    if called and sentence in (Sentence.INTERRUPTED, Sentence.UNAVAILABLE):
        return Sentence.CUT_OFF  # who did not call is not asked to call again
    return sentence
