"""The workspace by REST: its callback and filter, its workflows, queues and workers.

Sources: Twilio "TaskRouter Workspace", "Workflow", "TaskQueue" and "Worker" resources, "TaskRouter events reference"
(the names of events), and the `twilio` package. That an unknown event is refused is the strictest reading: the
documents do not say. Nor do they say that an empty filter means all events, which it does here.
"""

import json
from typing import Final

from bmv.simulator.twilio import fields
from bmv.simulator.twilio.agents import Worker
from bmv.simulator.twilio.asking import Asked, Json, Route, is_url, listing, missing
from bmv.simulator.twilio.exchange import Exchange
from bmv.simulator.twilio.refusals import RefusalError
from bmv.simulator.twilio.taskrouter import TaskQueue, TaskRouter

_HOST: Final = "taskrouter.twilio.com"
_ROOT: Final = f"https://{_HOST}/v1/Workspaces"
_WHEN: Final = "2026-11-01T12:00:00Z"
_NAMES: Final = (
    "activity.created activity.updated activity.deleted"
    " reservation.accepted reservation.canceled reservation.completed reservation.created reservation.failed"
    " reservation.rejected reservation.rescinded reservation.timeout reservation.wrapup"
    " task.created task.updated task.canceled task.wrapup task.completed task.deleted task.system-deleted"
    " task.transfer-initiated task.transfer-attempt-failed task.transfer-failed task.transfer-canceled"
    " task.transfer-completed"
    " task-queue.created task-queue.deleted task-queue.entered task-queue.expression.updated task-queue.moved"
    " task-queue.timeout"
    " worker.activity.update worker.attributes.update worker.capacity.update worker.channel.availability.update"
    " worker.created worker.deleted"
    " workflow.created workflow.updated workflow.deleted workflow.entered workflow.skipped workflow.target-matched"
    " workflow.timeout workspace.created workspace.updated workspace.deleted"
)
_EVENTS: Final = frozenset(_NAMES.split())


def _workspaces(exchange: Exchange, asked: Asked) -> Json:
    name = asked.filters("FriendlyName").get("FriendlyName")
    records = [_workspace_json(exchange, router) for router in _routers(exchange) if name in (None, router.name)]
    return listing(exchange, asked, "workspaces", records, _HOST)


def _fetch_workspace(exchange: Exchange, asked: Asked, sid: str) -> Json:
    asked.fields("")
    return _workspace_json(exchange, _router(exchange, asked, sid))


def _update_workspace(exchange: Exchange, asked: Asked, sid: str) -> Json:
    router = _router(exchange, asked, sid)
    given = asked.fields("EventCallbackUrl EventsFilter FriendlyName")
    url, events = given.get("EventCallbackUrl", ""), _names(given.get("EventsFilter", ""))
    if url and not is_url(url):
        raise RefusalError(400, 20001, f"EventCallbackUrl is not a valid URL: {url}")
    if unknown := sorted(set(events) - _EVENTS):
        raise RefusalError(400, 20001, f"EventsFilter: {', '.join(unknown)} is not an event")
    if "EventCallbackUrl" in given:
        router.event_callback_url = url or None
    if "EventsFilter" in given:
        router.events = events or None
    router.name = given.get("FriendlyName", router.name)
    return _workspace_json(exchange, router)


def _workflows(exchange: Exchange, asked: Asked, workspace_sid: str) -> Json:
    router = _router(exchange, asked, workspace_sid)
    asked.filters()
    records = [_workflow_json(exchange, router, sid) for sid in router.workflows]
    return listing(exchange, asked, "workflows", records, _HOST)


def _fetch_queue(exchange: Exchange, asked: Asked, workspace_sid: str, sid: str) -> Json:
    asked.fields("")
    router = _router(exchange, asked, workspace_sid)
    return _queue_json(exchange, router, _queue(router, asked, sid))


def _workers(exchange: Exchange, asked: Asked, workspace_sid: str) -> Json:
    router = _router(exchange, asked, workspace_sid)
    wanted = asked.filters("TaskQueueSid Available FriendlyName")
    workers = router.workers
    if (sid := wanted.get("TaskQueueSid")) is not None and (members := _queue(router, asked, sid).members) is not None:
        workers = [each for each in workers if each in members]
    if (available := wanted.get("Available")) is not None:
        workers = [each for each in workers if _available(router, each) == (available in ("true", "1", "yes"))]
    if (name := wanted.get("FriendlyName")) is not None:
        workers = [each for each in workers if each.name == name]
    records = [_worker_json(exchange, router, each) for each in workers]
    return listing(exchange, asked, "workers", records, _HOST)


def _routers(exchange: Exchange) -> list[TaskRouter]:
    own = [exchange.task_router] if exchange.task_router is not None else []
    return own + exchange.holdings.more_workspaces


