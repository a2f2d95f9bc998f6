"""What a developer has to enter at Twilio: the public host, and the addresses that lead to this server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from bmv.commands import tunnel
from bmv.commands.invocation import invocation
from bmv.config import given, parsers


@dataclass(frozen=True)
class PublicHost:
    """Under which host Twilio reaches this server, and whether only ngrok says so."""

    name: str
    by_ngrok: bool = False


async def public_host(environ: Mapping[str, str], api_url: str = tunnel.NGROK_API) -> PublicHost | None:
    """The host of the settings, else the one of a running ngrok; None where neither gives a usable one."""
    if text := given("PUBLIC_HOST", environ):
        try:
            return PublicHost(parsers.public_host(text))
        except ValueError:
            return None  # the server says what is wrong with it
    port = given("API_PORT", environ)
    host = await tunnel.ngrok_host(int(port), api_url) if port.isdecimal() else None
    return PublicHost(host, by_ngrok=True) if host else None


def addresses(environ: Mapping[str, str], host: str) -> Mapping[str, str]:
    """What leads to this server, by where it is entered at Twilio."""
    urls = {
        "caller number, a call comes in": f"https://{host}/welcome (or a Studio flow)",
        "caller number, call status changes": f"https://{host}/call-status",
    }
    if given("AGENT_DESTINATION", environ).lower() == "flex":
        by_app = given("TWILIO_FLEX_APP_SID", environ)
        entry = "TwiML App, voice request URL" if by_app else "Flex number, a call comes in"
        urls |= {
            entry: f"https://{host}/outbound-call",
            "TaskRouter workspace, event callback": f"https://{host}/reservation-accepted",
        }
    return urls


def announce(console: Console, environ: Mapping[str, str], host: PublicHost | None) -> None:
    """Print where Twilio has to lead, or that nobody knows."""
    if host is None:
        if not given("PUBLIC_HOST", environ):
            port = given("API_PORT", environ)
            console.print(
                f"[yellow]No public host:[/] PUBLIC_HOST is not set, and no ngrok leads to port {escape(port)}. "
                f"To open a tunnel: ngrok http {escape(port)}",
                soft_wrap=True,
            )
        return
    source = ", as ngrok says; PUBLIC_HOST is not set" if host.by_ngrok else ""
    console.print(f"\n[bold]Public host:[/] {host.name}{source}\n", soft_wrap=True)
    width = max(map(len, addresses(environ, host.name)))
    for where, url in addresses(environ, host.name).items():
        console.print(f"  {where:<{width}}  [cyan]{url}[/]", soft_wrap=True)
    console.print(f"\nTo enter these at Twilio: {escape(invocation())} setup --host {host.name}\n", soft_wrap=True)
