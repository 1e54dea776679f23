"""Search: the chunks of an agent's documents that fit a query."""

from collections.abc import Mapping
from typing import Any, Literal

from app.db.chunks import Hit, search
from app.db.engine import Database
from app.domain.ports import Embedder
from app.pipeline.lexemes import query_lexemes

Mode = Literal["hybrid", "vector", "text"]


class Search:
    """Finds chunks by words, by meaning, or by both."""

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder

    async def find(
        self, agent_id: int, query: str, *, top_k: int, mode: Mode = "hybrid", where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        """The ``top_k`` chunks that fit ``query`` best, the best first.

        Args:
            agent_id: Whose documents; the caller has checked that they may be read.
            query: Words or a question, in any language.
            top_k: Chunks at most.
            mode: Words (``text``), meaning (``vector``), or both ranked together (``hybrid``).
            where: Metadata that a document must have.
        """
        vector = None if mode == "text" else (await self._embedder.embed([query]))[0]
        async with self._database.transaction() as connection:
            return await search(
                connection,
                agent_id=agent_id,
                query_lexemes=query_lexemes(query),
                query_vector=vector,
                mode=mode,
                top_k=top_k,
                filter=where,
            )
