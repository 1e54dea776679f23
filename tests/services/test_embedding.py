"""Vectors that a provider is paid for: each text once, whoever wants it and whoever dies."""

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.embedded_texts import forget_embedded
from app.db.engine import Database
from app.db.provider_usage import list_usage
from app.domain.errors import ProviderBusyError, ProviderDownError, ProviderPausedError, ProviderRejectedError
from app.domain.vectors import Account, Vector
from app.services.embedding import Embedding
from app.services.providers import Providers
from app.settings import Settings
from tests.running import ROOT
from tests.services.outside import HOLD_SECONDS, PROVIDER, NoLimits, PaidEmbedder, fetch, vector_of, wait_until

pytestmark = pytest.mark.anyio

ACCOUNT = Account(1, 7)


@pytest.fixture
def embedding(database: Database) -> Embedding:
    return Embedding(database, Providers(database, NoLimits()), hold_seconds=HOLD_SECONDS)


@pytest.fixture
def other(database: Database) -> Embedding:
    """The same in another process, as far as it can know."""
    return Embedding(database, Providers(database, NoLimits()), hold_seconds=HOLD_SECONDS)


class Steps:
    """What a task was told of its progress."""

    def __init__(self) -> None:
        self.done: list[int] = []

    async def __call__(self, done: int) -> None:
        self.done.append(done)


def write(count: int, first: int = 0) -> list[str]:
    """So many texts, no two alike."""
    return [f"text {number}" for number in range(first, first + count)]


async def embed(embedding: Embedding, embedder: PaidEmbedder, texts: Sequence[str]) -> list[Vector]:
    return await embedding.embed(embedder, texts, ACCOUNT, Steps())


def vectors_of(texts: Sequence[str]) -> list[Vector]:
    return [vector_of(words) for words in texts]


async def count_held(database: Database) -> int:
    [row] = await fetch(database, "SELECT count(*) AS held FROM embedded_texts WHERE vector IS NULL")
    return int(row.held)


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


@pytest.mark.parametrize("error", [ProviderBusyError(retry_after=60), ProviderPausedError(), ProviderRejectedError()])
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
    embedding: Embedding, other: Embedding, database: Database
) -> None:
    embedder = PaidEmbedder()
    embedder.go_on.clear()
    first = asyncio.create_task(embed(embedding, embedder, write(5)))
    await embedder.began.wait()
    second = asyncio.create_task(embed(other, embedder, write(5)))
    [begun] = await fetch(database, "SELECT max(held_until) AS until FROM embedded_texts")
    async with asyncio.timeout(30):
        while True:
            [now] = await fetch(database, "SELECT min(held_until) AS until FROM embedded_texts")
            if now.until - begun.until > timedelta(seconds=1.5 * HOLD_SECONDS):
                break  # without renewal it would be another's by now
            await asyncio.sleep(0.02)
    assert not second.done()
    embedder.go_on.set()
    assert await first == await second == vectors_of(write(5))
    assert embedder.requests == 1


