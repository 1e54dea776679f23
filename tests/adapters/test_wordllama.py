import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest

from app.adapters.embedders.wordllama import INLINE_CHARACTERS, WordLlamaEmbedder
from app.domain.errors import StartupError
from app.domain.vectors import Vector


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
    embed = embedder._embed

    def watch(texts: Sequence[str]) -> list[Vector]:
        threads.append(threading.current_thread())
        return embed(texts)

    monkeypatch.setattr(embedder, "_embed", watch)
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
