"""Vectors that were paid for are stored with their usage, reused, and deleted when unused."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.db.engine import Database
from app.db.providers.usage import list_usage
from app.db.vectors.embedded_texts import delete_unused_vectors
from app.domain.vectors import Account
from app.services.providers import embedding as service
from app.services.providers.embedding import Embedding
from tests.deadlines import deadline
from tests.services.outside import ACCOUNT, PROVIDER, PaidEmbedder, Steps, count_held, embed, fetch, vector_of, write


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
    counted = Counter[tuple[int | None, str, str, str]]()  # added up, because an hour may end during the test
    for used in both:
        key = used.agent_id, used.provider, used.model
        counted += {(*key, "requests"): used.requests, (*key, "tokens"): used.input_tokens}
    seven, eight = (7, PROVIDER, "paid-2"), (8, PROVIDER, "paid-2")
    assert counted == {
        (*seven, "requests"): 3,
        (*seven, "tokens"): 25,
        (*eight, "requests"): 1,
        (*eight, "tokens"): 5,
    }
    assert one == [used for used in both if used.agent_id == 8]
    assert nothing == later == []
    assert both[0].hour.minute == 0


async def test_vectors_are_kept_with_what_they_are_charged_to_or_not_at_all(
    embedding: Embedding, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: Any, **_more: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(service, "count_usage", fail)
    with pytest.raises(RuntimeError):
        await embed(embedding, PaidEmbedder(), write(5))
    assert await fetch(database, "SELECT hash FROM embedded_texts") == []


async def test_a_question_is_paid_for_once_and_one_that_was_a_text_never(
    embedding: Embedding, database: Database
) -> None:
    embedder = PaidEmbedder()
    await embed(embedding, embedder, ["a text"])
    half = "half a pair: \ud800"  # JSON can express it, UTF-8 cannot
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
    async with asyncio.timeout(deadline(10)):
        assert await embedding.embed_query(embedder, "what?", ACCOUNT) == vector_of("what?")
    hanging.go_on.set()
    assert await task == [vector_of("what?")]


async def test_a_use_is_recorded_once_a_day_and_unused_texts_are_deleted(
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
        assert await delete_unused_vectors(connection, 30, 100) == 1
    again = PaidEmbedder()
    await embed(embedding, again, write(6))
    assert again.paid == Counter(["text 0"])


async def test_deleting_unused_texts_leaves_those_being_requested(embedding: Embedding, database: Database) -> None:
    await embed(embedding, PaidEmbedder(), write(5))
    embedder = PaidEmbedder()
    embedder.go_on.clear()
    running = asyncio.create_task(embed(embedding, embedder, write(3, 5)))
    await embedder.began.wait()
    async with database.statement() as connection:
        assert [await delete_unused_vectors(connection, 0, 3) for _ in range(3)] == [3, 2, 0]
    assert await count_held(database) == 3
    embedder.go_on.set()
    await running


async def age(database: Database, words: str, hours: float) -> None:
    """Set the last use of a text to so many hours ago."""
    await fetch(
        database,
        "UPDATE embedded_texts SET used_at = used_at - make_interval(hours => :hours)"
        " WHERE hash = sha256(convert_to(:words, 'UTF8')) RETURNING hash",
        words=words,
        hours=hours,
    )


async def list_uses(database: Database) -> dict[str, datetime]:
    """When each text was last used."""
    rows = await fetch(
        database,
        "SELECT words, used_at FROM embedded_texts"
        " JOIN (SELECT 'text ' || n AS words FROM generate_series(0, 9) AS n) AS known"
        " ON hash = sha256(convert_to(words, 'UTF8')) ORDER BY words",
    )
    return {row.words: row.used_at for row in rows}
