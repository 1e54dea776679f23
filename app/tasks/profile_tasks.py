"""Tasks that enrich customer profiles."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.ENRICH_PROFILE)
async def enrich_profile(services: Services, attempt: RunningAttempt) -> Outcome:
    """Enrich a profile from the company's pages or the agent's documents."""
    return await services.profiles.enrichment.enrich(attempt)


@ledger_task(TaskName.ENRICH_PROFILES)
async def enrich_profiles(services: Services, attempt: RunningAttempt) -> Outcome:
    """Enrich the profiles of an agent, each by a child."""
    return await services.profiles.many.submit_children(attempt)


@ledger_task(TaskName.ENRICH_DUE_PROFILES)
async def enrich_due_profiles(services: Services, _attempt: RunningAttempt) -> Outcome:
    """Submit the enrichment of all profiles that are due."""
    return await services.profiles.many.submit_due()
