from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.providers import ProviderServices
from app.bootstrap.builders.queue import QueueServices
from app.bootstrap.stores import describe_index
from app.services.indexing.calibrations import Calibrations
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.consistency import Consistency
from app.services.indexing.erasure import Erasure
from app.services.indexing.ingestion import Ingestion
from app.services.indexing.large_documents import LargeDocuments
from app.services.indexing.reembedding import Reembedding
from app.services.indexing.vector_indexes import VectorIndexes
from app.services.indexing.vectors import Vectors
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class IndexingServices:
    """``app.services.indexing``."""

    calibrations: Calibrations
    chunks: ChunkIndexer
    consistency: Consistency
    erasure: Erasure
    ingestion: Ingestion
    large_documents: LargeDocuments
    reembedding: Reembedding
    vector_indexes: VectorIndexes
    vectors: Vectors


def build_indexing(
    settings: Settings, adapters: Adapters, queue: QueueServices, providers: ProviderServices
) -> IndexingServices:
    """Build the services that make documents searchable."""
    database, blobs = adapters.database, adapters.blobs
    chunks = ChunkIndexer(providers.embedding, adapters.embedders, adapters.batches)
    vectors = Vectors(database, adapters.stores, providers.calls)
    batch = settings.embedding_batch_chunks
    large_documents = LargeDocuments(database, blobs, chunks, vectors, batch)
    return IndexingServices(
        calibrations=Calibrations(database, queue.admission, chunks, vectors),
        chunks=chunks,
        consistency=Consistency(database, vectors),
        erasure=Erasure(database, blobs, vectors, queue.after_commit),
        ingestion=Ingestion(
            database, blobs, adapters.parser, chunks, vectors, large_documents, settings.large_document_chunks
        ),
        large_documents=large_documents,
        reembedding=Reembedding(database, queue.admission, chunks, vectors, batch),
        vector_indexes=VectorIndexes(database, describe_index(settings)),
        vectors=vectors,
    )
