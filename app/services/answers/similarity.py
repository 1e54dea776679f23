"""Cosines of texts by a local embedding model, for the thread in which an answer is made."""

import asyncio
import operator
from collections.abc import Sequence

from app.domain.ports import Embedder
from app.pipeline.answering.quotes import Similarity


def make_similarity(embedder: Embedder | None) -> Similarity | None:
    """Cosines by ``embedder``, which works in the running event loop; None where there is no local model."""
    if embedder is None:
        return None
    loop = asyncio.get_running_loop()

    def compare(text: str, others: Sequence[str]) -> list[float]:
        made = asyncio.run_coroutine_threadsafe(embedder.embed([text, *others]), loop).result()
        first, *rest = made.vectors
        return [sum(map(operator.mul, first, other)) for other in rest]

    return compare
