"""Tasks that evaluate searches and answers."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.EVALUATE)
async def evaluate(services: Services, attempt: RunningAttempt) -> Outcome:
    """Ask the questions of a set, and measure what is found."""
    return await services.evaluations.runs.run(attempt)


@ledger_task(TaskName.DECIDE_INDEX)
async def decide_index(services: Services, attempt: RunningAttempt) -> Outcome:
    """Evaluate the active index and a new one, and decide whether the new one may replace it."""
    return await services.evaluations.index_decisions.decide(attempt)
