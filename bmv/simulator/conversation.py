"""The conversation of the demo: who says what in which order, and what the other side should hear."""

from dataclasses import dataclass
from typing import Final, Literal

from bmv.simulator import voices
from bmv.simulator.phrasebook import Entry, Phrasebook

Role = Literal["caller", "agent"]


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a party, with the translation that the other one hears."""

    role: Role
    sentence: str
    language: str
    translation: str
    into: str
    """The language of the translation."""

    def audio(self) -> bytes:
        """Speak the sentence: mu-law, whole frames. The first call takes some 60 ms, see `voices.speak`."""
        return voices.speak(self.sentence, self.language)

    def translated_audio(self) -> bytes:
        """Speak the translation likewise, as an ideal interpreter would be heard."""
        return voices.speak(self.translation, self.into)


@dataclass(frozen=True, slots=True)
class Script:
    """Lines in the order in which they are spoken."""

    lines: tuple[Line, ...]

    def of(self, role: Role) -> tuple[Line, ...]:
        """Give the lines of one party, in order."""
        return tuple(line for line in self.lines if line.role == role)

    def language(self, role: Role) -> str:
        """Tell which language a party speaks. ValueError if it says nothing, or not all in one language."""
        (language,) = {line.language for line in self.of(role)}
        return language

    def phrasebook(self) -> Phrasebook:
        """Give the phrasebook by which a simulated interpreter knows these lines. It speaks each sentence once."""
        return Phrasebook(Entry(line.sentence, line.language, line.translation, line.into) for line in self.lines)

    def rehearse(self) -> None:
        """Speak everything once, sentences and translations, so that nothing has to be computed during the call.

        Some 60 ms for each sentence.
        """
        for line in self.lines:
            line.audio()
            line.translated_audio()


def _caller(sentence: str, translation: str) -> Line:
    return Line("caller", sentence, "es", translation, "en")


def _agent(sentence: str, translation: str) -> Line:
    return Line("agent", sentence, "en", translation, "es")


DEMO: Final = Script(
    (
        _caller(
            "Buenas tardes, mi pedido todavía no ha llegado.",
            "Good afternoon, my order has not arrived yet.",
        ),
        _agent(
            "I am sorry to hear that. What is your order number?",
            "Lo siento mucho. ¿Cuál es el número de su pedido?",
        ),
        _caller(
            "El número de pedido es cuatro mil setecientos doce.",
            "The order number is four thousand seven hundred and twelve.",
        ),
        _agent(
            "Thank you. Your parcel will arrive on Friday morning.",
            "Gracias. Su paquete llegará el viernes por la mañana.",
        ),
        _caller(
            "Perfecto, el viernes estaré en casa. Muchas gracias.",
            "Perfect, I will be at home on Friday. Thank you very much.",
        ),
        _agent(
            "You are very welcome. Have a nice day, and goodbye.",
            "Ha sido un placer. Que tenga un buen día, y hasta luego.",
        ),
    )
)
"""A customer in Spain asks an English-speaking agent about a late parcel."""
