"""Tasks on the index of chunks and vectors."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, Work
from app.tasks.base import ledger_task


@ledger_task(TaskName.PUBLISH_DOCUMENT)
async def publish_document(services: Services, work: Work) -> Outcome:
    """Let search find a large document, all of whose batches are embedded."""
    return await services.indexing.large_documents.publish(work)


@ledger_task(TaskName.SWEEP_DOCUMENT)
async def sweep_document(services: Services, work: Work) -> Outcome:
    """Take out of the index what search no longer finds of a document."""
    return await services.indexing.large_documents.sweep(work)
