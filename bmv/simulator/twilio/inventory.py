"""The account, its numbers and its TwiML Apps by REST.

Sources: Twilio "Account", "IncomingPhoneNumber" and "Application" resources, and the `twilio` package.
"""

from dataclasses import replace
from typing import Any, Final, TypeVar

from bmv.simulator.twilio import fields
from bmv.simulator.twilio.asking import Asked, Json, Route, is_url, listing, missing
from bmv.simulator.twilio.exchange import App, Exchange, Number, new_sid
from bmv.simulator.twilio.refusals import RefusalError

_NUMBER_FIELDS: Final = {
    "FriendlyName": "name",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}
_APP_FIELDS: Final = {
    name: _NUMBER_FIELDS[name]
    for name in ("FriendlyName", "VoiceUrl", "VoiceMethod", "StatusCallback", "StatusCallbackMethod")
}
_ROOT: Final = "/2010-04-01/Accounts"

Held = TypeVar("Held", Number, App)


# --- the account ------------------------------------------------------------------------------------------------------


def _account(exchange: Exchange, asked: Asked, account_sid: str) -> Json:
    asked.fields("")
    _check_account(exchange, asked, account_sid)
    uri = f"{_ROOT}/{account_sid}"
    parts = {"calls": f"{uri}/Calls.json", "incoming_phone_numbers": f"{uri}/IncomingPhoneNumbers.json"}
    return {
        "auth_token": "0" * 32,
        "date_created": fields.rfc2822(),
        "date_updated": fields.rfc2822(),
        "friendly_name": exchange.holdings.name,
        "owner_account_sid": account_sid,
        "sid": account_sid,
        "status": exchange.holdings.status,
        "subresource_uris": parts,
        "type": exchange.holdings.kind,
        "uri": f"{uri}.json",
    }


def _check_account(exchange: Exchange, asked: Asked, account_sid: str) -> None:
    if account_sid != exchange.account_sid:
        raise missing(asked)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _numbers(exchange: Exchange, asked: Asked, account_sid: str) -> Json:
    _check_account(exchange, asked, account_sid)
    wanted = asked.filters("Beta FriendlyName PhoneNumber Origin")
    records = [_number_json(account_sid, number, each) for number, each in exchange.numbers.items()]
    if (part := wanted.get("PhoneNumber")) is not None:  # a part of it, with * for any one digit
        records = [each for each in records if part.strip("*").strip("+") in str(each["phone_number"])]
    if (name := wanted.get("FriendlyName")) is not None:
        records = [each for each in records if each["friendly_name"] == name]
    return listing(exchange, asked, "incoming_phone_numbers", records)


def _fetch_number(exchange: Exchange, asked: Asked, account_sid: str, sid: str) -> Json:
    asked.fields("")
    number = _find_number(exchange, asked, account_sid, sid)
    return _number_json(account_sid, number, exchange.numbers[number])


def _update_number(exchange: Exchange, asked: Asked, account_sid: str, sid: str) -> Json:
    number = _find_number(exchange, asked, account_sid, sid)
    given = asked.fields(" ".join(_NUMBER_FIELDS))
    if given.get("VoiceApplicationSid") and given["VoiceApplicationSid"] not in exchange.apps:
        raise RefusalError(400, 21218, f"ApplicationSid {given['VoiceApplicationSid']} does not exist")
    # "Setting a trunk_sid will automatically delete your voice_application_sid and vice versa."
    if given.get("TrunkSid"):
        given["VoiceApplicationSid"] = ""
    elif given.get("VoiceApplicationSid"):
        given["TrunkSid"] = ""
    exchange.numbers[number] = _changed(exchange.numbers[number], given, _NUMBER_FIELDS)
    return _number_json(account_sid, number, exchange.numbers[number])


def _find_number(exchange: Exchange, asked: Asked, account_sid: str, sid: str) -> str:
    _check_account(exchange, asked, account_sid)
    for number, each in exchange.numbers.items():
        if each.sid == sid:
            return number
    raise missing(asked)


def _number_json(account_sid: str, number: str, held: Number) -> Json:
    uri = f"{_ROOT}/{account_sid}/IncomingPhoneNumbers/{held.sid}.json"
    return {
        "account_sid": account_sid,
        "address_requirements": "none",
        "address_sid": None,
        "api_version": "2010-04-01",
        "beta": False,
        "bundle_sid": None,
        "capabilities": {"voice": held.voice, "sms": True, "mms": False, "fax": False},
        "date_created": fields.rfc2822(),
        "date_updated": fields.rfc2822(),
        "emergency_address_sid": None,
        "emergency_status": "Inactive",
        "friendly_name": held.name or number,
        "identity_sid": None,
        "origin": "twilio",
        "phone_number": number,
        "sid": held.sid,
        "sms_application_sid": "",
        "sms_fallback_method": "POST",
        "sms_fallback_url": "",
        "sms_method": "POST",
        "sms_url": "",
        "status": "in-use",
        "status_callback": held.status_callback or "",
        "status_callback_method": held.status_callback_method,
        "trunk_sid": held.trunk_sid or None,
        "uri": uri,
        "voice_application_sid": held.voice_application_sid,
        "voice_caller_id_lookup": False,
        "voice_fallback_method": "POST",
        "voice_fallback_url": None,
        "voice_method": held.voice_method,
        "voice_receive_mode": "voice",
        "voice_url": held.voice_url or None,
    }


