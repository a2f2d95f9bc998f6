"""Whether a running ngrok has the name that the settings have: a free one may have another name each time."""

from __future__ import annotations

from bmv.commands.doctor.check import Check, Notes


def ngrok_check(host: str, given: str, port: str) -> Check[None]:
    """Make the check: ngrok leads `host` to our port, and `given` is the PUBLIC_HOST of the settings, "" for none."""

    async def make(notes: Notes) -> None:
        setup = f"`python -m bmv setup --host {host}` sets it, and tells Twilio."
        if not given:
            notes.warning(
                f"PUBLIC_HOST is not set; ngrok leads {host} here, and so it is looked at below",
                f"`make run` takes it from ngrok, but nothing else does. {setup}",
            )
        elif host not in given.lower():
            notes.warning(
                f"ngrok leads {host} to port {port} of this machine, and PUBLIC_HOST is another",
                f"If the tunnel has a new name: {setup}",
            )
        else:
            notes.ok(f"leads {host} to port {port} of this machine")

    return Check("ngrok", make)
