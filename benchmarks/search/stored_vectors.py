"""Vectors that are kept between runs: embedding the sets takes most of the time of a run."""

import sqlite3
from array import array
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from app.domain.ports import Embedder
from app.domain.vectors import EmbeddingResult, TextBatch, Vector


class StoredVectors:
    """An embedder that embeds each text once, in all runs with the same folder.

    A file of the folder has the vectors of one model, each under the SHA-256 of its text.

    Args:
        embedder: The model.
        folder: Where the vectors are kept; None: in memory, until the end of the run.
    """

    def __init__(self, embedder: Embedder, folder: Path | None) -> None:
        self._embedder = embedder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{embedder.model.replace('/', '_')}.sqlite" if folder else ":memory:"
        self._file = sqlite3.connect(path)
        self._file.execute("CREATE TABLE IF NOT EXISTS vectors (hash BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    @property
    def model(self) -> str:
        """The model's name."""
        return self._embedder.model

    @property
    def provider(self) -> str | None:
        """The remote provider; None for a local model."""
        return self._embedder.provider

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """The batches of the model."""
        return self._embedder.batches(texts)

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """The vectors of the texts, of which only those without a stored one are embedded."""
        missing = [text for text in dict.fromkeys(texts) if self._find(text) is None]
        for batch in self._embedder.batches(missing):
            part = missing[batch.start : batch.end]
            made = (await self._embedder.embed(part)).vectors
            rows = [(_hash(text), array("f", vector).tobytes()) for text, vector in zip(part, made, strict=True)]
            with self._file:
                self._file.executemany("INSERT INTO vectors VALUES (?, ?)", rows)
        return EmbeddingResult([vector for text in texts if (vector := self._find(text)) is not None])

    def _find(self, text: str) -> Vector | None:
        row = self._file.execute("SELECT vector FROM vectors WHERE hash = ?", (_hash(text),)).fetchone()
        return array("f", row[0]) if row else None

    async def close(self) -> None:
        """Close the file and the model's connections."""
        self._file.close()
        await self._embedder.close()


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()
