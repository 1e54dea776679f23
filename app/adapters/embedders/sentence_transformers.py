"""Models of the library sentence-transformers, by name or from a folder."""

import asyncio
import os
import threading
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.adapters.embedders.per_process import PerProcess
from app.adapters.packages import require_packages
from app.domain.errors import StartupError
from app.domain.vectors import EmbeddingResult, TextBatch, Vector

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the thread pool of tokenizers does not survive a fork
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # progress bars would fill the log

BATCH = 32
MOST_THREADS = 4


class SentenceTransformersEmbedder:
    """Makes vectors of the model's own length. Threads can share it; they take turns.

    Each process loads the library and the model at its first use, because torch's threads do not survive a fork. A
    process uses ``OMP_NUM_THREADS`` threads, else a quarter of the cores and four at most: several processes embed at
    the same time, and waiting threads of torch keep cores busy. A folder is loaded without network access. Any other
    name is looked up in the cache of Hugging Face, then at Hugging Face.

    Args:
        model: A name such as ``sentence-transformers/all-MiniLM-L6-v2``, or a folder. Documents record this name.

    Raises:
        StartupError: the package is missing. ``embed`` raises it if the model cannot be loaded.
    """

    provider = None

    def __init__(self, model: str) -> None:
        require_packages("EMBEDDING_PROVIDER=sentence-transformers", "sentence_transformers")
        self._name = model
        self._model = PerProcess(self._load)

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._name

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """Batches of 32 texts."""
        return [TextBatch(first, min(first + BATCH, len(texts))) for first in range(0, len(texts), BATCH)]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Unit vectors of the texts, in order."""
        return EmbeddingResult(await asyncio.to_thread(self._embed, list(texts)) if texts else [])

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _embed(self, texts: list[str]) -> list[Vector]:
        return self._model.get().encode(texts)

    def _load(self) -> "_Model":
        return _Model(self._name)


class _Model:
    """The library's model. One thread uses it at a time, because its tokenizer is not thread-safe."""

    def __init__(self, name: str) -> None:
        import torch  # noqa: PLC0415 - an extra
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - an extra

        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(min(MOST_THREADS, max(1, _count_cores() // 4)))
        self._lock = threading.Lock()
        try:
            self._model: Any = SentenceTransformer(name, local_files_only=Path(name).is_dir())
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise StartupError(f"Cannot load the model {name}: {_summarise(error)}") from error

    def encode(self, texts: list[str]) -> list[Vector]:
        with self._lock:
            vectors = self._model.encode(
                texts, batch_size=BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
            )
        return [array("f", vector.astype("float32").tobytes()) for vector in vectors]


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _summarise(error: BaseException) -> str:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return first[:300]
