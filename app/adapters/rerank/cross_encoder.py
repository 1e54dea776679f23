"""A cross-encoder on onnxruntime: a model that reads the query and a text together and gives one score.

Nogueira and Cho, Passage Re-ranking with BERT, 2019. The folder has the files that such models are published with:
``tokenizer.json``, and ``model.onnx`` or ``onnx/model.onnx``. Nothing is downloaded.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.embedders.per_process import PerProcess
from app.adapters.packages import require_packages
from app.domain.errors import StartupError
from app.domain.vectors import Relevance

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the thread pool of tokenizers does not survive a fork

_MODELS = ("model.onnx", "onnx/model.onnx")
_TOKENIZER = "tokenizer.json"
_PADDINGS = ("[PAD]", "<pad>")
"""The token that fills up shorter pairs; the attention mask leaves it out."""
_MAX_TOKENS = 512
_BATCH = 16
_NEEDED_BY = "RERANK_MODEL"


class CrossEncoder:
    """A reranker in this process. Threads can share it; each process makes its session at its first use.

    The first 512 tokens of query and text count; of a longer pair, the longer part is cut.

    Args:
        folder: The folder of the model.

    Raises:
        StartupError: a package or a file is missing.
    """

    provider = None

    def __init__(self, folder: Path) -> None:
        require_packages(_NEEDED_BY, "onnxruntime", "tokenizers")
        model = next((folder / name for name in _MODELS if (folder / name).is_file()), None)
        if model is None or not (folder / _TOKENIZER).is_file():
            raise StartupError(f"{_NEEDED_BY} needs the files model.onnx and {_TOKENIZER} in {folder}.")
        self._folder, self._path = folder, model
        self._encoder = PerProcess(self._load)

    @property
    def model(self) -> str:
        """The name of the folder."""
        return self._folder.name

    @property
    def batch_size(self) -> int:
        """The largest number of texts that are scored together."""
        return _BATCH

    async def score(self, query: str, texts: Sequence[str]) -> Relevance:
        """Score the texts in a thread."""
        return Relevance(await asyncio.to_thread(self._score, query, list(texts)))

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _score(self, query: str, texts: list[str]) -> list[float]:
        with self._explained():
            return self._encoder.get().score(query, texts)

    def _load(self) -> "_Encoder":
        return _Encoder(self._path, self._folder / _TOKENIZER)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn every error of the libraries, which have no common class, into one that names the folder."""
        try:
            yield
        except Exception as error:
            raise StartupError(f"{_NEEDED_BY}: the model in {self._folder} cannot be used: {error}") from error


class _Encoder:
    """Tokenizer and session of one process."""

    def __init__(self, model: Path, tokenizer: Path) -> None:
        from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 - an extra
        from tokenizers import Tokenizer  # noqa: PLC0415 - reads the variable above

        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(_MAX_TOKENS, strategy="longest_first")
        known = {name: self._tokenizer.token_to_id(name) for name in _PADDINGS}
        padding, number = next((pair for pair in known.items() if pair[1] is not None), (_PADDINGS[0], 0))
        self._tokenizer.enable_padding(pad_id=number, pad_token=padding)
        options = SessionOptions()
        options.enable_cpu_mem_arena = False  # it would never free the memory of the largest batch
        self._session = InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = [one.name for one in self._session.get_inputs()]

    def score(self, query: str, texts: list[str]) -> list[float]:
        """The scores of pairs of the query and each text."""
        pairs = self._tokenizer.encode_batch([(query, text) for text in texts])
        values = {
            "input_ids": [pair.ids for pair in pairs],
            "attention_mask": [pair.attention_mask for pair in pairs],
            "token_type_ids": [pair.type_ids for pair in pairs],
        }
        given = {name: np.array(values[name], dtype=np.int64) for name in self._inputs}
        return [float(score) for score in _read_scores(self._session.run(None, given)[0])]


def _read_scores(output: NDArray[Any]) -> NDArray[np.float64]:
    """One score for each pair: the only output, or the difference between "relevant" and "not relevant"."""
    rows = output.reshape(len(output), -1).astype(np.float64)
    scores: NDArray[np.float64] = rows[:, 0] if rows.shape[1] == 1 else rows[:, -1] - rows[:, 0]
    return scores
