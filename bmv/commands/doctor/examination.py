"""All checks, put together as the settings ask for them, in the order of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bmv.app import openai_service, translators
from bmv.call.translator import TranslatorFactory
from bmv.commands.doctor.account_checks import AccountChecks
from bmv.commands.doctor.address_checks import AddressChecks
from bmv.commands.doctor.check import Check
from bmv.commands.doctor.clock_check import clock_check
from bmv.commands.doctor.flex_checks import FlexChecks
from bmv.commands.doctor.language_checks import languages_check, notices_check
from bmv.commands.doctor.ngrok_check import ngrok_check
from bmv.commands.doctor.number_checks import NumberChecks
from bmv.commands.doctor.openai_checks import OpenAIChecks
from bmv.commands.doctor.settings_checks import settings_check, usable
from bmv.commands.doctor.signature_checks import Secrets, SignatureChecks
from bmv.commands.doctor.studio_check import studio_check
from bmv.commands.doctor.surroundings import Surroundings
from bmv.commands.doctor.twilio_errors import error_log_check
from bmv.config import Settings, given
from bmv.errors import SettingsError
from bmv.telephony import sdk
from bmv.telephony.account import TwilioAccount


async def all_checks(environ: Mapping[str, str], unreadable: Sequence[str], around: Surroundings) -> list[Check[Any]]:
    """Every check that makes sense with these settings; those whose settings are no use say so themselves.

    Where no PUBLIC_HOST is set, that of a running ngrok is looked at, as `make run` serves it.
    """
    named, port = given("PUBLIC_HOST", environ), given("API_PORT", environ)
    tunnel = await around.roads.ngrok_host(int(port)) if re.fullmatch("[0-9]{1,5}", port) else None
    if tunnel and not named:
        environ = {**environ, "PUBLIC_HOST": tunnel}
    settings = usable(environ)
    flex = settings.agent_destination is None
    account = _account(settings, around, flex=flex)
    numbers = NumberChecks(settings, account, flex=flex)
    address = AddressChecks(
        settings.public_host, api_host=settings.api_host or "", api_port=settings.api_port or 0, around=around
    )
    signatures = SignatureChecks(address, Secrets(settings.auth_token, shared_key=settings.webhook_shared_key), around)
    factories = _translators(settings, around)
    translation = OpenAIChecks(settings, openai_service(settings), factories, around)
    return [
        settings_check(environ, unreadable),
        *account.all,
        *numbers.all,
        studio_check(settings.public_host, account, numbers),
        *(FlexChecks(settings, account).all if flex else []),
        *([ngrok_check(tunnel, named, port)] if tunnel else []),
        *address.all,
        *signatures.all,
        *translation.all,
        languages_check(settings, factories),
        notices_check(settings, around),
        clock_check(settings.twilio_api_base_url, around),
        error_log_check(account),
    ]


def _account(settings: Settings, around: Surroundings, *, flex: bool) -> AccountChecks:
    def connect(token: str) -> TwilioAccount:
        client = sdk.connect(
            around.http,
            account_sid=settings.account_sid,
            auth_token=token,
            base_url=settings.twilio_api_base_url,
        )
        return TwilioAccount(client)

    can_sign_in = settings.account_sid and settings.twilio_api_base_url
    primary = settings.auth_token if can_sign_in else None
    return AccountChecks(connect, tokens=(primary, settings.secondary_auth_token), flex=flex, now=around.roads.now)


def _translators(settings: Settings, around: Surroundings) -> tuple[TranslatorFactory, ...]:
    """Those that the settings name; none where they cannot be made, which the check of the settings says."""
    try:
        return translators(settings, around.http) if settings.translator else ()
    except SettingsError:
        return ()
