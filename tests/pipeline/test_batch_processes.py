"""Child processes that index batches: to the same words and vectors as in this process, cancelled at once."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import psutil
import pytest

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.db.codecs import EncodedLexemes, decode_tsvector, encode_tsvector
from app.domain.errors import ServiceUnavailableError
from app.pipeline.sandbox.batches import BatchProcesses
from app.pipeline.words.lexemes import lexemes
from tests.deadlines import deadline, wait_until
from tests.pipeline.languages import TEXTS

PROGRAM, MODEL = "app.tasks.batch_child", WordLlamaEmbedder.model
ODD = ["", " ", "x" * 10_000, "a\x00b \u2028 c", "\U0001f642 caf\u00e9", "\udcff"]
LONG = ["the keeper of the lock opens the gates " * 25] * 20_000
"""A batch that takes seconds."""


@asynccontextmanager
async def processes(*, size: int = 2, idle: float = 60, program: str = PROGRAM) -> AsyncIterator[BatchProcesses]:
    made = BatchProcesses(program, {MODEL}, size=size, idle_seconds=idle)
    try:
        yield made
    finally:
        await made.close()
        assert children() == []


def children() -> list[psutil.Process]:
    """The children of this process that index batches."""
    found = []
    for child in psutil.Process().children():
        try:
            if PROGRAM in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def has_ended(child: psutil.Process) -> bool:
    """Whether the parent may read the child's exit code. A process that ends has no command line a little before."""
    try:
        return child.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_words_counts_and_vectors_are_those_that_this_process_makes() -> None:
    texts = [*TEXTS, *ODD[:-1]]
    async with processes() as made:
        indexed = await made.index("the name.txt", texts, model=MODEL)
    words = [lexemes(f"the name.txt\n{text}") for text in texts]
    assert list(indexed.words) == list(map(encode_tsvector, words))
    assert indexed.counts == Counter(lexeme for found in words for lexeme in found)
    expected = WordLlamaEmbedder().embed_now(texts)
    assert all(np.abs(np.subtract(*pair)).max() < 1e-6 for pair in zip(indexed.vectors, expected, strict=True))


async def test_no_vectors_are_made_unless_a_model_is_named() -> None:
    async with processes() as made:
        assert (await made.index("", ["a lock"], model=None)).vectors == []
        assert len((await made.index("", ["a lock"], model=MODEL)).vectors) == 1


def test_encoded_lexemes_are_read_like_those_that_they_were_made_of() -> None:
    for text in TEXTS:
        found = lexemes(text)
        encoded = EncodedLexemes(encode_tsvector(found))
        assert dict(encoded) == found
        assert len(encoded) == len(found)
        assert decode_tsvector(encode_tsvector(encoded)) == found


async def test_batches_run_in_as_many_processes_as_there_may_be() -> None:
    async with processes(size=2) as made:
        assert children() == []
        await asyncio.gather(*(made.index("", TEXTS, model=MODEL) for _ in range(6)))
        assert len(children()) == 2


async def test_a_process_without_work_ends() -> None:
    async with processes(idle=0.05) as made:
        await made.index("", ["a lock"], model=MODEL)
        await wait_until(lambda: not children(), "the idle process to end")
        assert (await made.index("", ["a lock"], model=MODEL)).counts == {"a": 1, "lock": 1}


async def test_cancelling_a_batch_ends_its_process_at_once() -> None:
    async with processes() as made:
        working = asyncio.create_task(made.index("", LONG, model=MODEL))
        await wait_until(children, "the process to start")
        working.cancel()
        async with asyncio.timeout(deadline(5)):
            with pytest.raises(asyncio.CancelledError):
                await working
            await wait_until(lambda: not children(), "the process to end")


async def test_a_killed_process_fails_its_batch_for_now_and_the_next_batch_has_another() -> None:
    async with processes(size=1) as made:
        working = asyncio.create_task(made.index("", LONG, model=MODEL))
        await wait_until(children, "the process to start")
        os.kill(children()[0].pid, signal.SIGKILL)
        with pytest.raises(ServiceUnavailableError, match="SIGKILL") as failure:
            await working
        assert failure.value.retryable
        assert (await made.index("", ["a lock"], model=MODEL)).counts == {"a": 1, "lock": 1}


async def test_an_idle_process_that_died_is_replaced() -> None:
    async with processes(size=1) as made:
        await made.index("", ["a lock"], model=MODEL)
        [child] = children()
        child.kill()
        await wait_until(lambda: has_ended(child), "the process to die")
        assert (await made.index("", ["a lock"], model=MODEL)).counts == {"a": 1, "lock": 1}


async def test_an_error_of_a_batch_is_reported_and_the_next_batch_is_made() -> None:
    async with processes(size=1) as made:
        with pytest.raises(RuntimeError, match="UnicodeEncodeError"):
            await made.index("", [ODD[-1]], model=MODEL)
        assert (await made.index("", ["a lock"], model=MODEL)).counts == {"a": 1, "lock": 1}


async def test_closing_ends_a_batch_that_runs() -> None:
    async with processes() as made:
        working = asyncio.create_task(made.index("", LONG, model=MODEL))
        await wait_until(children, "the process to start")
        await made.close()
        with pytest.raises(ServiceUnavailableError):
            await working
        with pytest.raises(ServiceUnavailableError):
            await made.index("", ["a lock"], model=MODEL)


async def test_the_processes_have_no_secrets_in_their_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    async with processes() as made:
        await made.index("", ["a lock"], model=MODEL)
        assert "OPENAI_API_KEY" not in children()[0].environ()


async def test_a_batch_that_is_cancelled_while_its_child_starts_leaves_no_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with processes() as made:
        connecting = asyncio.Event()

        async def connect_never(**_socket: object) -> None:
            connecting.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "open_connection", connect_never)
            batch = asyncio.create_task(made.index("", ["a lock"], model=None))
            async with asyncio.timeout(deadline(5)):
                await connecting.wait()
            batch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await batch
        assert children() == []
        assert (await made.index("", ["a lock"], model=None)).vectors == []
