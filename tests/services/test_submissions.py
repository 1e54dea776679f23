"""Submissions: concurrent uploads share statements, and each still gets its own answer."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database, create_engine
from app.domain.errors import DatabaseUnavailableError, UnstorableValueError
from app.domain.tasks import NewTask, Queue, TaskName
from app.ledger.submit import Submission, submit_with_documents
from app.services.intake.submissions import Submissions

Make = Callable[..., Submission]
_STAY_OPEN = text("SELECT set_config('idle_in_transaction_session_timeout', '0', true)")


@pytest.fixture
async def make(engine: AsyncEngine) -> Make:
    """Makes submissions of a new agent: ``make(content)``, or of another agent by its id."""
    async with engine.begin() as connection:
        owner = (
            await connection.execute(
                text(
                    "INSERT INTO agents (organization_id, name, slug) "
                    "SELECT min(id), 'Herons', 'herons-' || gen_random_uuid() FROM organizations "
                    "RETURNING organization_id, id"
                )
            )
        ).one()

    def make(content: str, agent_id: int = owner.id, filename: str = "heron.txt") -> Submission:
        digest = hashlib.sha256(content.encode()).digest()
        metadata = {"filename": filename}
        task = NewTask(owner.organization_id, agent_id, TaskName.PROCESS_DOCUMENT, Queue.HIGH, metadata=metadata)
        document = {"filename": filename, "media_type": "text/plain", "size_bytes": len(content), "sha256": digest}
        rest = {
            "content_key": digest,
            "blob_key": digest.hex(),
            "source_url": None,
            "document_metadata": {"year": 2026},
        }
        return task, {**document, **rest}

    return make


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement was given, in order."""
    counts: list[int] = []

    async def counted(source: Any, rows: list[Submission], lock_timeout: str | None) -> Any:
        counts.append(len(rows))
        return await submit_with_documents(source, rows, lock_timeout)

    monkeypatch.setattr("app.services.intake.submissions.submit_with_documents", counted)
    return counts


async def read_rows(engine: AsyncEngine, submission: Submission) -> list[tuple[Any, ...]]:
    query = text(
        "SELECT d.id, d.filename, d.metadata, t.queue, t.metadata FROM tasks AS t JOIN documents AS d "
        "ON d.id = t.document_id AND d.task_id = t.id AND d.blob_key = :key WHERE t.id = :task_id"
    )
    async with engine.connect() as connection:
        rows = await connection.execute(query, {"task_id": submission[0].id, "key": submission[1]["blob_key"]})
        return [tuple(row) for row in rows]


async def test_sixteen_uploads_at_once_share_three_statements(
    engine: AsyncEngine, make: Make, statements: list[int]
) -> None:
    given = [make(f"heron {number}", filename=f"{number}.txt") for number in range(16)]
    adding = Submissions(Database(engine))
    documents = await asyncio.gather(*(adding.add(one) for one in given))
    assert len(set(documents)) == 16
    assert (sum(statements), len(statements) <= 3) == (16, True), statements
    for one, document in zip(given, documents, strict=True):
        filename = one[1]["filename"]
        expected = (document, filename, {"year": 2026}, "high_priority", {"filename": filename})
        assert await read_rows(engine, one) == [expected]


async def test_a_lone_upload_waits_for_no_other(engine: AsyncEngine, make: Make, statements: list[int]) -> None:
    adding = Submissions(Database(engine))
    for number in range(3):
        assert await adding.add(make(f"alone {number}"))
    assert statements == [1, 1, 1]


@pytest.mark.parametrize("processes", [1, 2])
async def test_the_same_content_at_once_becomes_one_document(engine: AsyncEngine, make: Make, processes: int) -> None:
    adding = [Submissions(Database(engine)) for _ in range(processes)]
    given = [make(f"twice {number % 5}") for number in range(40)]
    documents = await asyncio.gather(*(adding[number % processes].add(one) for number, one in enumerate(given)))
    assert len([document for document in documents if document]) == 5
    rows = [await read_rows(engine, one) for one in given]
    assert [bool(row) for row in rows] == [bool(document) for document in documents]


