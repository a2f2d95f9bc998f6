import pytest
from house import HOST, WORKFLOW
from practice import Patient, practice

from bmv.commands.doctor.findings import Level
from bmv.commands.doctor.flex_checks import ACCEPTED, LOST_WITHOUT
from bmv.simulator.twilio import Flex, TaskQueue, TaskRouter, Worker
from bmv.telephony.taskrouter import MEANINGS

pytestmark = pytest.mark.usefixtures("logs")

NOBODY, SOMEBODY = "WQ" + "4" * 32, "WQ" + "5" * 32


def router_of(patient: Patient) -> TaskRouter:
    router = patient.house.twilio.task_router
    assert router is not None
    return router


async def test_an_account_without_flex_is_a_fault_and_what_is_in_flex_is_not_checked() -> None:
    async with practice() as patient:
        patient.house.twilio.account.flex = None
        found = await patient.examine(TWILIO_FLEX_WORKFLOW_SID="WW" + "9" * 32)

    found.has("flex", "fault", "no Flex", "AGENT_DESTINATION")
    assert found.skipped == {"workflow", "queues", "events"}


async def test_a_workflow_of_task_router_without_flex_may_be_served_by_other_software() -> None:
    async with practice() as patient:
        patient.house.twilio.account.flex = None
        found = await patient.examine()

    found.has("flex", "warning", "no Flex", "accept tasks")
    assert not found.skipped


@pytest.mark.parametrize("status", ["inprogress", "notstarted"])
async def test_flex_that_is_not_set_up_to_the_end_never_rings(status: str) -> None:
    async with practice() as patient:
        patient.house.twilio.account.flex = Flex(status=status)
        found = await patient.examine()

    found.has("flex", "fault", status, "Flex never rings")


async def test_a_workflow_of_another_workspace_is_a_fault_that_names_the_right_ones() -> None:
    async with practice() as patient:
        found = await patient.examine(TWILIO_FLEX_WORKFLOW_SID="WW" + "9" * 32)

    found.has("workflow", "fault", "TWILIO_FLEX_WORKFLOW_SID", WORKFLOW, "Flex never rings")
    assert found.skipped == {"queues"}


async def test_queues_without_anybody_are_why_flex_never_rings() -> None:
    async with practice() as patient:
        router_of(patient).queues = [TaskQueue("Spanish", NOBODY, members=[])]
        found = await patient.examine()

    found.has("queues", "fault", "nobody is in a queue", "“Spanish”", "Flex never rings")


async def test_one_queue_of_several_without_anybody_is_a_warning() -> None:
    async with practice() as patient:
        router_of(patient).queues = [TaskQueue("Spanish", NOBODY, members=[]), TaskQueue("All", SOMEBODY)]
        found = await patient.examine()

    found.has("queues", "warning", "nobody is in the queue “Spanish”")


async def test_nobody_available_now_is_a_warning() -> None:
    async with practice() as patient:
        router_of(patient).workers = [Worker(available=False)]
        found = await patient.examine()

    found.has("queues", "warning", "available now", "Available")


async def test_a_workflow_without_a_queue_is_a_fault() -> None:
    async with practice() as patient:
        router_of(patient).queues_of[WORKFLOW] = []
        found = await patient.examine()

    found.has("queues", "fault", "leads to no queue")


async def test_a_workflow_whose_filters_may_all_not_fit_is_a_warning() -> None:
    async with practice() as patient:
        router_of(patient).expression = "type == 'chat'"
        picky = await patient.examine()
        router_of(patient).expression = "1 == 1"
        generous = await patient.examine()

    picky.has("queues", "warning", "no default queue", "reaches nobody")
    assert generous.of("queues").level == "ok"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "is empty"),
        ("https://old.ngrok.app/reservation-accepted", "leads to old.ngrok.app"),
        ("https://reports.example.com/events", "leads to reports.example.com"),
        (f"https://{HOST}/call-status", "leads to /call-status"),
    ],
)
async def test_events_that_go_elsewhere_are_a_fault_with_its_symptom(url: str | None, words: str) -> None:
    async with practice() as patient:
        router_of(patient).event_callback_url = url
        found = await patient.examine()

    found.has("events", "fault", words, "goes on hearing the music")


async def test_without_the_event_of_acceptance_nothing_begins() -> None:
    async with practice() as patient:
        router_of(patient).events = [name for name in MEANINGS if name != ACCEPTED]
        found = await patient.examine()

    found.has("events", "fault", ACCEPTED, "goes on hearing the music")


@pytest.mark.parametrize("missing", [name for name in MEANINGS if name != ACCEPTED])
async def test_each_other_event_that_is_missing_is_a_warning_that_names_what_is_lost(missing: str) -> None:
    async with practice() as patient:
        router_of(patient).events = [name for name in MEANINGS if name != missing]
        found = await patient.examine()

    found.has("events", "warning", f"not sent: {missing}", LOST_WITHOUT[missing])


async def test_whether_no_choice_of_events_means_all_of_them_is_not_known() -> None:
    async with practice() as patient:
        router_of(patient).events = None
        found = await patient.examine()

    found.has("events", "warning", "no event is chosen", "setup")


def test_what_is_lost_without_an_event_is_known_of_every_event_that_matters() -> None:
    assert LOST_WITHOUT.keys() == MEANINGS.keys() - {ACCEPTED}


async def test_trouble_at_one_product_of_twilio_leaves_the_others() -> None:
    async with practice() as patient:
        patient.house.twilio.refuse_next("GET", "/Workflows", status=503, code=20503, message="Service unavailable")
        found = await patient.examine()

    found.has("workflow", "fault", "20503")
    assert found.of("events").level is Level.OK
