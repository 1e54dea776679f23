import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from app.adapters.embedders import wordllama
from app.adapters.embedders.wordllama import INLINE_CHARACTERS, WordLlamaEmbedder
from app.domain.errors import StartupError
from app.domain.vectors import Vector
from tests.pipeline.languages import TEXTS


@pytest.fixture(scope="module")
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


async def test_vectors_have_256_numbers(embedder: WordLlamaEmbedder) -> None:
    (vector,) = (await embedder.embed(["a lock"])).vectors
    assert len(vector) == embedder.dimensions == 256


async def test_a_text_without_a_token_has_a_zero_vector(embedder: WordLlamaEmbedder) -> None:
    assert set((await embedder.embed([""])).vectors[0]) == {0.0}


async def test_several_threads_embed_at_once_and_to_the_same_numbers(embedder: WordLlamaEmbedder) -> None:
    texts = ["a long text about water " * 40] * 70
    first, *others = await asyncio.gather(*(embedder.embed(texts) for _ in range(4)))
    assert all(other == first for other in others)


async def test_a_question_is_embedded_without_a_thread(
    embedder: WordLlamaEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    embed = embedder.embed_now

    def watch(texts: Sequence[str]) -> list[Vector]:
        threads.append(threading.current_thread())
        return embed(texts)

    monkeypatch.setattr(embedder, "embed_now", watch)
    await embedder.embed(["x" * INLINE_CHARACTERS])
    await embedder.embed(["x" * (INLINE_CHARACTERS + 1)])
    assert [thread is threading.main_thread() for thread in threads] == [True, False]


def test_loading_it_imports_neither_its_package_nor_an_http_client() -> None:
    program = (
        "import sys; from app.adapters.embedders.wordllama import WordLlamaEmbedder; WordLlamaEmbedder();"
        "assert not {'wordllama', 'requests', 'huggingface_hub', 'httpx'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.packages.find_spec", lambda _: None)
    with pytest.raises(StartupError, match="wordllama"):
        WordLlamaEmbedder()


ODD = (
    "", " ", "  two  spaces   three", "\n\n a\n b\r\n\tc", "\u2581 x\u2581y", "no\u00a0break \u2028 line", "x" * 300,
    "a <s>b</s> <unk>", "\U0001f642 caf\u00e9 \ufb01n \x00", "word " * 70, "\ud7ff\u0301",
)  # fmt: skip


@pytest.mark.parametrize("text", [*TEXTS, *ODD])
def test_the_tokens_of_a_text_are_those_of_the_tokenizer(embedder: WordLlamaEmbedder, text: str) -> None:
    whole = embedder._tokens._tokenizer.encode(text, add_special_tokens=False).ids
    assert embedder._tokens.find(text).tolist() == whole
    assert embedder._tokens.find(text).tolist() == whole


async def test_a_text_has_the_same_vector_alone_and_among_others(embedder: WordLlamaEmbedder) -> None:
    together = (await embedder.embed(TEXTS)).vectors
    assert [(await embedder.embed([text])).vectors[0] for text in TEXTS] == together


def test_the_pieces_that_are_kept_are_bounded(embedder: WordLlamaEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordllama, "_MOST_PIECES", 10)
    embedder._tokens._known.clear()
    embedder._tokens.find(" ".join(f"word{number}" for number in range(100)) + " " + "y" * 100)
    assert 0 < len(embedder._tokens._known) <= 10
    assert max(map(len, embedder._tokens._known)) < 100


async def test_vectors_are_the_normalised_means_of_the_tokens_rows(embedder: WordLlamaEmbedder) -> None:
    texts = [*TEXTS, *ODD, *(f"{text} {number}" for number, text in enumerate(TEXTS * 40))]
    for start in range(0, len(texts), wordllama.BATCH):
        batch = texts[start : start + wordllama.BATCH]
        for text, vector in zip(batch, (await embedder.embed(batch)).vectors, strict=True):
            tokens = embedder._tokens._tokenizer.encode(text, add_special_tokens=False).ids
            mean = embedder._matrix[tokens].astype(np.float64).sum(axis=0)
            assert np.abs(np.asarray(vector) - mean / (np.linalg.norm(mean) or 1)).max() < 1e-6
