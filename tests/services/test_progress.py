"""Progress is written at once for a client that watches, and otherwise within half a second or with the end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import Database
from app.domain.errors import DocumentDamagedError
from app.domain.states import State
from app.domain.task_view import describe
from app.domain.tasks import Progress, Task
from app.ledger import report as ledger_report
from app.ledger.cancel import cancel
from app.ledger.read import get_task
from app.services.queue import progress as module
from app.services.queue.attempts import Outcome, RunningAttempt
from tests.deadlines import deadline, within
from tests.services.test_after_commit import World

STAGES = [("load", 0), ("parse", 20), ("chunk", 50), ("embed", 50), ("store", 80)]


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """An empty ledger."""
    world = World(Database(engine))
    await world.begin()
    return world


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The stages of each statement that writes reports."""
    written: list[list[str]] = []
    report: Callable[..., Awaitable[Any]] = ledger_report.report

    async def count(connection: AsyncConnection, attempt: Any, last: Progress, earlier: Any = ()) -> Any:
        written.append([*(progress.stage for progress in earlier), last.stage])
        return await report(connection, attempt, last, earlier)

    monkeypatch.setattr(module, "report", count)
    return written


async def read(world: World, task: Task) -> Task:
    async with world.database.statement() as connection:
        found = await get_task(connection, task.id)
    assert found
    return found


async def until(world: World, task: Task, condition: Callable[[Task], bool]) -> Task:
    async with asyncio.timeout(deadline(10)):
        while True:
            if condition(row := await read(world, task)):
                return row
            await asyncio.sleep(0.01)


async def pass_stages(attempt: RunningAttempt) -> Outcome:
    for stage, current in STAGES:
        await attempt.report(Progress(stage, current, f"{stage} {current}"))
    return Outcome({"done": 1}, "Done")


def list_stages(task: Task) -> list[tuple[str, int]]:
    return [(entry["name"], entry["current"]) for entry in task.stages]


async def test_a_short_task_that_no_client_watches_writes_its_stages_with_its_end(
    world: World, written: list[list[str]]
) -> None:
    ended = await world.attempt(await world.submit(), pass_stages)
    assert ended
    assert written == []
    assert [state for _, state, _ in world.recorder.published] == ["SUCCESS"]
    assert (list_stages(ended), ended.stage, ended.current) == (STAGES, "store", 100)
    assert [stage["name"] for stage in describe(ended)["stages"]] == ["queue", *(stage for stage, _ in STAGES)]


async def test_a_client_that_watches_a_fast_task_sees_it_move_through_every_stage(world: World) -> None:
    world.recorder.is_watched = True
    task, seen = await world.submit(), []

    async def body(attempt: RunningAttempt) -> Outcome:
        for stage, current in STAGES:
            await attempt.report(Progress(stage, current, stage))
            row = await read(world, task)
            seen.append((row.stage, row.current))
        return Outcome(None, "Done")

    ended = await world.attempt(task, body)
    assert ended
    assert seen == STAGES
    assert [info["current"] for _, state, info in world.recorder.published if state == "PROGRESS"] == [
        0,
        20,
        50,
        50,
        80,
    ]
    versions = [version for version, _, _ in world.recorder.published]
    assert versions == sorted(set(versions))
    assert versions[-1] == ended.version
    assert list_stages(ended) == STAGES


async def test_a_client_that_comes_during_a_stage_sees_it_before_the_next_report(world: World) -> None:
    task = await world.submit()

    async def body(attempt: RunningAttempt) -> Outcome:
        await attempt.report(Progress("load", 0, "load"))
        await attempt.report(Progress("parse", 20, "parse"))
        assert (await read(world, task)).stage is None
        world.recorder.asked[0]()
        await until(world, task, lambda row: row.stage == "parse")
        return Outcome(None, "Done")

    with within(5):
        ended = await world.attempt(task, body)
    assert ended
    assert list_stages(ended) == [("load", 0), ("parse", 20)]


async def test_kept_reports_are_written_within_half_a_second_though_none_follows(
    world: World, written: list[list[str]]
) -> None:
    task = await world.submit()

    async def body(attempt: RunningAttempt) -> Outcome:
        for stage, current in (("load", 0), ("parse", 20), ("parse", 22), ("parse", 25)):
            await attempt.report(Progress(stage, current, stage, current))
        row = await until(world, task, lambda row: row.state is State.PROGRESS)
        assert (row.current, row.chunk_count, list_stages(row)) == (25, 25, [("load", 0), ("parse", 20)])
        return Outcome(None, "Done")

    ended = await world.attempt(task, body)
    assert ended
    assert ended.state is State.SUCCESS, ended.error
    assert written == [["load", "parse", "parse"]]
    assert [state for _, state, _ in world.recorder.published] == ["PROGRESS", "SUCCESS"]


async def test_a_failure_tells_the_stage_in_which_it_happened(world: World) -> None:
    async def body(attempt: RunningAttempt) -> Outcome:
        await pass_stages(attempt)
        raise DocumentDamagedError

    ended = await world.attempt(await world.submit(), body)
    assert ended
    assert (ended.state, ended.stage, list_stages(ended)) == (State.FAILURE, "store", STAGES)
    assert [entry["stage"] for entry in ended.history] == ["store"]


async def test_an_outcome_that_cannot_be_stored_keeps_the_stages(world: World) -> None:
    async def fail(_connection: AsyncConnection) -> None:
        raise DocumentDamagedError

    async def body(attempt: RunningAttempt) -> Outcome:
        await pass_stages(attempt)
        return Outcome(None, "Done", apply=fail)

    ended = await world.attempt(await world.submit(), body)
    assert ended
    assert (ended.state, list_stages(ended)) == (State.FAILURE, STAGES)


async def test_a_cancel_is_noticed_within_half_a_second_while_reports_are_kept(world: World) -> None:
    task = await world.submit()

    async def body(attempt: RunningAttempt) -> Outcome:
        await attempt.report(Progress("load", 0, "load"))
        async with world.database.statement() as connection:
            await cancel(connection, task.id, 1)
        while True:
            await attempt.report(Progress("parse", 20, "parse"))
            await asyncio.sleep(0.01)

    with within(2):
        ended = await world.attempt(task, body)
    assert ended
    assert (ended.state, ended.result) == (State.REVOKED, None)
    assert list_stages(ended) == [("load", 0), ("parse", 20)]


async def test_a_transaction_that_is_rolled_back_does_not_lose_the_reports_that_were_kept(world: World) -> None:
    async def body(attempt: RunningAttempt) -> Outcome:
        await attempt.report(Progress("load", 0, "load"))
        async with world.database.transaction() as connection:
            await attempt.report_within(connection, Progress("parse", 20, "parse"))
            raise DocumentDamagedError

    ended = await world.attempt(await world.submit(), body)
    assert ended
    assert (ended.state, list_stages(ended)) == (State.FAILURE, [("load", 0)])


async def test_reports_within_a_transaction_add_those_that_were_kept(world: World) -> None:
    async def body(attempt: RunningAttempt) -> Outcome:
        await attempt.report(Progress("load", 0, "load"))
        async with world.database.transaction() as connection:
            await attempt.report_within(connection, Progress("parse", 20, "parse"))
        return Outcome(None, "Done")

    ended = await world.attempt(await world.submit(), body)
    assert ended
    assert list_stages(ended) == [("load", 0), ("parse", 20)]
