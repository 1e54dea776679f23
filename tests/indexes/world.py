"""The services around vector indexes, on real Postgres. Tasks run when the test runs them."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.polling_watch import PollingWatch
from app.adapters.storage.files import FileStore
from app.db.engine import Database
from app.db.tables.schema import metadata
from app.db.tenants.agents import insert_agent
from app.db.vectors.pgvector_store import PgVectorStore
from app.domain.documents import OnDuplicate
from app.domain.errors import StartupError
from app.domain.identity import Access
from app.domain.ids import TaskId, new_worker_id
from app.domain.ports import VectorStore
from app.domain.records import AgentSettings
from app.domain.tasks import WORK_QUEUES, Task, TaskName
from app.domain.vectors import Account, EmbeddingSpec, VectorIndex
from app.ledger.claim import Slot, claim
from app.ledger.finish import hand_back
from app.ledger.read import get_task
from app.ledger.workers import NewWorker, register
from app.services.indexing.calibrations import Calibrations
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.consistency import Consistency
from app.services.indexing.erasure import Erasure
from app.services.indexing.ingestion import Ingestion
from app.services.indexing.large_documents import LargeDocuments
from app.services.indexing.reembedding import Reembedding
from app.services.indexing.vector_indexes import IndexSpec, VectorIndexes
from app.services.indexing.vectors import Vectors
from app.services.intake.backpressure import Backpressure
from app.services.intake.documents import Documents
from app.services.intake.uploads import Upload, Uploads
from app.services.providers.calls import CircuitPolicy, ProviderCalls
from app.services.providers.embedding import Embedding
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import AttemptFunction, Outcome, RunningAttempt, WorkerSlot
from app.services.queue.execution import Execution
from app.services.queue.failures import RetryPolicy
from app.services.queue.parents import Parents
from app.services.queue.tasks import Tasks
from app.services.search.search import Search
from app.tasks.lease import Lease
from tests.deadlines import deadline
from tests.indexes.outside import LENGTHS, LineParser, Model, SilentDoorbell
from tests.services.outside import NoLimits

ORGANIZATION = 1
LARGE_CHUNKS = 4
BATCH_CHUNKS = 2
# A provider's circuit opens at its first failure, until the test moves the time.
_POLICY = CircuitPolicy(threshold=1, pause=600.0, longest=600.0)
_SECONDS = 20.0
_KEPT = {"organizations", "api_keys", "queues", "chores"}
_NUMBER_ANEW = text("""
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences
    WHERE sequencename !~ '^(organizations|api_keys)_'
