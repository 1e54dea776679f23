"""Tasks that send events to receivers outside."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.DELIVER_EVENT)
async def deliver_event(services: Services, attempt: RunningAttempt) -> Outcome:
    """Send an event to a webhook or a callback URL."""
    return await services.webhooks.sending.deliver(attempt)
