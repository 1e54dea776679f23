"""Statements on several tasks lock them in one order, and an admission waits for no task: docs/locks.md."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId, new_task_id
from app.domain.tasks import Queue, Task
from app.ledger.cancel import cancel_agent
from app.ledger.children import cancel_children, revive_children
from app.ledger.dead_letters import replay
from app.ledger.parents import lock_ancestors
from app.ledger.queues import pause
from tests.ledger.bench import ORGANIZATION, Bench

PARENT, FIRST, SECOND = sorted(new_task_id() for _ in range(3))
FAILED = "state = 'FAILURE', completed_at = now(), dead_lettered_at = now()"

Operation = Callable[[AsyncConnection], Awaitable[object]]


@pytest.mark.parametrize(
    ("change", "operate"),
    [
        ("stage = NULL", lambda connection, bench: cancel_agent(connection, bench.agent, 100)),
        ("stage = NULL", lambda connection, _: cancel_children(connection, [PARENT])),
        (FAILED, lambda connection, _: revive_children(connection, PARENT)),
        (FAILED, lambda connection, _: replay(connection, ORGANIZATION, [SECOND, FIRST])),
        ("state = 'QUEUED', queued_at = now()", lambda connection, _: pause(connection, Queue.HIGH)),
    ],
    ids=["cancel_agent", "cancel_children", "revive_children", "replay", "pause"],
)
def test_who_waits_for_the_first_of_several_tasks_holds_none_of_the_others(
    bench: Bench, change: str, operate: Callable[[AsyncConnection, Bench], Awaitable[object]]
) -> None:
    for task_id in (SECOND, FIRST):  # in this order in the table
        add(bench, task_id, change)
    assert is_free_while_waiting(bench, FIRST, lambda connection: operate(connection, bench), SECOND)


def test_ancestors_are_locked_from_the_top_down(bench: Bench) -> None:
    child = new_task_id()
    add(bench, SECOND, "parent_id = NULL")
    add(bench, FIRST, f"parent_id = '{SECOND}'")
    add(bench, child, f"parent_id = '{FIRST}'")
    assert is_free_while_waiting(bench, SECOND, lambda connection: lock_ancestors(connection, [child]), FIRST)
    assert [task.id for task in bench.do(lock_ancestors, [child])] == [SECOND, FIRST]


def test_an_admission_waits_for_no_task(bench: Bench) -> None:
    held, free = bench.submit(), bench.submit()
    with bench.hold("SELECT FROM tasks WHERE id = $1 FOR UPDATE", held.id):
        assert bench.admit() == [free.bell]
    assert bench.admit() == [held.bell]


def add(bench: Bench, task_id: TaskId, change: str) -> Task:
    """Insert a child of ``PARENT``."""
    bench.sql(
        "INSERT INTO tasks (id, organization_id, agent_id, parent_id, name, queue)"
        " VALUES (:id, :organization, :agent, :parent, 'app.tasks.upkeep_tasks.ping', 'high_priority')",
        id=task_id,
        organization=ORGANIZATION,
        agent=bench.agent,
        parent=PARENT,
    )
    bench.sql(f"UPDATE tasks SET {change} WHERE id = :id", id=task_id)
    return bench.read(task_id)


def is_free_while_waiting(bench: Bench, held: TaskId, operation: Operation, other: TaskId) -> bool:
    """Return whether ``other`` can be locked while the operation waits for the lock on ``held``."""

    async def probe() -> bool:
        holder, prober = [await asyncpg.connect(bench._database_url) for _ in range(2)]
        async with holder.transaction():
            await holder.execute("SELECT FROM tasks WHERE id = $1 FOR UPDATE", held)
            running = asyncio.create_task(bench._commit(operation))
            while not await prober.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not running.done()
                await asyncio.sleep(0.01)
            try:
                await prober.execute("SELECT FROM tasks WHERE id = $1 FOR UPDATE NOWAIT", other)
                free = True
            except asyncpg.LockNotAvailableError:
                free = False
        await running
        for connection in (holder, prober):
            await connection.close()
        return free

    return bench._runner.run(probe())
