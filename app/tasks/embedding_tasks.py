"""Tasks that make vectors."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.EMBED_CHUNKS)
async def embed_chunks(services: Services, attempt: RunningAttempt) -> Outcome:
    """Embed one batch of the chunks of a large document."""
    return await services.indexing.large_documents.embed(attempt)


@ledger_task(TaskName.REEMBED_DOCUMENT)
async def reembed_document(services: Services, attempt: RunningAttempt) -> Outcome:
    """Embed a document for another vector index."""
    return await services.indexing.reembedding.embed(attempt)


@ledger_task(TaskName.CALIBRATE_AGENT)
async def calibrate_agent(services: Services, attempt: RunningAttempt) -> Outcome:
    """Measure how well a model finds an agent's texts."""
    return await services.indexing.calibrations.measure(attempt)
