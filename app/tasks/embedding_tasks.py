"""Tasks that make vectors."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, Work
from app.tasks.base import ledger_task


@ledger_task(TaskName.EMBED_CHUNKS)
async def embed_chunks(services: Services, work: Work) -> Outcome:
    """Embed one batch of a document's chunks."""
    return await services.indexing.large_documents.embed(work)


@ledger_task(TaskName.REEMBED_DOCUMENT)
async def reembed_document(services: Services, work: Work) -> Outcome:
    """Bring the vectors of a document to another index."""
    return await services.indexing.reembedding.embed(work)
