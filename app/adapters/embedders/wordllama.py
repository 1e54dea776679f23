"""WordLlama: averaged token vectors, small and fast, from a wheel and without network access.

Only the wheel's data files are used. Its Python code would import an HTTP client and copy the 16 MB matrix into twice
that memory. Here the file is memory-mapped, so all processes of a machine share one copy.
"""

import asyncio
import json
import os
import re
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

BATCH = 256
"""Texts whose different tokens are read once: of more texts, fewer tokens are new."""
INLINE_CHARACTERS = 20_000  # up to this length, embedding takes two milliseconds, less than switches to a thread cost
_SPACE = "\u2581"
"""What the tokenizer reads in place of a space. Tokens contain it at their beginning only, and a line break nowhere."""
_PIECE = re.compile(f"{_SPACE}*[^{_SPACE}\n]+|{_SPACE}+|\n")
_MOST_PIECES = 16_384
_LONGEST_PIECE = 32


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
        self._tokens = _Tokens(folder / "tokenizers" / "l2_supercat_tokenizer_config.json")

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """Batches of 256 texts, which take some hundredths of a second."""
        return [TextBatch(first, min(first + BATCH, len(texts))) for first in range(0, len(texts), BATCH)]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Unit vectors of the texts, in order; zeros for a text without tokens."""
        if sum(map(len, texts)) <= INLINE_CHARACTERS:
            return EmbeddingResult(self.embed_now(texts))
        return EmbeddingResult(await asyncio.to_thread(self.embed_now, texts))

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def embed_now(self, texts: Sequence[str]) -> list[Vector]:
        """``embed`` in this thread."""
        found = [self._tokens.find(text) for text in texts]
        if len(found) == 1:
            return [_average(self._matrix[found[0]].astype(np.float32))]
        used = np.zeros(len(self._matrix), dtype=bool)
        for tokens in found:
            used[tokens] = True
        # Each token's row is read and converted once, however often the texts contain it.
        chosen = np.flatnonzero(used)
        rows = self._matrix[chosen].astype(np.float32)
        places = np.zeros(len(self._matrix), dtype=np.intp)
        places[chosen] = np.arange(len(chosen))
        return [_average(rows.take(places.take(tokens), axis=0)) for tokens in found]


class _Tokens:
    """Finds the tokens of texts, word by word, since texts repeat their words.

    The tokenizer itself would merge the characters of the whole text. No token crosses the beginning of a word, so the
    tokens are the same.
    """

    def __init__(self, file: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(file))
        self._added = re.compile(
            "|".join(re.escape(token.content) for token in self._tokenizer.get_added_tokens_decoder().values())
            or "(?!)"
        )
        self._known: dict[str, bytes] = {}

    def find(self, text: str) -> NDArray[np.uint16]:
        """The ids of the tokens of a text, in order."""
        if not text:
            return np.zeros(0, dtype=np.uint16)
        if self._added.search(text):  # they are tokens wherever they stand
            return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.uint16)
        pieces = _PIECE.findall(_SPACE + text.replace(" ", _SPACE))
        known = self._known
        return np.frombuffer(b"".join([known.get(piece) or self._split(piece) for piece in pieces]), dtype=np.uint16)

    def _split(self, piece: str) -> bytes:
        found = array("H", (token.id for token in self._tokenizer.model.tokenize(piece))).tobytes()
        if len(piece) <= _LONGEST_PIECE:
            if len(self._known) >= _MOST_PIECES:
                self._known.clear()
            self._known[piece] = found
        return found


def _average(rows: NDArray[np.float32]) -> Vector:
    total = rows.sum(axis=0)
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
    return np.asarray(np.memmap(path, dtype=np.float16, mode="r", offset=offset, shape=tuple(tensor["shape"])))
