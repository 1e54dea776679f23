"""The deletion of an agent releases its slot after each slice of time and continues where it stopped."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.storage.files import FileStore
from app.db.engine import Database, create_engine
from app.domain.errors import RetryLaterError, StorageUnavailableError
from app.domain.ids import TaskId, new_task_id
from app.domain.tasks import Progress, Task
from app.ledger.erase import count_in_use
from app.ledger.read import get_task
from app.services.indexing import erasure
from app.services.indexing.erasure import Erasure
from app.services.queue.attempts import Outcome
from app.services.tenants import agent_deletion
from app.services.tenants.agent_deletion import AgentDeletion
from tests.api.checks import list_files
from tests.database import execute, fetch
from tests.large_agents import fill_agent

DOCUMENTS = 60


class FakeAttempt:
    """An attempt that records its progress."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.reports: list[Progress] = []

    async def report(self, progress: Progress) -> None:
        """Record the progress."""
        self.reports.append(progress)


class NoResults:
    """Stands in for what follows a commit: Celery's result backend is empty."""

    async def forget_states(self, task_ids: Sequence[TaskId]) -> None:
        """Do nothing."""


class LocalVectors:
    """Stands in for the vectors of other stores: there are none."""

    async def sweep(self, document_id: int) -> int:
        """Fail: the vectors in Postgres are removed with their chunks."""
        raise AssertionError(document_id)


class Deletion:
    """A deleted agent with documents, and the service that removes it."""

    def __init__(self, url: str, blobs: Path) -> None:
        self.url, self.blobs, self.id = url, blobs, new_task_id()
        self.runner = asyncio.Runner()  # the tests themselves are not asynchronous: they use connections of their own
        self.database = Database(create_engine(url, pool_size=4))
        vectors: Any = LocalVectors()
        results: Any = NoResults()
        erasure = Erasure(self.database, FileStore(blobs), vectors, results)
        self.service = AgentDeletion(self.database, erasure, results)
        execute(url, "TRUNCATE agents, documents, tasks, editions, vector_indexes CASCADE", "TRUNCATE lexemes")
        execute(
            url, "INSERT INTO vector_indexes (store, provider, model, state) VALUES ('pgvector', 'a', 'b', 'active')"
        )
        insert = "INSERT INTO agents (organization_id, name, slug, deleted_at) VALUES (1, 'a', 'a', now()) RETURNING id"
        self.agent = fetch(url, insert)[0]["id"]
        fill_agent(url, blobs, self.agent, DOCUMENTS)
        fetch(
            url,
            "INSERT INTO tasks (id, organization_id, agent_id, name, queue, state, worker_id, pid)"
            " VALUES ($1, 1, $2, 'app.tasks.document_tasks.delete_agent', 'default', 'STARTED', $1, 1)",
            self.id,
            self.agent,
        )

    def close(self) -> None:
        """Close the connections and the loop."""
        self.runner.run(self.database.close())
        self.runner.close()

    def run(self) -> Outcome:
        """Run one slice."""
        return self.runner.run(self._run())

    async def _run(self) -> Outcome:
        async with self.database.statement() as connection:
            task = await get_task(connection, self.id)
        assert task
        attempt: Any = FakeAttempt(task)
        return await self.service.remove(attempt)

    def count(self, query: str) -> int:
        """The number of rows of a query."""
        return int(fetch(self.url, f"SELECT count(*) AS n FROM {query}")[0]["n"])


@pytest.fixture
def deletion(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deletion]:
    for name, number in (("_CANCELLED_AT_ONCE", 7), ("_HIDDEN_AT_ONCE", 20), ("_ERASED_AT_ONCE", 11)):
        monkeypatch.setattr(agent_deletion, name, number)
    made = Deletion(database_url, tmp_path / "blobs")
    yield made
    made.close()


_SEGMENTS = """
    INSERT INTO word_segments (agent_id, chunk_count, keys, lengths)
    SELECT {agent}, 1, '', '' FROM generate_series(1, 3)
"""
_CALIBRATION = "INSERT INTO calibrations (index_id, agent_id) SELECT id, {agent} FROM vector_indexes LIMIT 1"
_POSTINGS = "INSERT INTO word_postings (segment_id, lexeme, postings) SELECT id, 'heron', '' FROM word_segments"


