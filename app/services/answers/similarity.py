"""Cosines of texts by a local embedding model, for the thread in which an answer is made."""

import asyncio
import operator
from collections.abc import Sequence

from app.domain.ports import Embedder
from app.pipeline.answering.quotes import Similarity


def make_similarity(embedder: Embedder | None) -> Similarity | None:
    """Cosines by ``embedder``, which works in the running event loop; None where there is no local model.

    The vectors are kept for as long as the function is: each sentence of an answer is compared with the same
    sentences of the passages. Make one function for each answer.
    """
    if embedder is None:
        return None
    loop, vectors = asyncio.get_running_loop(), dict[str, Sequence[float]]()

    def compare(text: str, others: Sequence[str]) -> list[float]:
        missing = [one for one in dict.fromkeys((text, *others)) if one not in vectors]
        if missing:
            made = asyncio.run_coroutine_threadsafe(embedder.embed(missing), loop).result()
            vectors.update(zip(missing, made.vectors, strict=True))
        return [sum(map(operator.mul, vectors[text], vectors[other])) for other in others]

    return compare
