"""The three loudest complaints, each brought about by its usual cause: people meet it, and the doctor finds it."""

import pytest
from house import ACCOUNT, CALLER_NUMBER, FLEX_NUMBER, HOST, MARIA_NUMBER, House
from practice import changed, practice

from bmv import languages
from bmv.simulator.openai import Fault
from bmv.simulator.twilio import Party, Revision, StudioFlow
from bmv.telephony.flow import PLACEHOLDER, build
from bmv.telephony.menu import Menu

pytestmark = pytest.mark.usefixtures("logs")


async def test_the_call_drops_after_please_wait_because_of_a_placeholder_in_the_flow() -> None:
    async with practice() as patient:
        twilio = patient.house.twilio
        flow = StudioFlow("Our menu", [Revision(build(Menu([languages.get("en"), languages.get("es")]), PLACEHOLDER))])
        twilio.account.flows.append(flow)
        twilio.account.studio = lambda definition: f"https://{_host(definition)}/incoming-call?lang=es"
        changed(
            patient.house,
            CALLER_NUMBER,
            voice_url=f"https://webhooks.twilio.com/v1/Accounts/{ACCOUNT}/Flows/{flow.sid}",
        )

        call = await twilio.dial(from_=MARIA_NUMBER, to=CALLER_NUMBER, party=Party("Maria"))
        await call.ended(timeout=5)
        found = await patient.examine()

    found.has("studio flow", "fault", f"placeholder {PLACEHOLDER}", "The call drops after “please wait”", "setup")
    found.has("twilio's error log", "warning", "11100", "please wait")


async def flex_never_rings(house: House) -> None:
    """Somebody calls, waits for an agent for a while, and hangs up."""
    _, call = await house.calls()
    with pytest.raises(TimeoutError):
        await house.twilio.next_reservation(timeout=1)
    await call.hang_up()
    await house.empty()


async def test_flex_never_rings_because_the_flex_number_leads_to_an_old_tunnel() -> None:
    async with practice(settings={"AGENT_ANSWER_TIMEOUT_SECONDS": "1"}) as patient:
        changed(patient.house, FLEX_NUMBER, voice_url="https://old.ngrok.app/outbound-call")

        await flex_never_rings(patient.house)
        found = await patient.examine()

    found.has("flex number", "fault", "leads to old.ngrok.app", f"setup --host {HOST}", "Flex never rings")


async def test_flex_never_rings_because_nobody_is_in_its_queues() -> None:
    async with practice() as patient:
        router = patient.house.twilio.task_router
        assert router is not None
        router.workers.clear()

        await flex_never_rings(patient.house)
        found = await patient.examine()

    found.has("queues", "fault", "nobody is in a queue", "Flex never rings")


async def test_noise_is_kept_from_the_telephone_and_its_cause_is_found() -> None:
    async with practice(settings={"TRANSLATOR": "openai-interpreter"}) as patient:
        patient.house.openai.fail_next(Fault(keeps_pcm=True), times=50, endpoint="realtime")
        maria, call = await patient.house.calls()
        alex, _ = await patient.house.accepts()
        await alex.hears_quiet(0.5, timeout=5)
        found = await patient.examine()
        await call.hang_up()
        await patient.house.empty()

    found.has("translation", "fault", "it hears audio/pcm", "noise")


def _host(definition: dict[str, object]) -> str:
    states = definition["states"]
    assert isinstance(states, list)
    (start,) = (state for state in states if state["name"] == "Start")
    host: str = start["properties"]["variables"][0]["value"]
    return host


@pytest.mark.parametrize(
    ("code", "cause"), [(10004, "too many calls at once"), (21215, "Geo permissions"), (20429, "too many requests")]
)
async def test_flex_never_rings_because_twilio_refuses_the_call_to_it(code: int, cause: str) -> None:
    async with practice() as patient:
        patient.house.twilio.refuse_next("POST", "/Calls.json", status=400, code=code, message="no")
        _, call = await patient.house.calls()
        await call.ended(timeout=10)
        changed(patient.house, CALLER_NUMBER, voice_url=f"https://{HOST}/welcome")
        found = await patient.examine()

    found.has("readiness", "fault", str(code), cause)
    assert not found.skipped
