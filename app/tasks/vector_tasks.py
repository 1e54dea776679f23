"""Tasks that publish and clean up indexed chunks and vectors."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.PUBLISH_DOCUMENT)
async def publish_document(services: Services, attempt: RunningAttempt) -> Outcome:
    """Publish a large document, after all its batches are embedded, so that search finds it."""
    return await services.intake.attachments.publish(attempt, await services.indexing.large_documents.publish(attempt))


@ledger_task(TaskName.SWEEP_DOCUMENT)
async def sweep_document(services: Services, attempt: RunningAttempt) -> Outcome:
    """Remove the chunks and vectors of a document that search no longer reads."""
    return await services.indexing.large_documents.sweep(attempt)
