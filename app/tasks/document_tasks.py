"""Tasks that process, delete and unpack documents."""

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
    """Read a web page and make it searchable. A page of a crawl also submits the pages it links to."""
    if work.task.parent_id is None:
        return await services.intake.webpages.process(work)
    return await services.intake.crawls.process(work)


@ledger_task(TaskName.PROCESS_ARCHIVE)
async def process_archive(services: Services, work: Work) -> Outcome:
    """Unpack an archive and submit its files as child tasks."""
    return await services.intake.archives.unpack(work)


@ledger_task(TaskName.DELETE_DOCUMENT)
async def delete_document(services: Services, work: Work) -> Outcome:
    """Remove the chunks and the file of a deleted document."""
    return await services.intake.documents.remove(work)


@ledger_task(TaskName.DELETE_AGENT)
async def delete_agent(services: Services, work: Work) -> Outcome:
    """Remove the documents of a deleted agent."""
    return await services.tenants.agents.remove(work)