# --- TwiML Apps -------------------------------------------------------------------------------------------------------


def _apps(exchange: Exchange, asked: Asked, account_sid: str) -> Json:
    _check_account(exchange, asked, account_sid)
    name = asked.filters("FriendlyName").get("FriendlyName")
    records = [_app_json(account_sid, sid, app) for sid, app in exchange.apps.items() if name in (None, app.name)]
    return listing(exchange, asked, "applications", records)


def _create_app(exchange: Exchange, asked: Asked, account_sid: str) -> Json:
    _check_account(exchange, asked, account_sid)
    app, sid = _changed(App(""), asked.fields(" ".join(_APP_FIELDS)), _APP_FIELDS), new_sid("AP")
    exchange.apps[sid] = app
    return _app_json(account_sid, sid, app)


def _fetch_app(exchange: Exchange, asked: Asked, account_sid: str, sid: str) -> Json:
    asked.fields("")
    return _app_json(account_sid, sid, _find_app(exchange, asked, account_sid, sid))


def _update_app(exchange: Exchange, asked: Asked, account_sid: str, sid: str) -> Json:
    app = _find_app(exchange, asked, account_sid, sid)
    exchange.apps[sid] = _changed(app, asked.fields(" ".join(_APP_FIELDS)), _APP_FIELDS)
    return _app_json(account_sid, sid, exchange.apps[sid])


def _delete_app(exchange: Exchange, asked: Asked, account_sid: str, sid: str) -> None:
    _find_app(exchange, asked, account_sid, sid)
    del exchange.apps[sid]


def _find_app(exchange: Exchange, asked: Asked, account_sid: str, sid: str) -> App:
    _check_account(exchange, asked, account_sid)
    if sid not in exchange.apps:
        raise missing(asked)
    return exchange.apps[sid]


def _app_json(account_sid: str, sid: str, app: App) -> Json:
    return {
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "date_created": fields.rfc2822(),
        "date_updated": fields.rfc2822(),
        "friendly_name": app.name,
        "message_status_callback": None,
        "public_application_connect_enabled": False,
        "sid": sid,
        "sms_fallback_method": "POST",
        "sms_fallback_url": None,
        "sms_method": "POST",
        "sms_status_callback": None,
        "sms_url": None,
        "status_callback": app.status_callback,
        "status_callback_method": app.status_callback_method,
        "uri": f"{_ROOT}/{account_sid}/Applications/{sid}.json",
        "voice_caller_id_lookup": False,
        "voice_fallback_method": "POST",
        "voice_fallback_url": None,
        "voice_method": app.voice_method,
        "voice_url": app.voice_url or None,
    }


# --- both -------------------------------------------------------------------------------------------------------------


def _changed(held: Held, given: dict[str, str], names: dict[str, str]) -> Held:
    for name, value in given.items():
        if name in ("VoiceUrl", "StatusCallback") and value and not is_url(value):
            raise RefusalError(400, 21402, f"{name} is not a valid URL: {value}")
        if name.endswith("Method") and value not in ("GET", "POST"):
            raise RefusalError(400, 21403, f"{name} is neither GET nor POST: {value}")
    changes: dict[str, Any] = {names[name]: value for name, value in given.items()}
    return replace(held, **changes)


_ONE_ACCOUNT: Final = rf"{_ROOT}/(AC\w+)"
_ALL_NUMBERS: Final = rf"{_ONE_ACCOUNT}/IncomingPhoneNumbers\.json"
_ONE_NUMBER: Final = rf"{_ONE_ACCOUNT}/IncomingPhoneNumbers/(PN\w+)\.json"
_ALL_APPS: Final = rf"{_ONE_ACCOUNT}/Applications\.json"
_ONE_APP: Final = rf"{_ONE_ACCOUNT}/Applications/(AP\w+)\.json"
ROUTES: Final = (
    Route("GET", rf"{_ONE_ACCOUNT}\.json", _account),
    Route("GET", _ALL_NUMBERS, _numbers),
    Route("GET", _ONE_NUMBER, _fetch_number),
    Route("POST", _ONE_NUMBER, _update_number),
    Route("GET", _ALL_APPS, _apps),
    Route("POST", _ALL_APPS, _create_app, 201),
    Route("GET", _ONE_APP, _fetch_app),
    Route("POST", _ONE_APP, _update_app),
    Route("DELETE", _ONE_APP, _delete_app, 204),
)