def test_each_slice_ends_soon_and_the_next_one_continues(deletion: Deletion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "_SLICE_SECONDS", 0.0)
    execute(deletion.url, _SEGMENTS.format(agent=deletion.agent), _POSTINGS, _CALIBRATION.format(agent=deletion.agent))
    erased, outcome = [], None
    while outcome is None:
        try:
            outcome = deletion.run()
        except RetryLaterError:
            erased.append(deletion.count("documents WHERE erased_at IS NOT NULL"))
            assert len(erased) < 50
    assert outcome.result == {"documents": DOCUMENTS}
    assert [number for number in dict.fromkeys(erased) if number] == [11, 22, 33, 44, 55, 60]
    for left in (
        "word_segments",
        "word_postings",
        "calibrations",
        "chunks",
        "vectors",
        "editions",
        "lexemes",
        "tasks WHERE metadata <> '{}'",
        "agents WHERE name <> ''",
    ):
        assert deletion.count(left) == 0, left
    assert list_files(deletion.blobs) == set()


def test_a_task_that_still_runs_is_waited_for(deletion: Deletion) -> None:
    running = "state = 'STARTED', worker_id = id, pid = 1, completed_at = NULL"
    execute(deletion.url, f"UPDATE tasks SET {running} WHERE document_id = (SELECT min(id) FROM documents)")
    with pytest.raises(RetryLaterError, match="Waiting for 1 task to stop"):
        deletion.run()
    assert deletion.count("tasks WHERE state = 'STARTED' AND cancel_requested_at IS NOT NULL") == 1
    assert deletion.count("tasks WHERE state = 'PENDING'") == 0
    assert deletion.count("documents WHERE erased_at IS NOT NULL") == 0


_LATE = """
    INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue, metadata, state, worker_id, pid)
    SELECT gen_random_uuid(), 1, {agent}, min(id), 'app.tasks.vector_tasks.sweep_document', 'default',
        '{{"filename": "named.txt"}}', {state} FROM documents
"""


@pytest.mark.parametrize("state", ["'PENDING', NULL, NULL", "'STARTED', gen_random_uuid(), 1"])
def test_a_task_that_is_submitted_while_the_others_stop_leaves_no_name(
    deletion: Deletion, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    late = "tasks WHERE name LIKE '%sweep_document' AND"
    submitted: list[str] = []

    async def count_and_submit(connection: AsyncConnection, agent_id: int, task_id: TaskId) -> int:
        """As when the last child of a large document ends: its parent ends, and a task removes the stored chunks."""
        count = await count_in_use(connection, agent_id, task_id)
        if not submitted:
            submitted.append(_LATE.format(agent=agent_id, state=state))
            await connection.execute(text(submitted[0]))
        return count

    monkeypatch.setattr(agent_deletion, "count_in_use", count_and_submit)
    if "STARTED" in state:
        with pytest.raises(RetryLaterError, match="Waiting for 1 task to stop"):
            deletion.run()
        assert deletion.count(f"{late} state = 'STARTED' AND cancel_requested_at IS NOT NULL") == 1
        ended = "state = 'REVOKED', worker_id = NULL, pid = NULL, completed_at = now()"
        execute(deletion.url, f"UPDATE tasks SET {ended} WHERE state = 'STARTED' AND id <> '{deletion.id}'")
    deletion.run()
    assert deletion.count(f"{late} state = 'REVOKED'") == 1
    assert deletion.count("tasks WHERE metadata <> '{}'") == 0


async def test_a_file_that_cannot_be_deleted_ends_the_deletion_of_the_others() -> None:
    deleted: list[int] = []

    async def delete(number: int) -> None:
        if number == 0:
            raise StorageUnavailableError
        await asyncio.sleep(0)
        deleted.append(number)

    with pytest.raises(StorageUnavailableError):
        await erasure._for_each(range(1000), delete)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(deleted) < 100
    await erasure._for_each(range(1, 1000), delete)
    assert set(deleted) == set(range(1, 1000))
