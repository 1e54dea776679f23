"""Celery's task events about what Celery itself does not report: progress, failures, retries and cancels.

Celery's worker reports that a task was received, started and succeeded. Flower and ``celery events`` show both kinds.
"""

import mmap
from typing import Any

from celery import Celery, signals
from celery.states import FAILURE, RETRY, REVOKED, SUCCESS
from kombu import Connection

_TYPES = {FAILURE: "task-failed", RETRY: "task-retried", REVOKED: "task-revoked", SUCCESS: "task-succeeded"}
_LONGEST_NAME = 256


class EventSwitch:
    """The worker's node name while its task events are turned on, as Flower does. Processes that it forks share it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _LONGEST_NAME)

    def renew(self) -> None:
        """Stop sharing it with the processes that forked this one. Called before a worker forks its own."""
        self._memory = mmap.mmap(-1, _LONGEST_NAME)

    def turn(self, node_name: str | None) -> None:
        """Turn events on under the name of the worker's node, or off."""
        self._memory[:] = (node_name or "").encode()[:_LONGEST_NAME].ljust(_LONGEST_NAME, b"\0")

    @property
    def node_name(self) -> str | None:
        """The name of the worker's node; None while events are off, or outside a worker."""
        return self._memory[:].rstrip(b"\0").decode() or None


switch = EventSwitch()
"""The switch of this worker. The consumer turns it; the processes of the pool and the supervisor read it."""


@signals.worker_init.connect(weak=False)
def _renew_switch(**_: Any) -> None:
    switch.renew()


def send_event(celery: Celery, connection: Connection, node_name: str, task_id: str, state: str, info: Any) -> None:
    """Send the event for a state, which ``info`` describes as in the result backend."""
    dispatcher = celery.events.Dispatcher(connection, hostname=node_name, buffer_while_offline=False)
    try:
        dispatcher.send(_TYPES.get(state, "task-progress"), uuid=task_id, **_describe(state, info))
    finally:
        dispatcher.close()


def send_start(celery: Celery, connection: Connection, node_name: str, task_id: str, shown: dict[str, Any]) -> None:
    """Send the events that a task was received and started, with the fields that Flower shows."""
    dispatcher = celery.events.Dispatcher(connection, hostname=node_name, buffer_while_offline=False)
    try:
        dispatcher.send("task-received", uuid=task_id, root_id=task_id, retries=0, eta=None, expires=None, **shown)
        dispatcher.send("task-started", uuid=task_id)
    finally:
        dispatcher.close()


def _describe(state: str, info: Any) -> dict[str, Any]:
    """The fields that Flower shows for a state."""
    if state == REVOKED:
        return {"terminated": False, "signum": None, "expired": False}
    if state in {FAILURE, RETRY}:
        return {"exception": f"{info['code']}: {info['message']}", "traceback": ""}
    if state == SUCCESS:
        return {"result": "", "runtime": None}
    return {"result": f"{info['current']} % · {info['status']}"}
