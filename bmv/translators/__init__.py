"""The translators: OpenAI's and the loopback, each behind the protocol of `bmv.call.translator`."""
