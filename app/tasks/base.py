"""The one task class: between Celery's message and the ledger's row."""

from collections.abc import Awaitable, Callable
from typing import cast
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
from app.services.queue.attempts import Outcome, Work
from app.tasks.consumer_wakeup import wake_consumer
from app.tasks.runtime import get_runtime

TaskFunction = Callable[[Services, Work], Awaitable[Outcome]]


class PromptRequest(Request):
    """A message whose acknowledgement the consumer learns of at once."""

    def acknowledge(self) -> None:
        """Acknowledge, and have the consumer fetch the next message now.

        A pool of threads acknowledges from its threads, which the consumer's loop would notice at its next timer only.
        """
        super().acknowledge()
        wake_consumer()


class LedgerTask(CeleryTask):  # type: ignore[type-arg]  # generic in its stubs only
    """A task whose message carries only its id, and whose state is the ledger's.

    Claim, progress, retry, dead letter and finish are ``Execution``'s; nothing is left to
    Celery but to call this, and to acknowledge the message when it returns or raises.
    """

    abstract = True
    typing = False
    Request = "app.tasks.base:PromptRequest"

    def __call__(self) -> object:
        """Run one attempt on this process's event loop.

        Raises:
            Ignore: when the bell was late or doubled, or the attempt did not end in success:
                the ledger and Celery's backend have been told what there is to tell.
        """
        runtime = get_runtime()
        task_id = TaskId(UUID(self.request.id))
        body = cast("TaskFunction", self.run)
        with bound_contextvars(task_id=str(task_id)):
            task = runtime.execute(task_id, lambda work: body(runtime.services, work))
        if task is None or task.state is not State.SUCCESS:
            raise Ignore
        return task.result


def ledger_task(name: TaskName) -> Callable[[TaskFunction], LedgerTask]:
    """Register an ``async`` body under a task name."""
    return shared_task(base=LedgerTask, name=name.value)