def _router(exchange: Exchange, asked: Asked, sid: str) -> TaskRouter:
    for router in _routers(exchange):
        if router.sid == sid:
            return router
    raise missing(asked)


def _queue(router: TaskRouter, asked: Asked, sid: str) -> TaskQueue:
    for queue in router.queues:
        if queue.sid == sid:
            return queue
    raise missing(asked)


def _available(router: TaskRouter, worker: Worker) -> bool:
    return worker.available and router.agents_available


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _workspace_json(exchange: Exchange, router: TaskRouter) -> Json:
    url = f"{_ROOT}/{router.sid}"
    return {
        "account_sid": exchange.account_sid,
        "date_created": _WHEN,
        "date_updated": _WHEN,
        "default_activity_name": "Offline",
        "default_activity_sid": "WA" + "1" * 32,
        "event_callback_url": router.event_callback_url or "",
        "events_filter": None if router.events is None else ",".join(_in_order(router)),
        "friendly_name": router.name,
        "links": {"workflows": f"{url}/Workflows", "workers": f"{url}/Workers", "task_queues": f"{url}/TaskQueues"},
        "multi_task_enabled": True,
        "prioritize_queue_order": "FIFO",
        "sid": router.sid,
        "timeout_activity_name": "Offline",
        "timeout_activity_sid": "WA" + "1" * 32,
        "url": url,
    }


def _in_order(router: TaskRouter) -> list[str]:
    events = router.events or ()
    return sorted(events) if isinstance(events, set | frozenset) else list(events)


def _workflow_json(exchange: Exchange, router: TaskRouter, sid: str) -> Json:
    url = f"{_ROOT}/{router.sid}/Workflows/{sid}"
    queues = router.queues_of.get(sid, [queue.sid for queue in router.queues])
    expression, first = router.expression or "1==1", 0 if router.expression else 1
    filters = [
        {"filter_friendly_name": f"Filter {number}", "expression": expression, "targets": [{"queue": queue}]}
        for number, queue in enumerate(queues[first:], 1)
    ]
    default = {"default_filter": {"queue": queues[0]}} if queues and first else {}
    return {
        "account_sid": exchange.account_sid,
        "assignment_callback_url": "",
        "configuration": json.dumps({"task_routing": {"filters": filters} | default}),
        "date_created": _WHEN,
        "date_updated": _WHEN,
        "document_content_type": "application/json",
        "fallback_assignment_callback_url": "",
        "friendly_name": fields.WORKFLOW_NAME,
        "links": {"statistics": f"{url}/Statistics"},
        "sid": sid,
        "task_reservation_timeout": 120,
        "url": url,
        "workspace_sid": router.sid,
    }


def _queue_json(exchange: Exchange, router: TaskRouter, queue: TaskQueue) -> Json:
    url = f"{_ROOT}/{router.sid}/TaskQueues/{queue.sid}"
    return {
        "account_sid": exchange.account_sid,
        "assignment_activity_name": None,
        "assignment_activity_sid": None,
        "date_created": _WHEN,
        "date_updated": _WHEN,
        "friendly_name": queue.name,
        "links": {"statistics": f"{url}/Statistics"},
        "max_reserved_workers": 1,
        "reservation_activity_name": None,
        "reservation_activity_sid": None,
        "sid": queue.sid,
        "target_workers": "1==1",
        "task_order": "FIFO",
        "url": url,
        "workspace_sid": router.sid,
    }


def _worker_json(exchange: Exchange, router: TaskRouter, worker: Worker) -> Json:
    url = f"{_ROOT}/{router.sid}/Workers/{worker.sid}"
    available = _available(router, worker)
    return {
        "account_sid": exchange.account_sid,
        "activity_name": "Available" if available else "Offline",
        "activity_sid": "WA" + ("0" if available else "1") * 32,
        "attributes": json.dumps(worker.all_attributes),
        "available": available,
        "date_created": _WHEN,
        "date_status_changed": _WHEN,
        "date_updated": _WHEN,
        "friendly_name": worker.name,
        "links": {"reservations": f"{url}/Reservations"},
        "sid": worker.sid,
        "url": url,
        "workspace_sid": router.sid,
    }


_ONE: Final = r"/v1/Workspaces/(WS\w+)"
ROUTES: Final = (
    Route("GET", "/v1/Workspaces", _workspaces),
    Route("GET", _ONE, _fetch_workspace),
    Route("POST", _ONE, _update_workspace),
    Route("GET", rf"{_ONE}/Workflows", _workflows),
    Route("GET", rf"{_ONE}/TaskQueues/(WQ\w+)", _fetch_queue),
    Route("GET", rf"{_ONE}/Workers", _workers),
)
