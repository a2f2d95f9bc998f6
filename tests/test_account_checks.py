import pytest
from practice import practice

from bmv.commands.doctor.findings import Level
from bmv.simulator.twilio.holdings import Profile

pytestmark = pytest.mark.usefixtures("logs")

TWILIO = {
    "calls at once",
    "numbers",
    "caller number",
    "flex number",
    "studio flow",
    "flex",
    "workflow",
    "queues",
    "events",
}


async def test_a_wrong_token_is_one_fault_and_what_needs_the_account_is_not_checked() -> None:
    async with practice() as patient:
        found = await patient.examine(TWILIO_AUTH_TOKEN="not-the-token")

    found.has("twilio account", "fault", "20003", "primary auth token")
    assert found.skipped >= TWILIO
    assert "not-the-token" not in str(found)
    assert found.of("openai key").level is Level.OK


async def test_an_account_that_is_suspended_is_a_fault() -> None:
    async with practice() as patient:
        patient.house.twilio.account.status = "suspended"
        found = await patient.examine()

    found.has("twilio account", "fault", "the account is suspended", "billing")


async def test_a_trial_account_is_a_fault_because_of_its_streams_and_is_looked_at_all_the_same() -> None:
    async with practice() as patient:
        patient.house.twilio.account.kind = "Trial"
        found = await patient.examine()

    found.has("twilio account", "fault", "trial", "media streams", "Upgrade")
    found.has("calls at once", "warning", "5 calls at once", "takes 4")
    assert found.of("caller number").level is Level.OK


async def test_twilio_out_of_reach_is_told_from_a_wrong_token() -> None:
    async with practice() as patient:
        found = await patient.examine(TWILIO_API_BASE_URL="http://127.0.0.1:1")

    found.has("twilio account", "fault", "cannot be reached", "TWILIO_API_BASE_URL")
    assert "clock" in found.skipped


async def test_twilio_in_trouble_is_told_from_a_wrong_token() -> None:
    async with practice() as patient:
        patient.house.twilio.refuse_next("GET", "/Accounts/", status=503, code=20503, message="Service unavailable")
        found = await patient.examine()

    found.has("twilio account", "fault", "20503", "status.twilio.com")


@pytest.mark.parametrize(("settings", "needed"), [({}, "4"), ({"AGENT_DESTINATION": "+14155550123"}, "2")])
async def test_an_account_without_a_business_profile_may_hold_too_few_calls_at_once(
    settings: dict[str, str], needed: str
) -> None:
    async with practice() as patient:
        patient.house.twilio.account.profiles[:] = [
            Profile("Somebody", policy_sid="RN806dd6cd175f314e1f96a9727ee271f4"),
            Profile(status="pending-review"),
        ]
        found = await patient.examine(**settings)

    found.has("calls at once", "warning", "after 2 February 2026", "2 calls at once", f"takes {needed}", "10004")


async def test_profiles_that_cannot_be_asked_for_leave_the_rest_as_it_is() -> None:
    async with practice() as patient:
        patient.house.twilio.refuse_next("GET", "CustomerProfiles", status=403, code=20403, message="Forbidden")
        found = await patient.examine()

    found.has("calls at once", "warning", "not checked: Twilio refused (20403)")
    assert not found.bad


async def test_a_second_token_is_looked_at_where_there_is_one() -> None:
    second = "second-token-of-the-tests"
    async with practice() as patient:
        alone = await patient.examine()
        wrong = await patient.examine(TWILIO_SECONDARY_AUTH_TOKEN=second)
        patient.house.twilio.create_secondary_auth_token(second)
        good = await patient.examine(TWILIO_SECONDARY_AUTH_TOKEN=second)

    assert "secondary token" not in {finding.name for finding in alone}
    wrong.has("secondary token", "warning", "TWILIO_SECONDARY_AUTH_TOKEN (20003)", "take it out")
    assert good.of("secondary token").level is Level.OK
    assert not good.bad


async def test_a_second_token_that_has_become_the_primary_one_is_used_and_named() -> None:
    second = "second-token-of-the-tests"
    async with practice(settings={"TWILIO_SECONDARY_AUTH_TOKEN": second}) as patient:
        patient.house.twilio.create_secondary_auth_token(second)
        patient.house.twilio.promote_secondary_auth_token()
        found = await patient.examine()

    found.has("twilio account", "warning", "no more TWILIO_AUTH_TOKEN", "Put the new token into TWILIO_AUTH_TOKEN")
    assert set(found.bad) == {"twilio account"}
    assert not found.skipped
