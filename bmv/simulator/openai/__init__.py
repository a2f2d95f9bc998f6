"""A stand-in for OpenAI's realtime endpoints and its speech, as strict as the real ones are reported to be."""

from bmv.simulator.openai.brains import Brain, EchoBrain, PhrasebookBrain, Piece, Said
from bmv.simulator.openai.faults import WELL, Ending, Endpoint, Fault, Refusal, ResponseFault
from bmv.simulator.openai.records import ConversationRecord, ResponseRecord, SessionRecord
from bmv.simulator.openai.responses import Delivery
from bmv.simulator.openai.server import FakeOpenAI
from bmv.simulator.openai.turns import EchoTurns, Part, PhrasebookTurns, TurnBrain

__all__ = [
    "WELL",
    "Brain",
    "ConversationRecord",
    "Delivery",
    "EchoBrain",
    "EchoTurns",
    "Ending",
    "Endpoint",
    "FakeOpenAI",
    "Fault",
    "Part",
    "PhrasebookBrain",
    "PhrasebookTurns",
    "Piece",
    "Refusal",
    "ResponseFault",
    "ResponseRecord",
    "Said",
    "SessionRecord",
    "TurnBrain",
]
