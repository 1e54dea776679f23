import asyncio
import math
import multiprocessing
import subprocess
import sys

import pytest

from app.adapters.wordllama import WordLlamaEmbedder
from app.domain.errors import StartupError
from app.domain.ports import Vector

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


def similarity(first: Vector, second: Vector) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


async def test_vectors_are_of_unit_length_and_in_order(embedder: WordLlamaEmbedder) -> None:
    texts = [f"Text number {n} is about sluices. " * (n % 7 + 1) for n in range(150)]
    vectors = await embedder.embed(texts)
    assert [len(vector) for vector in vectors] == [embedder.dimensions] * len(texts)
    assert all(math.isclose(similarity(vector, vector), 1, abs_tol=1e-5) for vector in vectors)
    assert list((await embedder.embed([texts[77]]))[0]) == pytest.approx(list(vectors[77]), abs=1e-6)


async def test_a_question_is_nearer_to_its_answer_than_to_something_else(embedder: WordLlamaEmbedder) -> None:
    question, answer, other = await embedder.embed(
        ["How deep may a ship lie at the gate?", "The draught of vessels at the gate is 4 metres.", "Bake for an hour."]
    )
    assert similarity(question, answer) > similarity(question, other) + 0.1


async def test_a_text_without_a_token_has_a_zero_vector(embedder: WordLlamaEmbedder) -> None:
    assert set((await embedder.embed([""]))[0]) == {0.0}


async def test_several_threads_embed_at_once(embedder: WordLlamaEmbedder) -> None:
    texts = ["a long text about water " * 40] * 70
    first, *others = await asyncio.gather(*(embedder.embed(texts) for _ in range(4)))
    assert all(other == first for other in others)


def _embed_in_child(embedder: WordLlamaEmbedder) -> list[Vector]:
    return asyncio.run(embedder.embed(["the lock is open " * 50]))


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_it_serves_a_child_that_was_forked_after_it_was_loaded(embedder: WordLlamaEmbedder) -> None:
    expected = _embed_in_child(embedder)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_embed_in_child, (embedder,)).get(timeout=30) == expected


def test_loading_it_imports_neither_its_package_nor_an_http_client() -> None:
    program = (
        "import sys; from app.adapters.wordllama import WordLlamaEmbedder; WordLlamaEmbedder();"
        "assert not {'wordllama', 'requests', 'huggingface_hub', 'httpx'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.wordllama.find_spec", lambda _: None)
    with pytest.raises(StartupError, match="wordllama"):
        WordLlamaEmbedder()
