"""Tasks that answer questions."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.ANSWER_QUESTION)
async def answer_question(services: Services, attempt: RunningAttempt) -> Outcome:
    """Search, then write an answer with its sources."""
    return await services.answers.answers.answer(attempt)
