"""A provider is paid once per text, even if several tasks need it or a process dies."""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.db.vectors.embedded_texts import claim_texts
from app.domain.errors import ProviderBusyError, ProviderDownError, ProviderPausedError, ProviderRequestError
from app.domain.vectors import EmbeddingResult
from app.services.providers import embedding as service
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding
from tests.deadlines import deadline, wait_until
from tests.running import ROOT
from tests.services.outside import (
    ACCOUNT,
    CLAIM_SECONDS,
    PROVIDER,
    SHORT_CLAIM_SECONDS,
    NoLimits,
    PaidEmbedder,
    Steps,
    count_held,
    embed,
    fetch,
    let_pass,
    vector_of,
    vectors_of,
    write,
)


async def test_every_text_gets_its_vector_in_order_and_is_paid_for_once_however_often_it_occurs(
    embedding: Embedding, database: Database
) -> None:
    embedder, texts = PaidEmbedder(), [*write(25), *write(25), "text 3", ""]
    assert await embed(embedding, embedder, texts) == vectors_of(texts)
    assert embedder.paid == Counter(write(25)) + Counter([""])
    assert embedder.requests == 3
    assert await count_held(database) == 0


async def test_what_was_paid_for_once_costs_nothing_later_and_of_many_texts_only_new_ones_are_asked_for(
    embedding: Embedding, other: Embedding
) -> None:
    first, second = PaidEmbedder(100), PaidEmbedder(100)
    await embed(embedding, first, write(1200))
    assert await embed(other, second, write(1210)) == vectors_of(write(1210))
    assert second.paid == Counter(write(10, 1200))


async def test_progress_is_told_after_each_request_and_never_goes_back(
    embedding: Embedding,
) -> None:
    await embed(embedding, PaidEmbedder(), write(10))
    steps = Steps()
    await embedding.embed(PaidEmbedder(), [*write(40), *write(5)], ACCOUNT, steps)
    assert steps.done[0] == 15
    assert {15, 25, 35, 45} <= set(steps.done)
    assert steps.done == sorted(steps.done)


async def test_a_failure_in_the_middle_keeps_what_was_paid_and_lets_others_have_the_rest(
    embedding: Embedding, other: Embedding, database: Database
) -> None:
    embedder = PaidEmbedder()
    embedder.errors[3] = ProviderDownError("out of order")
    with pytest.raises(ProviderDownError):
        await embed(embedding, embedder, write(50))
    assert embedder.paid == Counter(write(20))
    assert await count_held(database) == 0
    again = PaidEmbedder()
    assert await embed(other, again, write(50)) == vectors_of(write(50))
    assert again.paid == Counter(write(30, 20)), "the rest, once"


@pytest.mark.parametrize("error", [ProviderBusyError(retry_after=60), ProviderPausedError(), ProviderRequestError()])
async def test_that_a_provider_cannot_be_asked_now_is_passed_on_with_what_was_paid_kept(
    embedding: Embedding, error: Exception
) -> None:
    embedder = PaidEmbedder()
    embedder.errors[2] = error
    with pytest.raises(type(error)):
        await embed(embedding, embedder, write(20))
    assert embedder.paid == Counter(write(10))
    assert await embed(embedding, embedder, write(10)) == vectors_of(write(10))
    assert embedder.requests == 2


async def test_two_tasks_that_want_the_same_texts_at_once_pay_once(
    embedding: Embedding, other: Embedding, database: Database
) -> None:
    embedder = PaidEmbedder(100)
    embedder.go_on.clear()
    first = asyncio.create_task(embed(embedding, embedder, write(50)))
    await embedder.began.wait()
    second = asyncio.create_task(embed(other, embedder, write(80)))
    await wait_until(lambda: embedder.requests == 2, "the second to ask for what it alone wants")
    embedder.go_on.set()
    assert await first == vectors_of(write(50))
    assert await second == vectors_of(write(80))
    assert embedder.paid == Counter(write(80))
    assert await count_held(database) == 0


async def test_a_reservation_lasts_as_long_as_its_request_however_long_that_takes(
    other: Embedding, database: Database
) -> None:
    embedder = PaidEmbedder()
    embedder.go_on.clear()
    embedding = Embedding(database, ProviderCalls(database, NoLimits()), claim_seconds=SHORT_CLAIM_SECONDS)
    first = asyncio.create_task(embed(embedding, embedder, write(5)))
    await embedder.began.wait()
    second = asyncio.create_task(embed(other, embedder, write(5)))
    until = "SELECT min(held_until) AS first, max(held_until) AS last FROM embedded_texts"
    [begun] = now = await fetch(database, until)
    async with asyncio.timeout(deadline(60)):
        while now[0].first - begun.last < timedelta(seconds=SHORT_CLAIM_SECONDS):
            await asyncio.sleep(0.05)
            now = await fetch(database, until)
    embedder.go_on.set()
    assert await first == await second == vectors_of(write(5))
    assert embedder.requests == 1


