"""A telephone company, a translation provider and people to talk, for demo, tests and benchmarks.

Meets the server only on the wire.
"""
