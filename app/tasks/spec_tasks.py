"""Tasks that describe repositories of source code."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.GENERATE_SPECS)
async def generate_specs(services: Services, attempt: RunningAttempt) -> Outcome:
    """Describe a repository: its source files become documents first, or the specification is written at once."""
    return await services.specs.generation.generate(attempt)


@ledger_task(TaskName.WRITE_SPECS)
async def write_specs(services: Services, attempt: RunningAttempt) -> Outcome:
    """Analyse the sources of a repository, and publish the specification that describes them."""
    return await services.specs.generation.write(attempt)