async def test_what_a_killed_process_was_asking_for_is_asked_for_by_another(
    database_url: str, embedding: Embedding, database: Database
) -> None:
    command = [sys.executable, "-m", "tests.services.caller", "embed", database_url, *write(5)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    assert await process.stdout.readline() == b"asked\n"
    embedder = PaidEmbedder()
    taking = asyncio.create_task(embed(embedding, embedder, write(6)))
    await wait_until(embedder.paid.total, "what is free to be paid for")
    assert embedder.paid == Counter(write(1, 5)), "only texts that the other process had not claimed"
    process.kill()
    await process.wait()
    await let_pass(database, CLAIM_SECONDS)
    assert await taking == vectors_of(write(6))
    assert embedder.paid == Counter(write(6))


async def test_who_waits_for_others_too_long_gives_its_place_back(database: Database) -> None:
    embedder = PaidEmbedder()
    embedder.go_on.clear()
    providers = ProviderCalls(database, NoLimits())
    first = asyncio.create_task(embed(Embedding(database, providers), embedder, write(5)))
    await embedder.began.wait()
    with pytest.raises(ProviderBusyError, match=f"Waiting for provider {PROVIDER}") as raised:
        await embed(Embedding(database, providers, wait_seconds=0.1), embedder, write(5))
    assert raised.value.retry_after
    embedder.go_on.set()
    await first
    assert embedder.requests == 1


async def test_a_task_that_is_cancelled_lets_others_ask_at_once(database: Database) -> None:
    embedding = Embedding(database, ProviderCalls(database, NoLimits()), claim_seconds=600)
    embedder = PaidEmbedder()
    embedder.go_on.clear()
    first = asyncio.create_task(embed(embedding, embedder, write(5)))
    await embedder.began.wait()
    first.cancel()
    await asyncio.wait({first})
    assert await count_held(database) == 0
    embedder.go_on.set()
    async with asyncio.timeout(deadline(20)):
        assert await embed(embedding, embedder, write(5)) == vectors_of(write(5))


async def test_what_is_answered_while_the_task_is_cancelled_is_kept_and_counted(
    embedding: Embedding, database: Database
) -> None:
    class Cancelling(PaidEmbedder):
        async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
            embedded = await super().embed(texts)
            task.cancel()
            return embedded

    task = asyncio.create_task(embed(embedding, Cancelling(), write(25)))
    await asyncio.wait({task})
    assert task.cancelled()
    assert await count_held(database) == 0
    [usage] = await fetch(database, "SELECT requests, input_tokens FROM provider_usage")
    assert tuple(usage) == (1, 10)
    again = PaidEmbedder()
    assert await embed(embedding, again, write(25)) == vectors_of(write(25))
    assert again.paid == Counter(write(15, 10))


async def test_a_task_that_is_cancelled_while_it_reserves_texts_leaves_none_reserved(
    embedding: Embedding, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hold_and_be_cancelled(*arguments: Any) -> set[bytes]:
        await claim_texts(*arguments)
        raise asyncio.CancelledError

    monkeypatch.setattr(service, "claim_texts", hold_and_be_cancelled)
    with pytest.raises(asyncio.CancelledError):
        await embed(embedding, PaidEmbedder(), write(5))
    assert await count_held(database) == 0


async def test_many_tasks_that_want_overlapping_texts_in_any_order_never_block_one_another_and_pay_once(
    database: Database,
) -> None:
    embedder, chance = PaidEmbedder(), random.Random(3)  # noqa: S311 - not a secret

    async def want() -> None:
        embedding = Embedding(database, ProviderCalls(database, NoLimits()), claim_seconds=CLAIM_SECONDS)
        for _ in range(3):
            texts = chance.sample(write(120), 70)
            assert await embed(embedding, embedder, texts) == vectors_of(texts)

    async with asyncio.timeout(deadline(30)):  # no deadlock has to be found and broken
        await asyncio.gather(*(want() for _ in range(8)))
    assert set(embedder.paid.values()) == {1}
    assert await count_held(database) == 0


async def test_no_connection_is_held_while_a_request_runs(embedding: Embedding, engine: AsyncEngine) -> None:
    embedder = PaidEmbedder()
    embedder.go_on.clear()
    running = asyncio.create_task(embed(embedding, embedder, write(5)))
    await embedder.began.wait()
    assert "Checked out connections: 0" in engine.pool.status()
    embedder.go_on.set()
    await running


async def test_a_model_that_computes_here_needs_no_database_and_no_provider() -> None:
    class LocalEmbedder(PaidEmbedder):
        provider: str | None = None  # type: ignore[assignment]  # PaidEmbedder's is never None

    nothing: Database = None  # type: ignore[assignment]  # any use of it would fail
    steps, embedding = Steps(), Embedding(nothing, ProviderCalls(nothing, NoLimits()))
    texts = [*write(15), *write(15)]
    assert await embedding.embed(LocalEmbedder(), texts, ACCOUNT, steps) == vectors_of(texts)
    assert steps.done == [10, 20, 30]
    assert await embedding.embed_query(LocalEmbedder(), "what?", ACCOUNT) == vector_of("what?")
