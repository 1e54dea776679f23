"""Tasks that process, delete and unpack documents."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.PROCESS_DOCUMENT)
async def process_document(services: Services, attempt: RunningAttempt) -> Outcome:
    """Parse, chunk, embed and store a document; the files within it become child tasks."""
    return await services.intake.attachments.expand(attempt, await services.indexing.ingestion.ingest(attempt))


@ledger_task(TaskName.PROCESS_WEBPAGE)
async def process_webpage(services: Services, attempt: RunningAttempt) -> Outcome:
    """Read a web page and make it searchable. A page of a crawl also submits the pages it links to."""
    pages = services.intake.crawls if "depth" in attempt.task.arguments else services.intake.webpages
    return await services.intake.attachments.expand(attempt, await pages.process(attempt))


@ledger_task(TaskName.PROCESS_ARCHIVE)
async def process_archive(services: Services, attempt: RunningAttempt) -> Outcome:
    """Unpack an archive and submit its files as child tasks."""
    return await services.intake.archives.unpack(attempt)


@ledger_task(TaskName.DELETE_DOCUMENT)
async def delete_document(services: Services, attempt: RunningAttempt) -> Outcome:
    """Remove the chunks and the file of a deleted document."""
    return await services.intake.documents.remove(attempt)


@ledger_task(TaskName.DELETE_AGENT)
async def delete_agent(services: Services, attempt: RunningAttempt) -> Outcome:
    """Remove the documents of a deleted agent."""
    return await services.tenants.agent_deletion.remove(attempt)
