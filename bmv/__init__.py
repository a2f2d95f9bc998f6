"""Be My Voice: two people on the telephone, each heard by the other in the other's language."""

__version__ = "0.1.0"
