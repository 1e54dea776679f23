"""The vector stores and the vector index that the settings choose."""

from collections.abc import Mapping
from typing import Any, Literal, TypeGuard, assert_never, get_args

import structlog

from app.adapters.packages import optional_imports
from app.bootstrap.database import get_database_url
from app.bootstrap.models import describe_embedding
from app.db.engine import Database, create_engine
from app.db.vectors.pgvector_store import PgVectorStore
from app.domain.errors import DatabaseUnavailableError, StartupError
from app.domain.ports import VectorStore
from app.services.indexing.vector_indexes import IndexSpec, VectorIndexes
from app.settings import Settings, reveal

_STORE_SECONDS = 30.0

ExternalStore = Literal["pinecone", "qdrant"]
"""The vector stores outside Postgres."""

log = structlog.get_logger()


def describe_index(settings: Settings) -> IndexSpec:
    """The vector index that the settings ask for."""
    place: Mapping[str, Any]
    match settings.vector_store:
        case "pgvector":
            place = {}
        case "pinecone":
            place = {"index": settings.pinecone_index}
        case "qdrant":
            place = {"prefix": settings.qdrant_collection}
        case other:
            assert_never(other)
    return IndexSpec(settings.vector_store, describe_embedding(settings), place)


async def check_index(settings: Settings) -> None:
    """Check that the settings ask for the active vector index. While the database is unavailable, log a warning.

    Raises:
        IndexMismatchError: when the settings ask for another index.
    """
    database = Database(create_engine(get_database_url(settings), pool_size=1, register_types=False))
    try:
        await VectorIndexes(database, describe_index(settings)).check()
    except DatabaseUnavailableError:
        log.warning("index_not_checked")
    finally:
        await database.close()


class Stores:
    """The vector stores of this process, each made on first use: an index that is being replaced may be in another."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._stores: dict[str, VectorStore] = {"pgvector": PgVectorStore(database)}

    def __call__(self, name: str) -> VectorStore:
        """The store of this name.

        Raises:
            StartupError: when there is no such store, or its key, its address or its package is missing.
        """
        if name not in self._stores:
            if not _is_external(name):
                raise StartupError(f"This version does not contain the vector store {name!r}.")
            self._stores[name] = make_store(self._settings, name)
        return self._stores[name]

    async def close(self) -> None:
        """Close all connections."""
        for store in self._stores.values():
            await store.close()


def _is_external(name: str) -> TypeGuard[ExternalStore]:
    return name in get_args(ExternalStore)


def make_store(settings: Settings, name: ExternalStore) -> VectorStore:
    """Make a store outside Postgres.

    Raises:
        StartupError: when its key, its address or its package is missing.
    """
    match name:
        case "pinecone":
            return _make_pinecone(settings)
        case "qdrant":
            return _make_qdrant(settings)
        case other:
            assert_never(other)


def _make_pinecone(settings: Settings) -> VectorStore:
    if settings.pinecone_api_key is None:
        raise StartupError("VECTOR_STORE=pinecone needs PINECONE_API_KEY.")
    with optional_imports("VECTOR_STORE=pinecone"):
        from app.adapters.pinecone.store import PineconeStore  # noqa: PLC0415 - an extra
    return PineconeStore(
        api_key=settings.pinecone_api_key.get_secret_value(),
        index_name=settings.pinecone_index,
        host=settings.pinecone_host,
        time_limit=_STORE_SECONDS,
    )


def _make_qdrant(settings: Settings) -> VectorStore:
    if settings.qdrant_url is None:
        raise StartupError("VECTOR_STORE=qdrant needs QDRANT_URL.")
    with optional_imports("VECTOR_STORE=qdrant"):
        from app.adapters.qdrant.store import QdrantStore  # noqa: PLC0415 - an extra
    return QdrantStore(
        url=settings.qdrant_url,
        api_key=reveal(settings.qdrant_api_key),
        collection=settings.qdrant_collection,
        time_limit=_STORE_SECONDS,
    )
