"""Where vectors are kept."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from app.domain.vectors import Match, Vector, VectorBatch, VectorIndex, VectorKey


class VectorStore(Protocol):
    """Keeps the vectors of chunks, and finds those of one agent that are like another vector.

    What is of one index or agent is never seen in another's. Stores across a network are asked through
    ``app.services.providers.calls`` only, and their methods raise ``ProviderBusyError``, ``ProviderDownError``,
    ``ProviderCredentialsError`` and ``ProviderRequestError``.
    """

    @property
    def name(self) -> str:
        """What the settings call it, which is also its name as a provider: pgvector, pinecone, qdrant."""

    @property
    def transactional(self) -> bool:
        """Whether vectors are written in the transaction that publishes them, rather than before it."""

    async def check(self, index: VectorIndex) -> None:
        """Try the store, and whether it can hold the index. Changes nothing that others see.

        Raises:
            StartupError: when it cannot, and will not until somebody mends it.
            ProviderDownError: when it cannot be reached now.
        """

    def split(self, batch: VectorBatch) -> list[VectorBatch]:
        """The batch in pieces that one ``upsert`` each can take."""

    async def upsert(self, index: VectorIndex, batch: VectorBatch, within: object | None = None) -> None:
        """Write vectors; one written before under the same key is replaced. The index is made if it is not there.

        Args:
            index: Where.
            batch: One piece.
            within: The connection in whose transaction to write, where the store is transactional; else unused.

        Raises:
            VectorLengthError: when the index holds vectors of another length.
        """

    async def settle(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Return once ``query`` sees a whole batch whose pieces have been written.

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
        """An agent's vectors that are most like ``vector``, the most alike first.

        Args:
            index: Where.
            agent_id: Whose.
            vector: A unit vector, or zeros.
            limit: Matches at most.
            document_ids: Only those of these documents; None: of all.
            without: Editions to leave out, each (document id, edition). Left out in the index, not after it.
        """

    async def compare(
        self, index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]
    ) -> dict[VectorKey, float]:
        """How alike those of these vectors are that are there: the cosine by key, as ``query`` gives it."""

    async def delete(self, index: VectorIndex, agent_id: int, document_id: int, edition: int) -> None:
        """Remove an edition's vectors. When this returns, they are gone; that there were none is no error."""

    async def list_agents(self, index: VectorIndex) -> list[int]:
        """The agents that have vectors in the index."""

    def list_keys(self, index: VectorIndex, agent_id: int) -> AsyncIterator[VectorKey]:
        """The keys of all vectors of an agent, in no order."""

    async def drop(self, index: VectorIndex) -> bool:
        """Remove some of what an index holds; returns whether all of it is gone. What others keep there stays."""

    async def close(self) -> None:
        """Let go of connections."""
