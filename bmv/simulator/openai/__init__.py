"""A stand-in for OpenAI's realtime translation service, as strict as the real one is reported to be."""

from bmv.simulator.openai.brains import Brain, EchoBrain, PhrasebookBrain, Piece, Said
from bmv.simulator.openai.faults import Ending, Fault, Refusal
from bmv.simulator.openai.server import FakeOpenAI
from bmv.simulator.openai.session import SessionRecord

__all__ = [
    "Brain",
    "EchoBrain",
    "Ending",
    "FakeOpenAI",
    "Fault",
    "PhrasebookBrain",
    "Piece",
    "Refusal",
    "Said",
    "SessionRecord",
]
