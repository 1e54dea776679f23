"""Tasks on documents."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, Work
from app.tasks.base import ledger_task


@ledger_task(TaskName.PROCESS_DOCUMENT)
async def process_document(services: Services, work: Work) -> Outcome:
    """Parse, chunk, embed and store a document."""
    return await services.indexing.ingestion.ingest(work)


@ledger_task(TaskName.PROCESS_WEBPAGE)
async def process_webpage(services: Services, work: Work) -> Outcome:
    """Read a web page and make it searchable; a page of a crawl adds those it leads to."""
    if work.task.parent_id is None:
        return await services.intake.webpages.process(work)
    return await services.intake.crawls.process(work)


@ledger_task(TaskName.PROCESS_ARCHIVE)
async def process_archive(services: Services, work: Work) -> Outcome:
    """Unpack an archive; its files become its children."""
    return await services.intake.archives.unpack(work)


@ledger_task(TaskName.DELETE_DOCUMENT)
async def delete_document(services: Services, work: Work) -> Outcome:
    """Remove a deleted document's chunks and file."""
    return await services.intake.documents.remove(work)


@ledger_task(TaskName.DELETE_AGENT)
async def delete_agent(services: Services, work: Work) -> Outcome:
    """Remove a deleted agent's documents."""
    return await services.tenants.agents.remove(work)
