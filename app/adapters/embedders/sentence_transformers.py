"""Any model of the library sentence-transformers, by name or from a folder."""

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

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its thread pool does not survive a fork
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # logs are no terminal

BATCH = 32
MOST_THREADS = 4


class SentenceTransformersEmbedder:
    """Vectors as long as the model makes them. Safe to use from several threads, which wait for one another.

    The library and the model are loaded at the first use, in each process that uses them: torch's threads do not
    survive a fork. A process uses a quarter of the cores and four at most, since several embed at once and waiting
    threads of torch keep cores busy; or as many as ``OMP_NUM_THREADS`` says. A name that is no folder is looked for
    at Hugging Face and in its cache; for a folder, the network is never asked.

    Args:
        model: A name such as ``sentence-transformers/all-MiniLM-L6-v2``, or a folder; also the name recorded.

    Raises:
        StartupError: when the extra is missing; from ``embed``, when the model cannot be loaded.
    """

    provider = None

    def __init__(self, model: str) -> None:
        require_packages("EMBEDDING_PROVIDER=sentence-transformers", "sentence_transformers")
        self._name = model
        self._model = PerProcess(self._load)

    @property
    def model(self) -> str:
        """The name that was given."""
        return self._name

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """32 texts each."""
        return [TextBatch(first, min(first + BATCH, len(texts))) for first in range(0, len(texts), BATCH)]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Unit vectors of the texts, in order."""
        return EmbeddingResult(await asyncio.to_thread(self._embed, list(texts)) if texts else [])

    async def close(self) -> None:
        """Nothing is held that would have to be let go of."""

    def _embed(self, texts: list[str]) -> list[Vector]:
        return self._model.get().encode(texts)

    def _load(self) -> "_Model":
        return _Model(self._name)


class _Model:
    """The library's model, which one thread uses at a time: its tokenizer is not made for more."""

    def __init__(self, name: str) -> None:
        import torch  # noqa: PLC0415 (an extra)
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 (an extra)

        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(min(MOST_THREADS, max(1, _count_cores() // 4)))
        self._lock = threading.Lock()
        try:
            self._model: Any = SentenceTransformer(name, local_files_only=Path(name).is_dir())
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise StartupError(f"The model {name} cannot be loaded: {_summarise(error)}") from error

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
