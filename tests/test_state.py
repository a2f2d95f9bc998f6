"""The life of a call: every event in every state, and what is said at every end."""

from itertools import product

import pytest

from bmv.call.leg import Role
from bmv.call.state import FAREWELLS, TRANSITIONS, CallEvent, CallState, EndReason, IllegalTransition, farewell, follow
from bmv.languages import Sentence

S, E = CallState, CallEvent

# Written a second time and in another shape, so that a slip in the table is seen.
LEGAL = {
    (S.ANSWERED, E.CALLER_CONNECTED): S.DIALLING,
    (S.DIALLING, E.AGENT_CONNECTED): S.QUEUED,
    (S.DIALLING, E.AGENT_ACCEPTED): S.ACCEPTED,
    (S.QUEUED, E.AGENT_ACCEPTED): S.BRIDGED,
    (S.ACCEPTED, E.AGENT_CONNECTED): S.BRIDGED,
    (S.ACCEPTED, E.AGENT_ACCEPTED): S.ACCEPTED,
    (S.ORDERED, E.AGENT_CONNECTED): S.OFFERED,
    (S.ORDERED, E.AGENT_ACCEPTED): S.TAKEN,
    (S.OFFERED, E.AGENT_ACCEPTED): S.CALLING,
    (S.TAKEN, E.AGENT_CONNECTED): S.CALLING,
    (S.TAKEN, E.AGENT_ACCEPTED): S.TAKEN,
    (S.CALLING, E.AGENT_ACCEPTED): S.CALLING,
    (S.CALLING, E.CALLER_CONNECTED): S.BRIDGED,
    (S.BRIDGED, E.AGENT_ACCEPTED): S.BRIDGED,
    (S.BRIDGED, E.PUT_ON_HOLD): S.HELD,
    (S.HELD, E.AGENT_ACCEPTED): S.HELD,
    (S.HELD, E.TAKEN_OFF_HOLD): S.BRIDGED,
} | {(state, E.FINISHED): S.ENDED for state in S}
ILLEGAL = sorted(set(product(S, E)) - set(LEGAL), key=str)


@pytest.mark.parametrize(("state", "event"), LEGAL)
def test_a_legal_event_leads_to_the_state_it_should(state: CallState, event: CallEvent) -> None:
    assert follow(state, event) is LEGAL[state, event]


@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_an_illegal_event_raises_and_says_what_and_when(state: CallState, event: CallEvent) -> None:
    with pytest.raises(IllegalTransition, match=f"{state.value}.*{event.value}"):
        follow(state, event)


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(S)
    assert {after for row in TRANSITIONS.values() for after in row.values()} | {S.ANSWERED, S.ORDERED} == set(S)


def test_nothing_leads_out_of_the_end() -> None:
    assert set(TRANSITIONS[S.ENDED].values()) == {S.ENDED}


def test_every_reason_to_end_says_what_each_party_is_told() -> None:
    assert set(FAREWELLS) == set(EndReason)


@pytest.mark.parametrize(
    ("reason", "caller", "agent"),
    [
        (EndReason.CALLER_HUNG_UP, None, None),
        (EndReason.AGENT_HUNG_UP, Sentence.GOODBYE, None),
        (EndReason.AGENT_UNAVAILABLE, Sentence.UNAVAILABLE, None),
        (EndReason.TASK_CANCELED, Sentence.UNAVAILABLE, None),
        (EndReason.NOT_REACHED, None, Sentence.NOT_REACHED),
        (EndReason.CALLER_STREAM_LOST, None, None),
        (EndReason.AGENT_STREAM_LOST, Sentence.INTERRUPTED, None),
        (EndReason.NO_STREAM, Sentence.INTERRUPTED, None),
        (EndReason.TOO_LONG, Sentence.INTERRUPTED, None),
        (EndReason.SUPERVISOR, Sentence.GOODBYE, Sentence.GOODBYE),
        (EndReason.SHUTDOWN, Sentence.INTERRUPTED, None),
        (EndReason.INTERNAL_ERROR, Sentence.INTERRUPTED, None),
    ],
)
def test_a_party_is_told_what_happened_unless_it_left_by_itself(
    reason: EndReason, caller: Sentence | None, agent: Sentence | None
) -> None:
    assert farewell(reason, Role.CALLER, called=False) is caller
    assert farewell(reason, Role.AGENT, called=False) is agent


@pytest.mark.parametrize("reason", EndReason)
def test_nobody_whom_we_called_is_asked_to_call_again(reason: EndReason) -> None:
    told = farewell(reason, Role.CALLER, called=True)
    assert told in (None, Sentence.GOODBYE, Sentence.CUT_OFF)
    assert (told is None) is (FAREWELLS[reason].get(Role.CALLER) is None)
    assert farewell(reason, Role.AGENT, called=True) is FAREWELLS[reason].get(Role.AGENT)
