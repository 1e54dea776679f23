"""The port of vector stores."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from app.domain.vectors import Match, Nearest, Vector, VectorBatch, VectorIndex, VectorKey


class VectorSearch(Protocol):
    """Finds an agent's nearest chunks to a vector, of those that search finds."""

    async def find(
        self,
        index: VectorIndex,
        agent_id: int,
        vector: Vector,
        *,
        limit: int,
        document_ids: Sequence[int] | None,
        compared: Sequence[VectorKey],
    ) -> Nearest:
        """The similarities of the nearest chunks, and of given ones.

        Args:
            index: The index to search.
            agent_id: The agent.
            vector: A unit vector, or zeros.
            limit: The largest number of nearest chunks.
            document_ids: Search only these documents; None searches all.
            compared: Chunks whose similarity is needed even if they are not among the nearest.

        Raises:
            RetryLaterError: the index was assumed to be active, and is not.
        """


class VectorStore(Protocol):
    """Stores the vectors of chunks, and finds an agent's nearest ones to a given vector.

    Indexes and agents are isolated from each other. Stores across a network are called only through
    ``app.services.providers.calls``, and their methods raise ``ProviderBusyError``, ``ProviderDownError``,
    ``ProviderCredentialsError`` and ``ProviderRequestError``.
    """

    @property
    def name(self) -> str:
        """The store's name in the settings and as a provider: pgvector, pinecone, qdrant."""

    @property
    def transactional(self) -> bool:
        """Whether vectors are written within the transaction that publishes them, rather than before it."""

    @property
    def search(self) -> VectorSearch | None:
        """The search of a store that reads the documents' table too; None for a store across a network."""

    async def check(self, index: VectorIndex) -> None:
        """Check that the store is reachable and can hold the index. Changes nothing visible.

        Raises:
            StartupError: when it cannot hold the index until its configuration is fixed.
            ProviderDownError: when it is unreachable.
        """

    def split(self, batch: VectorBatch) -> list[VectorBatch]:
        """Split the batch into pieces that fit one ``upsert`` each."""

    async def upsert(self, index: VectorIndex, batch: VectorBatch, within: object | None = None) -> None:
        """Write vectors, replacing those with the same keys. Creates the index in the store if it is missing.

        Args:
            index: The index to write to.
            batch: One piece of ``split``.
            within: For a transactional store, the connection whose transaction writes the vectors.

        Raises:
            VectorLengthError: when the index holds vectors of another length.
        """

    async def settle(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Wait until ``query`` finds all vectors of a batch whose pieces have been written.

        Raises:
            ProviderDownError: when that takes too long.
        """

    async def query(
        self,
        index: VectorIndex,
        agent_id: int,
        vector: Vector,
        *,
        limit: int,
        document_ids: Sequence[int] | None = None,
        without: Sequence[tuple[int, int]] = (),
    ) -> list[Match]:
        """An agent's vectors that are nearest to ``vector``, the nearest first.

        Args:
            index: The index to search.
            agent_id: The agent.
            vector: A unit vector, or zeros.
            limit: The largest number of matches.
            document_ids: Search only these documents; None searches all.
            without: Editions to exclude, each (document id, edition). The store excludes them before it applies the
                limit.
        """

    async def compare(
        self, index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]
    ) -> dict[VectorKey, float]:
        """The cosine similarity of each of these vectors that exists, by key, as ``query`` returns it."""

    async def delete(self, index: VectorIndex, agent_id: int, document_id: int, edition: int) -> None:
        """Remove an edition's vectors. They are gone when this returns; it is no error if there were none."""

    async def list_agents(self, index: VectorIndex) -> list[int]:
        """The agents that have vectors in the index."""

    def list_keys(self, index: VectorIndex, agent_id: int) -> AsyncIterator[VectorKey]:
        """The keys of all vectors of an agent, in no order."""

    async def drop(self, index: VectorIndex) -> bool:
        """Remove some vectors of an index; returns whether all are gone. Leaves other data in the store untouched."""

    async def close(self) -> None:
        """Close connections."""
