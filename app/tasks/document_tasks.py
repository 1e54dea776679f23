"""Tasks on documents."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.execution import Outcome, Work
from app.tasks.base import ledger_task


@ledger_task(TaskName.PROCESS_DOCUMENT)
async def process_document(services: Services, work: Work) -> Outcome:
    """Parse, chunk, embed and store a document."""
    return await services.ingestion.process(work)


@ledger_task(TaskName.DELETE_DOCUMENT)
async def delete_document(services: Services, work: Work) -> Outcome:
    """Remove a deleted document's chunks and file."""
    return await services.documents.remove(work)


@ledger_task(TaskName.DELETE_AGENT)
async def delete_agent(services: Services, work: Work) -> Outcome:
    """Remove a deleted agent's documents."""
    return await services.agents.remove(work)
