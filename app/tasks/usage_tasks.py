"""Tasks that add up usage. Celery Beat submits them."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.SUM_USAGE)
async def sum_usage(services: Services, attempt: RunningAttempt) -> Outcome:
    """Add the records of usage to the sums by hour and by day."""
    return await services.usage.sums.add_all(attempt)
