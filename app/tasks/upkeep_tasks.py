"""Tasks that concern the system itself."""

from uuid import UUID

from celery import shared_task
from structlog.contextvars import bound_contextvars

from app.bootstrap import Services
from app.domain.ids import TaskId
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task
from app.tasks.runtime import get_runtime


@ledger_task(TaskName.PING)
async def ping(_services: Services, _attempt: RunningAttempt) -> Outcome:
    """Do nothing, which measures what the queue itself costs."""
    return Outcome(None, "Pong")


@shared_task(name=TaskName.ANNOUNCE_DEAD_LETTER.value)
def announce_dead_letter(task_id: str) -> None:
    """Raise the alarm for a task that failed for good. A lost alarm loses no task: its row stays."""
    runtime = get_runtime()
    with bound_contextvars(task_id=task_id):
        runtime.call(runtime.services.queue.dead_letters.announce(TaskId(UUID(task_id))))
