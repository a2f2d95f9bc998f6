"""The bench: how many calls one core carries, and what the bridge adds to latency.

Light on purpose: the servers under test are child processes out of this package and must not carry the rest of it.
"""
