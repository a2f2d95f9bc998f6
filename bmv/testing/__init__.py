"""The contract of a translator as a suite of tests, for translators by anybody.

Make a subclass of `TranslatorContract` in a test file, say in `factory` how yours is made, and run pytest. One that
works through a provider takes `ProviderContract`, which asks for three things more and tests what happens when the
provider refuses, breaks off or is left. Each test is one promise of `bmv.call.translator`, and what it says when it
fails is meant to be enough to mend it. docs/translators.md shows a complete example.

No plugin of pytest is needed: every test brings its own event loop and has an end.
"""

from bmv.testing.contract import TranslatorContract
from bmv.testing.provider import ProviderContract
from bmv.testing.watching import a_voice, demand

__all__ = ["ProviderContract", "TranslatorContract", "a_voice", "demand"]