async def test_an_upload_for_an_unknown_agent_adds_nothing_and_leaves_the_others_alone(
    engine: AsyncEngine, make: Make
) -> None:
    adding = Submissions(Database(engine))
    given = [make("known 1"), make("known 2"), make("lost", agent_id=999_999_999), make("known 3")]
    documents = await asyncio.gather(*(adding.add(one) for one in given))
    assert [bool(document) for document in documents] == [True, True, False, True]


async def test_a_row_that_the_database_refuses_fails_alone(engine: AsyncEngine, make: Make) -> None:
    adding = Submissions(Database(engine))
    given = [make(f"refused {number}", filename="a\0b.txt" if number == 7 else "b.txt") for number in range(12)]
    results = await asyncio.gather(*(adding.add(one) for one in given), return_exceptions=True)
    assert [number for number, result in enumerate(results) if not isinstance(result, int)] == [7]
    assert isinstance(results[7], UnstorableValueError)


async def test_every_upload_fails_while_the_database_is_down_and_the_next_succeeds(
    engine: AsyncEngine, make: Make, statements: list[int]
) -> None:
    down = Database(create_engine("postgresql://none@127.0.0.1:1/none", pool_size=2))
    adding = Submissions(down)
    results = await asyncio.gather(*(adding.add(make(f"down {n}")) for n in range(8)), return_exceptions=True)
    assert {type(result) for result in results} == {DatabaseUnavailableError}
    assert len(statements) <= 3, "rows are not tried one by one"
    adding._database = Database(engine)
    assert await adding.add(make("up again"))


async def test_an_upload_that_is_cancelled_does_not_stop_those_that_share_its_statement(
    engine: AsyncEngine, make: Make
) -> None:
    adding = Submissions(Database(engine))
    tasks = [asyncio.create_task(adding.add(make(f"cancelled {number}"))) for number in range(6)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, int) for result in results] == [False, True, True, False, True, True]


@pytest.mark.parametrize("held", [1, 6])
async def test_uploads_that_wait_for_another_transaction_do_not_hold_up_others(
    engine: AsyncEngine, make: Make, held: int
) -> None:
    adding = Submissions(Database(engine))
    async with engine.connect() as connection:
        held_open = await connection.begin()
        await connection.execute(_STAY_OPEN)
        assert await submit_with_documents(connection, [make(f"held {held}")])
        waiting = [asyncio.create_task(adding.add(make(f"held {held}"))) for _ in range(held)]
        others = [make(f"beside {held} {number}") for number in range(20)]
        documents = await asyncio.gather(*(adding.add(one) for one in others))
        assert len({document for document in documents if document}) == 20
        assert await adding.add(make(f"later {held}"))
        assert not any(task.done() for task in waiting)
        await held_open.commit()
    assert await asyncio.gather(*waiting) == [None] * held


async def test_an_upload_that_waited_is_added_when_the_other_transaction_rolls_back(
    engine: AsyncEngine, make: Make
) -> None:
    adding = Submissions(Database(engine))
    async with engine.connect() as connection:
        held_open = await connection.begin()
        await connection.execute(_STAY_OPEN)
        assert await submit_with_documents(connection, [make("rolled back")])
        waiting = [asyncio.create_task(adding.add(make("rolled back"))) for _ in range(2)]
        assert await adding.add(make("beside a rollback"))
        assert not any(task.done() for task in waiting)
        await held_open.rollback()
    assert sorted(map(bool, await asyncio.gather(*waiting))) == [False, True]


async def test_a_transaction_keeps_its_own_limit_of_waiting(engine: AsyncEngine, make: Make) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT set_config('lock_timeout', '7s', true)"))
        assert await submit_with_documents(connection, [make("own limit")])
        assert await connection.scalar(text("SHOW lock_timeout")) == "7s"
        await connection.rollback()
