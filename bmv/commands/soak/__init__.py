"""The soak: hundreds of short calls through the real server while everything goes wrong around it, and a judgement.

Light on purpose: the server under test is a child process of this package (see `child`) and must not carry the rest.
"""
