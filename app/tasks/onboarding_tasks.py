"""Tasks that create agents from lists."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.IMPORT_AGENTS)
async def import_agents(services: Services, attempt: RunningAttempt) -> Outcome:
    """Read and check a list of agents, and submit its batches of rows as child tasks."""
    return await services.onboarding.imports.read(attempt)


@ledger_task(TaskName.CREATE_AGENTS)
async def create_agents(services: Services, attempt: RunningAttempt) -> Outcome:
    """Create the agents of a batch of rows, and submit their web pages."""
    return await services.onboarding.creation.create(attempt)


@ledger_task(TaskName.REPORT_AGENTS)
async def report_agents(services: Services, attempt: RunningAttempt) -> Outcome:
    """Report what became of the rows of a list, when all its batches and web pages have ended."""
    return await services.onboarding.imports.report(attempt)