async def test_what_a_killed_process_was_asking_for_is_asked_for_by_another(
    settings: Settings, embedding: Embedding
) -> None:
    command = [sys.executable, "-m", "tests.services.caller", "embed", settings.database_url or "", *write(5)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    assert await process.stdout.readline() == b"asked\n"
    embedder = PaidEmbedder()
    taking = asyncio.create_task(embed(embedding, embedder, write(6)))
    await wait_until(embedder.paid.total, "what is free to be paid for")
    assert embedder.paid == Counter(write(1, 5)), "only what nobody else was asking for"
    process.kill()
    await process.wait()
    assert await taking == vectors_of(write(6))
    assert embedder.paid == Counter(write(6))


async def test_who_waits_for_others_too_long_gives_its_place_back(database: Database) -> None:
    embedder = PaidEmbedder()
    embedder.go_on.clear()
    providers = Providers(database, NoLimits())
    first = asyncio.create_task(embed(Embedding(database, providers), embedder, write(5)))
    await embedder.began.wait()
    with pytest.raises(ProviderBusyError, match=f"Waiting for provider {PROVIDER}") as raised:
        await embed(Embedding(database, providers, others_seconds=0.1), embedder, write(5))
    assert raised.value.retry_after
    embedder.go_on.set()
    await first
    assert embedder.requests == 1


async def test_a_task_that_is_cancelled_lets_others_ask_at_once(database: Database) -> None:
    embedding = Embedding(database, Providers(database, NoLimits()), hold_seconds=600)
    embedder = PaidEmbedder()
    embedder.go_on.clear()
    first = asyncio.create_task(embed(embedding, embedder, write(5)))
    await embedder.began.wait()
    first.cancel()
    await asyncio.wait({first})
    assert await count_held(database) == 0
    embedder.go_on.set()
    async with asyncio.timeout(20):
        assert await embed(embedding, embedder, write(5)) == vectors_of(write(5))


async def test_many_tasks_that_want_overlapping_texts_in_any_order_never_block_one_another_and_pay_once(
    database: Database,
) -> None:
    embedder, chance, began = PaidEmbedder(), random.Random(3), time.monotonic()  # noqa: S311 - not a secret

    async def want() -> None:
        embedding = Embedding(database, Providers(database, NoLimits()), hold_seconds=HOLD_SECONDS)
        for _ in range(3):
            texts = chance.sample(write(120), 70)
            assert await embed(embedding, embedder, texts) == vectors_of(texts)

    async with asyncio.timeout(60):
        await asyncio.gather(*(want() for _ in range(8)))
    assert set(embedder.paid.values()) == {1}
    assert await count_held(database) == 0
    assert time.monotonic() - began < 30, "no deadlock had to be found and broken"


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
        provider: str | None = None  # type: ignore[assignment]  # the one behind a provider always has one

    nothing: Database = None  # type: ignore[assignment]  # whoever touched it would fail
    steps, embedding = Steps(), Embedding(nothing, Providers(nothing, NoLimits()))
    texts = [*write(15), *write(15)]
    assert await embedding.embed(LocalEmbedder(), texts, ACCOUNT, steps) == vectors_of(texts)
    assert steps.done == [10, 20, 30]
    assert await embedding.embed_query(LocalEmbedder(), "what?", ACCOUNT) == vector_of("what?")


async def test_what_was_paid_is_counted_by_hour_for_the_agent_it_was_for(
    embedding: Embedding, database: Database
) -> None:
    await embedding.embed(PaidEmbedder(), write(25), Account(1, 7), Steps())
    await embedding.embed(PaidEmbedder(), write(30), Account(1, 8), Steps())
    await embedding.embed(PaidEmbedder(), write(30), Account(2, 9), Steps())
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    begin, end = hour - timedelta(hours=1), hour + timedelta(hours=1)
    async with database.statement() as connection:
        both = await list_usage(connection, 1, begin=begin, end=end)
        one = await list_usage(connection, 1, begin=begin, end=end, agent_id=8)
        nothing = await list_usage(connection, 3, begin=begin, end=end)
        later = await list_usage(connection, 1, begin=end, end=end + timedelta(hours=1))
    counted = [(used.agent_id, used.provider, used.model, used.requests, used.input_tokens) for used in both]
    assert counted == [(7, PROVIDER, "paid-2", 3, 25), (8, PROVIDER, "paid-2", 1, 5)]
    assert one == both[1:]
    assert nothing == later == []
    assert both[0].hour.minute == 0


async def test_a_question_is_paid_for_once_and_one_that_was_a_text_never(
    embedding: Embedding, database: Database
) -> None:
    embedder = PaidEmbedder()
    await embed(embedding, embedder, ["a text"])
    half = "half a pair: \ud800"  # which JSON can spell, and UTF-8 cannot
    for question in ("what?", "what?", "a text", half, half):
        assert await embedding.embed_query(embedder, question, ACCOUNT) == vector_of(question)
    assert embedder.paid == Counter(["a text", "what?", half])
    [row] = await fetch(database, "SELECT sum(requests) AS requests, sum(input_tokens) AS tokens FROM provider_usage")
    assert (row.requests, row.tokens) == (3, 3)


async def test_a_question_does_not_wait_for_a_task_that_asks_for_the_same_text(embedding: Embedding) -> None:
    hanging, embedder = PaidEmbedder(), PaidEmbedder()
    hanging.go_on.clear()
    task = asyncio.create_task(embed(embedding, hanging, ["what?"]))
    await hanging.began.wait()
    async with asyncio.timeout(10):
        assert await embedding.embed_query(embedder, "what?", ACCOUNT) == vector_of("what?")
    hanging.go_on.set()
    assert await task == [vector_of("what?")]


async def test_a_use_is_noted_once_a_day_and_what_nobody_uses_is_forgotten(
    embedding: Embedding, database: Database
) -> None:
    await embed(embedding, PaidEmbedder(), write(6))
    await age(database, "text 0", hours=30 * 24 + 1)
    await age(database, "text 1", hours=30 * 24 + 1)
    await age(database, "text 2", hours=23)
    before = await list_uses(database)
    await embed(embedding, PaidEmbedder(), ["text 1", "text 2"])
    after = await list_uses(database)
    assert [words for words in before if after[words] != before[words]] == ["text 1"]
    async with database.statement() as connection:
        assert await forget_embedded(connection, 30, 100) == 1
    again = PaidEmbedder()
    await embed(embedding, again, write(6))
    assert again.paid == Counter(["text 0"])


async def test_what_is_forgotten_leaves_out_what_somebody_asks_for(embedding: Embedding, database: Database) -> None:
    await embed(embedding, PaidEmbedder(), write(5))
    embedder = PaidEmbedder()
    embedder.go_on.clear()
    running = asyncio.create_task(embed(embedding, embedder, write(3, 5)))
    await embedder.began.wait()
    async with database.statement() as connection:
        assert [await forget_embedded(connection, 0, 3) for _ in range(3)] == [3, 2, 0]
    assert await count_held(database) == 3
    embedder.go_on.set()
    await running


async def age(database: Database, words: str, hours: float) -> None:
    """Have a text been used for the last time so many hours ago."""
    await fetch(
        database,
        "UPDATE embedded_texts SET used_at = used_at - make_interval(hours => :hours)"
        " WHERE hash = sha256(convert_to(:words, 'UTF8')) RETURNING hash",
        words=words,
        hours=hours,
    )


async def list_uses(database: Database) -> dict[str, datetime]:
    """When each text was used."""
    rows = await fetch(
        database,
        "SELECT words, used_at FROM embedded_texts"
        " JOIN (SELECT 'text ' || n AS words FROM generate_series(0, 9) AS n) AS known"
        " ON hash = sha256(convert_to(words, 'UTF8')) ORDER BY words",
    )
    return {row.words: row.used_at for row in rows}
