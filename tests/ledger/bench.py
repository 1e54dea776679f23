"""A test bench of the ledger: its functions on a real Postgres, called one by one, with times set by the test."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Concatenate, ParamSpec, TypeVar

import asyncpg
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, create_engine
from app.domain.ids import TaskId, WorkerId, new_worker_id
from app.domain.tasks import Bell, Failure, NewTask, Queue, Task, TaskName
from app.ledger.admit import admit
from app.ledger.claim import Slot, claim
from app.ledger.read import get_task
from app.ledger.submit import submit
from app.ledger.workers import NewWorker, register

P = ParamSpec("P")
Result = TypeVar("Result")
Operation = Callable[Concatenate[AsyncConnection, P], Awaitable[Result]]

ORGANIZATION = 1
PID = 4711
AWAY = Failure("provider_away", "The provider is away.", retryable=True)
BROKEN = Failure("document_damaged", "The file is damaged.", retryable=False)


class Bench:
    """An event loop, a connection pool, an agent, and a worker with two slots of the queue ``HIGH``."""

    def __init__(self, database_url: str) -> None:
        self._runner = asyncio.Runner()
        self._database_url = database_url
        self._database = Database(create_engine(database_url, pool_size=8))
        self.clear()

    def close(self) -> None:
        """Close the connections and the loop."""
        self._runner.run(self._database.close())
        self._runner.close()

    def clear(self) -> None:
        """Reset to an agent and a worker."""
        for table in ("tasks", "documents", "agents", "workers", "turns", "events"):
            self.sql(f"DELETE FROM {table}")
        self.sql("UPDATE organizations SET events_until = NULL")
        self.sql("UPDATE queues SET virtual_time = 0, paused_at = NULL, waiting = 0, delayed = 0, oldest_at = NULL")
        self.agent = self.add_agent()
        self.worker = self.add_worker()

    def do(self, operation: Operation[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Run a function of the ledger in its own transaction."""
        return self._runner.run(self._commit(operation, *args, **kwargs))

    def race(self, *operations: Callable[[AsyncConnection], Awaitable[Result]]) -> list[Result]:
        """Run several functions concurrently, each on its own connection; returns their results in order."""

        async def run() -> list[Result]:
            return await asyncio.gather(*(self._commit(operation) for operation in operations))

        return self._runner.run(run())

    async def _commit(self, operation: Operation[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        async with self._database.transaction() as connection:
            return await operation(connection, *args, **kwargs)

    def sql(self, statement: str, **parameters: Any) -> Sequence[RowMapping]:
        """Run a statement; returns its rows, if it has any."""

        async def run(connection: AsyncConnection) -> Sequence[RowMapping]:
            result = await connection.execute(text(statement), parameters)
            return result.mappings().all() if result.returns_rows else []

        return self.do(run)

    def one(self, statement: str, **parameters: Any) -> Any:
        """Run a statement; returns the first value of its first row."""
        return next(iter(self.sql(statement, **parameters)[0].values()))

    def add_agent(self, *, weight: int = 1, max_in_flight: int | None = None) -> int:
        """Insert an agent."""
        return int(
            self.one(
                "INSERT INTO agents (organization_id, name, slug, weight, max_in_flight) "
                "VALUES (:organization, 'agent', gen_random_uuid(), :weight, :cap) RETURNING id",
                organization=ORGANIZATION,
                weight=weight,
                cap=max_in_flight,
            )
        )

    def add_worker(self, *queues: Queue, slots: int = 2, lease: float = 600, continues: bool = False) -> WorkerId:
        """Register a worker of ``queues``, by default of ``HIGH``."""
        worker = NewWorker(new_worker_id(), "worker@bench", "bench", PID, queues or (Queue.HIGH,), slots, continues)
        self.do(register, worker, lease)
        return worker.id

    def submit(self, agent: int | None = None, queue: Queue = Queue.HIGH, document: int | None = None) -> Task:
        """Submit a task."""
        name = TaskName.PROCESS_DOCUMENT
        return self.do(submit, NewTask(ORGANIZATION, agent or self.agent, name, queue, document))

    def submit_many(self, count: int, agent: int | None = None, queue: Queue = Queue.HIGH) -> None:
        """Insert ``count`` waiting tasks in one statement."""
        self.sql(
            "INSERT INTO tasks (id, organization_id, agent_id, name, queue) "
            "SELECT gen_random_uuid(), :organization, :agent, :name, :queue FROM generate_series(1, :count)",
            organization=ORGANIZATION,
            agent=agent or self.agent,
            name=TaskName.PROCESS_DOCUMENT.value,
            queue=queue.value,
            count=count,
        )

    def submit_document(self) -> Task:
        """Submit a task with a document whose status it decides."""
        task = self.submit(document=self.add_document())
        self.decide(task)
        return task

    def add_document(self) -> int:
        """Insert a document."""
        return int(
            self.one(
                "INSERT INTO documents (organization_id, agent_id, filename, media_type, size_bytes, sha256, blob_key) "
                "VALUES (:organization, :agent, 'a.txt', 'text/plain', 1, uuid_send(gen_random_uuid()), 'key') "
                "RETURNING id",
                organization=ORGANIZATION,
                agent=self.agent,
            )
        )

    def decide(self, task: Task) -> None:
        """Let ``task`` be the one that decides its document's status."""
        self.sql("UPDATE documents SET task_id = :task WHERE id = :id", task=task.id, id=task.document_id)

    def document_status(self, task: Task) -> str:
        """The status of the task's document."""
        return str(self.one("SELECT status FROM documents WHERE id = :id", id=task.document_id))

    def admit(self, queue: Queue = Queue.HIGH) -> list[Bell]:
        """Fill a queue's window."""
        return self.do(admit, queue).bells

    def claim(self, task: Task | TaskId, worker: WorkerId | None = None, pid: int = PID) -> Task | None:
        """Claim a task."""
        task_id = task.id if isinstance(task, Task) else task
        slot = Slot(worker or self.worker, pid)
        return self.do(claim, task_id, self.read(task_id).name, slot).task

    def start(self, task: Task | None = None, worker: WorkerId | None = None, pid: int = PID) -> Task:
        """Admit and claim a task; without one, a new task."""
        task = task or self.submit()
        assert task.id in {bell.task_id for bell in self.admit(Queue(task.queue))}
        started = self.claim(task, worker, pid)
        assert started is not None
        return started

    def read(self, task: Task | TaskId) -> Task:
        """Read the task's row."""
        row = self.do(get_task, task.id if isinstance(task, Task) else task)
        assert row is not None
        return row

    @contextmanager
    def hold(self, statement: str, parameter: object) -> Iterator[None]:
        """Within the block, an idle session holds the rows that the statement locks."""
        connection = self._runner.run(asyncpg.connect(self._database_url))
        transaction = connection.transaction()
        self._runner.run(transaction.start())
        self._runner.run(connection.execute(statement, parameter))
        try:
            yield
        finally:
            # Once it is answered, the locks are released. The server may have ended the session already.
            with suppress(asyncpg.InterfaceError, asyncpg.PostgresError, OSError):
                self._runner.run(transaction.rollback())
            connection.terminate()

    def expire(self, worker: WorkerId) -> None:
        """Let the worker's lease run out."""
        self.sql("UPDATE workers SET lease_expires_at = now() - interval '1 second' WHERE id = :id", id=worker)

    def record_events(self) -> None:
        """Turn on the events of the organization."""
        self.sql("UPDATE organizations SET events_until = 'infinity'")

    def count_events(self) -> Counter[tuple[TaskId, str]]:
        """The number of events of tasks, by task and type."""
        return Counter(
            (TaskId(row["task_id"]), row["type"])
            for row in self.sql("SELECT task_id, type FROM events WHERE type LIKE 'task.%'")
        )

    def pass_backoff(self) -> None:
        """Make all waiting retries due."""
        self.sql("UPDATE tasks SET available_at = now() WHERE available_at > now()")

    def pass_silence(self, seconds: float) -> None:
        """Let every message of an admitted task be ``seconds`` old."""
        self.sql(
            "UPDATE tasks SET queued_at = now() - make_interval(secs => :seconds) WHERE state = 'QUEUED'",
            seconds=seconds,
        )
