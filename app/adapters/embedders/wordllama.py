"""WordLlama: averaged token vectors, small and fast, from the wheel and without a network.

Only the wheel's files are used. Its Python package would import an HTTP client and copy the 16 MB
matrix to twice its size; here the file is mapped, so all processes of a machine share one copy.
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

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its thread pool does not survive a fork
from tokenizers import Tokenizer

BATCH = 64
INLINE_CHARACTERS = 400  # up to this, embedding costs less than the way to a thread and back


class WordLlamaEmbedder:
    """256 numbers a text. Loaded when made; safe to use from several threads and to share across a fork.

    Raises:
        StartupError: when the wheel's files are not there.
    """

    model = "wordllama-l2-256"
    provider = None
    dimensions = 256

    def __init__(self) -> None:
        folder = find_package("EMBEDDING_MODEL=wordllama", "wordllama")
        self._matrix = _map_matrix(folder / "weights" / "l2_supercat_256.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """64 texts each, some hundredths of a second."""
        return [TextBatch(first, min(first + BATCH, len(texts))) for first in range(0, len(texts), BATCH)]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Unit vectors of the texts, in order; that of a text without a token is zero."""
        if sum(map(len, texts)) <= INLINE_CHARACTERS:
            return EmbeddingResult(self._embed(texts))
        return EmbeddingResult(await asyncio.to_thread(self._embed, texts))

    async def close(self) -> None:
        """Nothing is held that would have to be let go of."""

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [self._average(encoding.ids) for encoding in encodings]

    def _average(self, tokens: list[int]) -> Vector:
        total = self._matrix[tokens].astype(np.float32).sum(axis=0)
        return array("f", (total / (np.linalg.norm(total) or 1)).astype(np.float32).tobytes())


def _map_matrix(path: Path) -> NDArray[np.float16]:
    """The one tensor of a safetensors file: eight bytes of header length, a JSON header, the numbers."""
    try:
        with path.open("rb") as file:
            header_length = int.from_bytes(file.read(8), "little")
            tensor = json.loads(file.read(header_length))["embedding.weight"]
    except (OSError, ValueError, KeyError) as error:
        raise StartupError(f"{path.name} of the package wordllama cannot be read.") from error
    if tensor["dtype"] != "F16":
        raise StartupError(f"{path.name} holds {tensor['dtype']} numbers, not F16.")
    offset = 8 + header_length + tensor["data_offsets"][0]
    return np.memmap(path, dtype=np.float16, mode="r", offset=offset, shape=tuple(tensor["shape"]))
