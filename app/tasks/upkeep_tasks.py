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


@ledger_task(TaskName.SUBMIT_RETENTION)
async def submit_retention(services: Services, attempt: RunningAttempt) -> Outcome:
    """Submit a task for each organization that deletes what it keeps no longer."""
    return await services.operations.retention.submit(attempt)


@ledger_task(TaskName.APPLY_RETENTION)
async def apply_retention(services: Services, attempt: RunningAttempt) -> Outcome:
    """Delete what an organization keeps no longer."""
    return await services.operations.retention.apply(attempt)


@ledger_task(TaskName.SWEEP_STORAGE)
async def sweep_storage(services: Services, attempt: RunningAttempt) -> Outcome:
    """Delete the files in storage that no row names, and count rows whose file is missing."""
    return await services.operations.storage_sweep.run(attempt)


@ledger_task(TaskName.MAIL_DEAD_LETTERS)
async def mail_dead_letters(services: Services, attempt: RunningAttempt) -> Outcome:
    """Send a mail about the dead letters of an organization since the last one."""
    return await services.queue.dead_letter_mails.send(attempt)


@shared_task(name=TaskName.ANNOUNCE_DEAD_LETTER.value)
def announce_dead_letter(task_id: str) -> None:
    """Raise the alarm for a task that failed for good. A lost alarm loses no task: its row stays."""
    runtime = get_runtime()
    with bound_contextvars(task_id=task_id):
        runtime.call(runtime.services.queue.dead_letters.announce(TaskId(UUID(task_id))))
