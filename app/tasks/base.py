"""The task class of every ledger task: it runs the attempt that a Celery message asks for."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from celery import Task as CeleryTask
from celery import shared_task
from celery.exceptions import Ignore
from celery.worker.request import Request
from structlog.contextvars import bound_contextvars

from app.bootstrap import Services
from app.domain.ids import TaskId
from app.domain.states import State
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.consumer_wakeup import wake_consumer
from app.tasks.runtime import Message, get_runtime

TaskFunction = Callable[[Services, RunningAttempt], Awaitable[Outcome]]


class PromptRequest(Request):
    """A message whose acknowledgement wakes the consumer, and which ``celery inspect`` shows with its labels."""

    def info(self, safe: bool = False) -> Any:  # noqa: ARG002 - Celery's parameter
        """What ``inspect active`` and ``inspect reserved`` show: the labels, since the message has no arguments."""
        return super().info(safe=True)

    def acknowledge(self) -> None:
        """Acknowledge the message, and wake the consumer so that it fetches the next one at once.

        A thread pool acknowledges from its threads. Without the wake-up, the consumer's event loop would notice that
        only at its next timer.
        """
        super().acknowledge()
        wake_consumer()


class LedgerTask(CeleryTask):  # type: ignore[type-arg]  # generic in its stubs only
    """A task whose message carries only its id and whose state is in the ledger.

    ``Execution`` claims, reports, retries and finishes. Celery only calls this class and acknowledges the message
    when the call returns or raises.
    """

    abstract = True
    typing = False
    Request = "app.tasks.base:PromptRequest"

    def __call__(self) -> object:
        """Run the task of the message on this process's event loop, and further ones while the slot may continue.

        Raises:
            Ignore: the message was late or duplicated, the attempt did not end in SUCCESS, or the slot continued with
                another task. Celery then writes nothing: the ledger and the result backend are up to date already.
        """
        task_id = TaskId(UUID(self.request.id))
        queue = (self.request.delivery_info or {}).get("routing_key") or ""
        with bound_contextvars(task_id=str(task_id)):
            task = get_runtime().execute(Message(task_id, TaskName(self.name), queue), run_body)
        if task is None or task.state is not State.SUCCESS:
            raise Ignore
        return task.result


_bodies: dict[str, TaskFunction] = {}


def ledger_task(name: TaskName) -> Callable[[TaskFunction], LedgerTask]:
    """Register an ``async`` body under a task name."""

    def register(body: TaskFunction) -> LedgerTask:
        _bodies[name.value] = body
        task: LedgerTask = shared_task(base=LedgerTask, name=name.value)(body)
        return task

    return register


async def run_body(services: Services, attempt: RunningAttempt) -> Outcome:
    """Run the body of an attempt's task."""
    return await _bodies[attempt.task.name](services, attempt)