""")


class World:
    """A fresh database, one worker, and the services of an API and its workers.

    Attributes:
        bodies: The tasks that can run, by name.
        lacks: The models and stores for which this process lacks a key or a package.
        models: The models by name.
        stores: The stores by name.
    """

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        self.database = database = Database(engine)
        self.lacks: set[str] = set()
        self.models = {name: Model(name) for name in LENGTHS}
        self.pgvector = PgVectorStore(database)
        self.stores: dict[str, VectorStore] = {"pgvector": self.pgvector}
        self.blobs = FileStore(folder)
        doorbell = SilentDoorbell()
        self.admission = Admission(database, doorbell)
        self.providers = ProviderCalls(database, NoLimits(), policy=_POLICY)
        self.vectors = Vectors(database, self._find_store, self.providers)
        self.indexing = ChunkIndexer(Embedding(database, self.providers), self._find_model)
        self.large = LargeDocuments(database, self.blobs, self.indexing, self.vectors, BATCH_CHUNKS)
        self.ingestion = Ingestion(
            database, self.blobs, LineParser(), self.indexing, self.vectors, self.large, LARGE_CHUNKS
        )
        self.after_commit = AfterCommit(database, doorbell, self.admission)
        self.parents = Parents(database, self.after_commit)
        self.reembedding = Reembedding(database, self.admission, self.indexing, self.vectors, BATCH_CHUNKS)
        self.calibrations = Calibrations(database, self.admission, self.indexing, self.vectors)
        self.consistency = Consistency(database, self.vectors)
        erasure = Erasure(database, self.blobs, self.vectors, self.after_commit)
        self.documents = Documents(database, self.blobs, self.admission, self.after_commit, erasure)
        self.tasks = Tasks(database, PollingWatch(), self.after_commit, self.parents)
        policy = RetryPolicy(max_retries=0, backoff=1, backoff_max=1, time_limit=30)
        self.execution = Execution(database, self.after_commit, policy, self.admission)
        self._uploads = Uploads(database, self.blobs, self.admission, Backpressure(database, 10_000), 1_000_000)
        self._worker = new_worker_id()
        lease = Lease()
        lease.grant(self._worker, time.monotonic() + 600)
        self._slot = WorkerSlot(self._worker, os.getpid(), lease)
        self.bodies: dict[str, AttemptFunction] = {
            TaskName.PROCESS_DOCUMENT: self.ingestion.ingest,
            TaskName.EMBED_CHUNKS: self.large.embed,
            TaskName.PUBLISH_DOCUMENT: self.large.publish,
            TaskName.SWEEP_DOCUMENT: self.large.sweep,
            TaskName.REEMBED_DOCUMENT: self.reembedding.embed,
            TaskName.CALIBRATE_AGENT: self.calibrations.measure,
            TaskName.DELETE_DOCUMENT: self.documents.remove,
        }

    async def open(self) -> "World":
        """Empty the database, then add a worker and an agent. Ids start from 1."""
        worker = NewWorker(self._worker, "test", "here", os.getpid(), WORK_QUEUES, 100)
        async with self.database.transaction() as connection:
            for table in reversed(metadata.sorted_tables):
                if table.name not in _KEPT:
                    await connection.execute(table.delete())
            await connection.execute(_NUMBER_ANEW)
            await register(connection, worker, 600)
            agent = await insert_agent(connection, ORGANIZATION, "Test", "test", AgentSettings())
        self.agent = agent.id
        return self

    async def close(self) -> None:
        """Wait for background work, then close."""
        await self.admission.settle()
        for store in self.stores.values():
            await store.close()

    def _find_model(self, spec: EmbeddingSpec) -> Model:
        if spec.model in self.lacks:
            raise StartupError(f"{spec.model} needs a key.")
        return self.models[spec.model]

    def _find_store(self, name: str) -> VectorStore:
        if name in self.lacks:
            raise StartupError(f"{name} needs a key.")
        return self.stores[name]

    # Indexes

    def indexes(self, model: str = "old", store: str = "pgvector", asked: int | None = None) -> VectorIndexes:
        """The service of a process whose settings ask for this model, store and length."""
        return VectorIndexes(
            self.database, IndexSpec(store, EmbeddingSpec("local", model, requested_dimensions=asked), {})
        )

    async def begin(self, model: str = "new", store: str = "pgvector") -> VectorIndex:
        """Start to build an index."""
        return (await self.indexes(model, store).begin()).index

    async def rebuild(self, model: str = "new", store: str = "pgvector") -> VectorIndex:
        """Build an index until it is active."""
        index = await self.begin(model, store)
        await self.reembedding.advance()
        await self.run_tasks(TaskName.REEMBED_DOCUMENT)
        await self.reembedding.advance()
        assert (await self.vectors.get_active()).id == index.id
        return index

    # Documents

    async def upload(self, *lines: str, name: str = "a.txt") -> TaskId:
        """Upload a document with a chunk per line, replacing the one with that name; returns its task."""
        upload = Upload(ORGANIZATION, self.agent, name, {}, on_duplicate=OnDuplicate.REPLACE)
        async with self._uploads.receive() as receipt:
            await receipt.write("\n".join(lines).encode())
            task_id = (await self._uploads.accept(receipt, upload)).task_id
        assert task_id
        return task_id

    async def publish(self, *lines: str, name: str = "a.txt") -> int:
        """Upload a document and run its task; returns its id."""
        task = await self.run(await self.upload(*lines, name=name))
        assert task.document_id
        return task.document_id

    async def reindex(self, document_id: int) -> TaskId:
        """Reindex a document, which cancels nothing; returns the task."""
        return (await self.documents.reindex(Access(ORGANIZATION), document_id)).id

    async def find(self, words: str, mode: Any = "vector") -> list[str]:
        """The texts of the chunks that a search finds, the best first."""
        search = Search(self.database, self.indexing, self.vectors)
        hits = await search.find(Account(ORGANIZATION, self.agent), words, mode=mode, top_k=50)
        return [hit.text for hit in hits]

    # Tasks

    async def get_task(self, task_id: TaskId) -> Task:
        """A task's present row."""
        async with self.database.statement() as connection:
            task = await get_task(connection, task_id)
        assert task
        return task

    async def run(self, task_id: TaskId) -> Task:
        """Run one waiting task; returns its row afterwards."""
        await self._admit()
        task = await self.get_task(task_id)
        await self.execution.run(task_id, TaskName(task.name), self._slot, self.bodies[task.name])
        return await self.get_task(task_id)

    async def run_tasks(self, *names: TaskName) -> list[Task]:
        """Run waiting tasks, all or those with these names, until none is left; returns their rows afterwards."""
        ran: list[TaskId] = []
        while True:
            await self._admit()
            waiting = await self.fetch("SELECT id, name FROM tasks WHERE state = 'QUEUED' ORDER BY queued_at, id")
            chosen = [row.id for row in waiting if not names or row.name in names]
            if not chosen:
                return [await self.get_task(task_id) for task_id in ran]
            for task_id in chosen:
                await self.run(task_id)
                ran.append(task_id)

    async def begin_attempt(self, task_id: TaskId) -> RunningAttempt:
        """Claim a task, without running it."""
        await self._admit()
        async with self.database.statement() as connection:
            name = (await self.get_task(task_id)).name
            claimed = await claim(connection, task_id, name, Slot(self._slot.worker_id, self._slot.pid))
        assert claimed.task
        return RunningAttempt(claimed.task, self._slot, self.database, self.after_commit)

    async def attempt(self, task_id: TaskId) -> tuple[RunningAttempt, Outcome]:
        """Run a task without writing its end."""
        attempt = await self.begin_attempt(task_id)
        return attempt, await self.bodies[attempt.task.name](attempt)

    async def apply(self, outcome: Outcome) -> None:
        """Apply an attempt's outcome, without ending the task."""
        async with self.database.transaction() as connection:
            await outcome.apply(connection)

    async def give_back(self, attempt: RunningAttempt) -> None:
        """Hand a task back, as after the death of its process."""
        async with self.database.statement() as connection:
            assert await hand_back(connection, attempt.task.attempt_token)

    async def _admit(self) -> None:
        await self.admission.settle()
        await self.admission.admit(WORK_QUEUES)

    # The database

    async def fetch(self, query: str, **parameters: Any) -> Sequence[Any]:
        """The rows of the test's own statement; none if it returns no rows."""
        async with self.database.transaction() as connection:
            result = await connection.execute(text(query), parameters)
            return result.all() if result.returns_rows else []

    async def list_editions(self, index: VectorIndex | None = None) -> set[tuple[int, int, bool]]:
        """The recorded editions of an index, by default the active one: each (document, edition, complete)."""
        index = index or await self.vectors.get_active()
        query = "SELECT document_id, edition, complete FROM editions WHERE index_id = :id"
        return {(row.document_id, row.edition, row.complete) for row in await self.fetch(query, id=index.id)}

    async def count(self, table: str, where: str = "true", **parameters: Any) -> int:
        """The number of rows of a table."""
        [row] = await self.fetch(f"SELECT count(*) AS n FROM {table} WHERE {where}", **parameters)
        return int(row.n)

    async def let_pass(self, table: str, column: str, seconds: float) -> None:
        """Move a column's times back, as if so many seconds had passed."""
        shift = f"UPDATE {table} SET {column} = {column} - make_interval(secs => :seconds)"
        await self.fetch(f"{shift} WHERE {column} IS NOT NULL", seconds=seconds)

    async def count_waiting(self) -> int:
        """The number of this database's sessions that wait for a lock."""
        query = "wait_event_type = 'Lock' AND datname = current_database()"
        return await self.count("pg_stat_activity", query)

    async def wait_for(self, running: "asyncio.Task[Any]", waiting: int = 1) -> None:
        """Return once so many sessions wait for a lock, or the asyncio task has ended."""
        async with asyncio.timeout(deadline(_SECONDS)):
            # A session that waits for a lock sets no event.
            while not running.done() and await self.count_waiting() < waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
