"""WordLlama: averaged token vectors, small and fast, from a wheel and without network access.

Only the wheel's data files are used. Its Python code would import an HTTP client and copy the 16 MB matrix into twice
that memory. Here the file is memory-mapped, so all processes of a machine share one copy.
"""

import asyncio
import json
import os
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.adapters.packages import find_package
from app.domain.errors import StartupError
from app.domain.vectors import EmbeddingResult, TextBatch, Vector

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the thread pool of tokenizers does not survive a fork
from tokenizers import Tokenizer

BATCH = 64
INLINE_CHARACTERS = 400  # up to this length, embedding takes less time than a switch to a thread


class WordLlamaEmbedder:
    """Makes vectors of 256 numbers. Threads can share it, and so can processes across a fork.

    Raises:
        StartupError: the wheel or one of its files is missing.
    """

    model = "wordllama-l2-256"
    provider = None
    dimensions = 256

    def __init__(self) -> None:
        folder = find_package("EMBEDDING_MODEL=wordllama", "wordllama")
        self._matrix = _map_matrix(folder / "weights" / "l2_supercat_256.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """Batches of 64 texts, which take some hundredths of a second."""
        return [TextBatch(first, min(first + BATCH, len(texts))) for first in range(0, len(texts), BATCH)]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Unit vectors of the texts, in order; zeros for a text without tokens."""
        if sum(map(len, texts)) <= INLINE_CHARACTERS:
            return EmbeddingResult(self._embed(texts))
        return EmbeddingResult(await asyncio.to_thread(self._embed, texts))

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [self._average(encoding.ids) for encoding in encodings]

    def _average(self, tokens: list[int]) -> Vector:
        total = self._matrix[tokens].astype(np.float32).sum(axis=0)
        return array("f", (total / (np.linalg.norm(total) or 1)).astype(np.float32).tobytes())


def _map_matrix(path: Path) -> NDArray[np.float16]:
    """Map the only tensor of a safetensors file: eight bytes of header length, a JSON header, the numbers."""
    try:
        with path.open("rb") as file:
            header_length = int.from_bytes(file.read(8), "little")
            tensor = json.loads(file.read(header_length))["embedding.weight"]
    except (OSError, ValueError, KeyError) as error:
        raise StartupError(f"Cannot read {path.name} of the package wordllama.") from error
    if tensor["dtype"] != "F16":
        raise StartupError(f"{path.name} of the package wordllama holds {tensor['dtype']} numbers, not F16.")
    offset = 8 + header_length + tensor["data_offsets"][0]
    return np.memmap(path, dtype=np.float16, mode="r", offset=offset, shape=tuple(tensor["shape"]))
