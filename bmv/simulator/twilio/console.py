"""What else the console shows, by REST: the configuration of Flex, the debugger's alerts, the compliance profiles.

Sources: Twilio "Flex Configuration", "Monitor Alerts" and "TrustHub CustomerProfile" resources, and the `twilio`
package. That Flex's configuration is missing (20404) where there is no Flex is documented nowhere.
"""

from datetime import UTC, datetime
from typing import Final

from bmv.simulator.twilio.asking import Asked, Json, Route, listing, missing
from bmv.simulator.twilio.courier import Alert
from bmv.simulator.twilio.exchange import Exchange
from bmv.simulator.twilio.holdings import Profile
from bmv.simulator.twilio.refusals import RefusalError

_POLICIES: Final = {
    "RN6433641899984f951173ef1738c3bdd0": "Primary Customer Profile of type Business",
    "RNdfbf3fae0e1107f8aded0e7cead80bf5": "Secondary Customer Profile of type Business",
    "RN806dd6cd175f314e1f96a9727ee271f4": "Starter Customer Profile of type Business",
}
_STATUSES: Final = ("draft", "pending-review", "in-review", "twilio-rejected", "twilio-approved")
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_WHEN: Final = "2026-11-01T12:00:00Z"


def _flex(exchange: Exchange, asked: Asked) -> Json:
    asked.fields("UiVersion")
    flex, router = exchange.holdings.flex, exchange.task_router
    if flex is None:
        raise missing(asked)
    workspace_sid = flex.workspace_sid or (router.sid if router else None)
    workflow_sid = flex.workflow_sid or (next(iter(router.workflows), None) if router else None)
    return {
        "account_sid": exchange.account_sid,
        "attributes": None,
        "call_recording_enabled": False,
        "date_created": _WHEN,
        "date_updated": _WHEN,
        "flex_service_instance_sid": "IS" + "1" * 32,
        "runtime_domain": "https://flex.twilio.com",
        "status": flex.status,
        "taskrouter_target_taskqueue_sid": router.queues[0].sid if router and router.queues else None,
        "taskrouter_target_workflow_sid": workflow_sid,
        "taskrouter_workspace_sid": workspace_sid,
        "ui_attributes": {},
        "ui_version": "2.9.0",
        "url": "https://flex-api.twilio.com/v1/Configuration",
    }


def _alerts(exchange: Exchange, asked: Asked) -> Json:
    wanted = asked.filters("LogLevel StartDate EndDate")
    alerts = sorted(exchange.courier.alerts + exchange.holdings.past_alerts, key=lambda each: each.at, reverse=True)
    start = _time("StartDate", wanted["StartDate"]) if "StartDate" in wanted else datetime.min.replace(tzinfo=UTC)
    end = _time("EndDate", wanted["EndDate"]) if "EndDate" in wanted else datetime.max.replace(tzinfo=UTC)
    alerts = [each for each in alerts if start <= each.at <= end]
    records = [_alert_json(exchange, each) for each in alerts]
    return listing(exchange, asked, "alerts", records, "monitor.twilio.com")


def _time(name: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise RefusalError(400, 20001, f"{name} is not YYYY-MM-DDThh:mm:ssZ: {text}") from None


def _alert_json(exchange: Exchange, alert: Alert) -> Json:
    return {
        "account_sid": exchange.account_sid,
        "alert_text": alert.text,
        "api_version": "2010-04-01",
        "date_created": alert.at.strftime(_TIME),
        "date_generated": alert.at.strftime(_TIME),
        "date_updated": alert.at.strftime(_TIME),
        "error_code": str(alert.code),
        "log_level": "error",
        "more_info": f"https://www.twilio.com/docs/errors/{alert.code}",
        "request_method": "POST",
        "request_url": alert.url or None,
        "resource_sid": "CA" + "0" * 32,
        "service_sid": None,
        "sid": alert.sid,
        "url": f"https://monitor.twilio.com/v1/Alerts/{alert.sid}",
    }


def _profiles(exchange: Exchange, asked: Asked) -> Json:
    wanted = asked.filters("Status FriendlyName PolicySid")
    profiles = exchange.holdings.profiles
    if (status := wanted.get("Status")) is not None:
        if status not in _STATUSES:
            raise RefusalError(400, 20001, f"Status is not that of a profile: {status}")
        profiles = [each for each in profiles if each.status == status]
    for name, of in (("FriendlyName", "name"), ("PolicySid", "policy_sid")):
        if (value := wanted.get(name)) is not None:
            profiles = [each for each in profiles if getattr(each, of) == value]
    records = [_profile_json(exchange, each) for each in profiles]
    return listing(exchange, asked, "results", records, "trusthub.twilio.com")


def _profile_json(exchange: Exchange, profile: Profile) -> Json:
    url = f"https://trusthub.twilio.com/v1/CustomerProfiles/{profile.sid}"
    return {
        "account_sid": exchange.account_sid,
        "date_created": _WHEN,
        "date_updated": _WHEN,
        "email": "somebody@example.com",
        "errors": None,
        "friendly_name": profile.name,
        "links": {"customer_profiles_evaluations": f"{url}/Evaluations"},
        "policy_sid": profile.policy_sid,
        "sid": profile.sid,
        "status": profile.status,
        "status_callback": None,
        "url": url,
        "valid_until": None,
    }


def _policy(_exchange: Exchange, asked: Asked, sid: str) -> Json:
    asked.fields("")
    if sid not in _POLICIES:
        raise missing(asked)
    url = f"https://trusthub.twilio.com/v1/Policies/{sid}"
    return {"friendly_name": _POLICIES[sid], "requirements": {}, "sid": sid, "url": url}


ROUTES: Final = (
    Route("GET", "/v1/Configuration", _flex),
    Route("GET", "/v1/Alerts", _alerts),
    Route("GET", "/v1/CustomerProfiles", _profiles),
    Route("GET", r"/v1/Policies/(RN\w+)", _policy),
)
