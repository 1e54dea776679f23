"""Read: queries on tasks that change nothing."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Source, fetch
from app.db.paging import list_rows
from app.db.statements import Statement
from app.db.tables.core import tasks
from app.db.tenants.visibility import sees_task
from app.domain.identity import Access
from app.domain.ids import TaskId
from app.domain.records import Listing
from app.domain.states import ACTIVE, WAITING, State
from app.domain.tasks import WORK_QUEUES, Task, TaskName
from app.ledger.statement import TASK_COLUMNS, build_task, fetch_task, fetch_tasks, quoted

_POSITION_CAP = 1000


async def get_task(
    connection: AsyncConnection, task_id: TaskId, access: Access | None = None, *, lock: bool = False
) -> Task | None:
    """One task; with an access, only if it exists for that caller; with ``lock``, locked until the transaction ends."""
    query = select(tasks).where(tasks.c.id == task_id)
    if access is not None:
        query = query.where(sees_task(access))
    return await fetch_task(connection, query.with_for_update() if lock else query)


_READ = Statement(f"SELECT {TASK_COLUMNS} FROM tasks AS t WHERE t.id = ANY (CAST(:ids AS uuid[]))")


async def read_tasks(source: Source, task_ids: Collection[TaskId]) -> list[Task]:
    """Those of these tasks that exist, in any order."""
    return [build_task(dict(row)) for row in await fetch(source, _READ, {"ids": list(task_ids)})]


_VERSIONS = Statement("SELECT t.id, t.version FROM tasks AS t WHERE t.id = ANY (CAST(:ids AS uuid[]))")


async def read_versions(source: Source, task_ids: Collection[TaskId]) -> dict[TaskId, int]:
    """The versions of those of these tasks that exist."""
    return {TaskId(row["id"]): row["version"] for row in await fetch(source, _VERSIONS, {"ids": list(task_ids)})}


_NEWEST = text("SELECT id FROM tasks ORDER BY id DESC LIMIT 1")


async def get_newest_id(connection: AsyncConnection) -> UUID | None:
    """The id that sorts last; None when there are no tasks."""
    newest: UUID | None = await connection.scalar(_NEWEST)
    return newest


async def list_tasks(
    connection: AsyncConnection,
    access: Access,
    *,
    status: str | None = None,
    agent_id: int | None = None,
    queue: str | None = None,
    name: str | None = None,
    parent_id: UUID | None = None,
    limit: int,
    after: UUID | None,
) -> Listing[Task]:
    """Tasks, the newest first. ``status`` is a public state: PENDING includes QUEUED."""
    conditions: list[ColumnElement[bool]] = [sees_task(access)]
    if status is not None:
        conditions.append(tasks.c.state.in_([state.value for state in State if state.public == status]))
    wanted = {tasks.c.agent_id: agent_id, tasks.c.queue: queue, tasks.c.name: name, tasks.c.parent_id: parent_id}
    conditions += [column == value for column, value in wanted.items() if value is not None]
    return await list_rows(
        connection,
        tasks,
        conditions,
        lambda row: build_task(row._asdict()),
        limit=limit,
        after=after,
    )


async def find_existing(connection: AsyncConnection, task_ids: Collection[UUID]) -> set[UUID]:
    """Find out which of these tasks exist: tasks are deleted after ``TASK_RETENTION_DAYS``."""
    query = select(tasks.c.id).where(tasks.c.id.in_(task_ids))
    return set((await connection.execute(query)).scalars())


async def list_states(connection: AsyncConnection, task_ids: Collection[UUID]) -> dict[UUID, State]:
    """The states of those of these tasks that exist."""
    rows = await connection.execute(select(tasks.c.id, tasks.c.state).where(tasks.c.id.in_(task_ids)))
    return {row.id: State(row.state) for row in rows}


def _active_of(document_ids: Sequence[int]) -> ColumnElement[bool]:
    ids = literal(list(document_ids), ARRAY(BigInteger))
    return (tasks.c.document_id == any_(ids)) & tasks.c.state.in_([state.value for state in ACTIVE])


async def list_active_tasks(connection: AsyncConnection, document_ids: Sequence[int]) -> list[Task]:
    """List the unfinished tasks of documents."""
    return await fetch_tasks(connection, select(tasks).where(_active_of(document_ids)))


async def lock_document_tasks(connection: AsyncConnection, document_ids: Sequence[int]) -> None:
    """Lock the unfinished tasks of documents until the transaction ends.

    Call this before locking the documents' rows: a task that ends locks its own row first, then its document's.
    """
    query = select(tasks.c.id).where(_active_of(document_ids)).order_by(tasks.c.id)
    await connection.execute(query.with_for_update())


# The waiting tasks of the same agent and queue before this one; counting stops at the cap.
_POSITION = Statement(
    f"""
    SELECT count(*) FROM (
        SELECT FROM tasks AS t
        WHERE t.queue = :queue AND t.agent_id = :agent_id AND t.state IN ({quoted(WAITING)})
          AND (t.available_at, t.id) < (CAST(:available_at AS timestamptz), CAST(:task_id AS uuid))
        LIMIT {_POSITION_CAP}
    ) AS before
    """
)


async def get_position(source: Source, task: Task) -> int | None:
    """The position of a task among its agent's waiting tasks, from 1; None when it does not wait."""
    if task.state is State.QUEUED:
        return 1
    if task.state not in WAITING:
        return None
    parameters = {
        "queue": task.queue,
        "agent_id": task.agent_id,
        "available_at": task.available_at,
        "task_id": task.id,
    }
    [row] = await fetch(source, _POSITION, parameters)
    return 1 + int(row["count"])


BACKLOG = text(
    f"""
    SELECT count(*) FROM (
        SELECT FROM tasks AS t
        WHERE t.queue = ANY (:queues) AND t.agent_id = :agent_id AND t.state IN ({quoted(WAITING)})
        LIMIT :limit
    ) AS waiting
    """
)


async def has_backlog(connection: AsyncConnection, agent_id: int, limit: int) -> bool:
    """Return whether an agent has at least ``limit`` waiting tasks in all queues; counting stops there."""
    parameters = {"agent_id": agent_id, "queues": list(WORK_QUEUES), "limit": limit}
    return bool((await connection.execute(BACKLOG, parameters)).scalar_one() >= limit)


async def count_unfinished(connection: AsyncConnection, name: TaskName) -> int:
    """Count the unfinished tasks of a name, which must be one that ``tasks_keeping_vectors_idx`` covers."""
    query = text(f"SELECT count(*) FROM tasks WHERE name = '{name.value}' AND completed_at IS NULL")
    return int((await connection.execute(query)).scalar_one())
