"""A telephone company for tests: REST API, signed webhooks, TwiML, Media Streams, TaskRouter, and people on the phone.

It meets the server only on the wire, in real time, on loopback, and is as strict as the real one: whatever the server
does wrong lands in `FakeTwilio.alerts`. A whole call:

    twilio = FakeTwilio(account_sid=AC, auth_token=TOKEN)
    twilio.route("bmv.test", "http://127.0.0.1:5050")  # where https://bmv.test/… and wss://bmv.test/… lead
    twilio.numbers["+15550001111"] = Number(voice_url="https://bmv.test/incoming-call?lang=es")
    twilio.numbers["+15550002222"] = Number(voice_url="https://bmv.test/outbound-call")
    twilio.task_router = TaskRouter(event_callback_url="https://bmv.test/reservation-accepted", workflows={WW})
    async with twilio:  # twilio.url is the server's TWILIO_API_BASE_URL
        maria, alex = Party("Maria"), Party("Alex")
        call = await twilio.dial(from_="+34911222333", to="+15550001111", party=maria)
        reservation = await twilio.next_reservation(timeout=5)
        agent = await reservation.accept(party=alex)
        maria.say(ulaw)
        await maria.done_speaking()
        await alex.hears_speech(timeout=5)
        await alex.hears_quiet(0.5, timeout=5)
        alex.say(ulaw)
        await maria.hears_speech(timeout=5)
        await call.hang_up()
        await agent.hung_up(timeout=2)
    assert twilio.alerts == []

The customer on hold, as the REST API tells it; and a supervisor who barges in:

        agent.hold()  # the customer's participant in agent.conference has `hold` now, and hears `TaskRouter.hold_music`
        agent.resume()
        sue = agent.conference.join(party=Party("Sue"), beep=False)  # muted=True: only listens
        sue.leave()

A transfer to the next of the workers:

    twilio.task_router = TaskRouter(…, workers=[Worker("alex"), Worker("sue", {"languages": ["es"]})])
        agent.transfer("warm")  # "cold": the agent leaves at once
        sue = await (await twilio.next_reservation(timeout=5)).accept(party=Party("Sue"))
        agent.complete_transfer()  # or agent.cancel_transfer()

Telephones outside, which the server may call by REST:

    twilio.phones["sip:sue@example.com"] = Party("Sue")  # picks up at once
    twilio.phones["+34911222333"] = Phone(maria, ring_seconds=0.5)  # outcome="busy": never picks up
        call = await twilio.next_call(timeout=5)
        await call.answered(timeout=5)
        call.press("5")  # the far end, which may also call.hang_up()

A menu, where the server answers `<Gather>`:

        call = await twilio.dial(from_="+34911222333", to="+15550001111", party=maria)
        menu = await call.gathering(timeout=5)  # menu.verb is what the TwiML said: language, hints, timeout, …
        call.press("2")  # or call.say_words("español"): what the recogniser writes

What the account has, for a server that sets it up or checks it by REST; whatever it changes takes effect:

    twilio.account.kind = "Trial"
    twilio.account.flex = Flex()  # None: no Flex. Its workspace is twilio.task_router, unless it is told another
    twilio.account.flows.append(StudioFlow("IVR", [Revision({…})]))
    twilio.account.studio = lambda definition: "https://bmv.test/incoming-call?lang=es"  # where the flow redirects to
    twilio.account.profiles.append(Profile(status="twilio-approved"))
    twilio.account.past_alerts.append(Alert(11200, "…", at=yesterday))
    twilio.account.page_size = 2  # lists come in pages of two
    twilio.numbers["+15550001111"] = Number("", voice=False, trunk_sid="TK…")
    twilio.task_router = TaskRouter(…, queues=[TaskQueue("Nobody", WQ, members=[])], workers=[Worker(available=False)])
    twilio.refuse_next("POST", "IncomingPhoneNumbers", status=429, code=20429)
    twilio.drop_next("POST", "/Workspaces/")  # done, but not known; hang_next: done, but answered too late
"""

from bmv.simulator.twilio.agents import Agent, Reservation, Worker
from bmv.simulator.twilio.calls import Call
from bmv.simulator.twilio.company import FakeTwilio
from bmv.simulator.twilio.conference import Conference, Participant
from bmv.simulator.twilio.courier import Alert, Answer, DeliveryError, Webhook
from bmv.simulator.twilio.exchange import App, Number, Phone
from bmv.simulator.twilio.gathering import Gathering
from bmv.simulator.twilio.holdings import Flex, Holdings, Profile, Revision, StudioFlow
from bmv.simulator.twilio.party import Party, Utterance
from bmv.simulator.twilio.rest import RestRequest
from bmv.simulator.twilio.stream import MediaStream
from bmv.simulator.twilio.taskrouter import Task, TaskQueue, TaskRouter
from bmv.simulator.twilio.transfers import Transfer
from bmv.simulator.twilio.watch import HungUpError

__all__ = [
    "Agent",
    "Alert",
    "Answer",
    "App",
    "Call",
    "Conference",
    "DeliveryError",
    "FakeTwilio",
    "Flex",
    "Gathering",
    "Holdings",
    "HungUpError",
    "MediaStream",
    "Number",
    "Participant",
    "Party",
    "Phone",
    "Profile",
    "Reservation",
    "RestRequest",
    "Revision",
    "StudioFlow",
    "Task",
    "TaskQueue",
    "TaskRouter",
    "Transfer",
    "Utterance",
    "Webhook",
    "Worker",
]
