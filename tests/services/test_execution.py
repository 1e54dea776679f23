"""One attempt of a task, when the database or the worker's lease fails during it."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from app.db.engine import Database, create_engine
from app.db.tenants.agents import insert_agent
from app.domain.errors import DatabaseUnavailableError, DocumentSupersededError
from app.domain.ids import TaskId, WorkerId, new_worker_id
from app.domain.records import AgentSettings
from app.domain.states import State
from app.domain.tasks import Attempt, Bell, NewTask, Queue, Task, TaskName
from app.ledger import claim as ledger_claim
from app.ledger import report as ledger_report
from app.ledger.cancel import cancel
from app.ledger.read import get_task
from app.ledger.report import AttemptStatus
from app.ledger.submit import submit
from app.ledger.workers import NewWorker, register
from app.services.queue import attempts as queue_attempts
from app.services.queue import claims
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import Outcome, RunningAttempt, WorkerSlot
from app.services.queue.execution import Execution
from app.services.queue.failures import RetryPolicy
from app.settings import Settings
from app.tasks.lease import Lease


class SilentDoorbell:
    """A broker and a result backend that discard everything."""

    async def publish(self, bells: Sequence[Bell]) -> None:
        """Discard the messages."""

    def publish_state(
        self, task_id: TaskId, version: int, state: str, info: Any, *, reports_success: bool = False
    ) -> None:
        """Discard the state."""

    def ask_for_watchers(self, task_id: TaskId, notify: Callable[[], None]) -> None:
        """Do nothing: no client watches."""

    def publish_start(self, bell: Bell) -> None:
        """Discard the start."""

    async def forget_states(self, task_ids: Sequence[TaskId]) -> None:
        """Do nothing."""


def _make_slot(worker: WorkerId, lease: Lease | None = None) -> WorkerSlot:
    """A slot in this process, under the given lease or a valid one."""
    if lease is None:
        lease = Lease()
        lease.grant(worker, time.monotonic() + 60)
    return WorkerSlot(worker, os.getpid(), lease)


async def _answer(_attempt: RunningAttempt) -> Outcome:
    return Outcome({"answer": 42}, "Done")


async def _run(settings: Settings, scenario: Callable[[Database, Execution, Task, WorkerId], Awaitable[None]]) -> None:
    """Run a scenario on one admitted task and one live worker."""
    database = Database(create_engine(settings.database_url or "", pool_size=4))
    admission = Admission(database, SilentDoorbell())
    worker = NewWorker(new_worker_id(), "test", "here", os.getpid(), [Queue.HIGH.value], 1)
    async with database.transaction() as connection:
        await register(connection, worker, 60)
        agent = await insert_agent(connection, 1, "Test", "test", AgentSettings())
        task = await submit(connection, NewTask(1, agent.id, TaskName.PING, Queue.HIGH))
    await admission.admit([Queue.HIGH.value])
    policy = RetryPolicy(max_retries=0, backoff=1, backoff_max=1, time_limit=30)
    after_commit = AfterCommit(database, SilentDoorbell(), admission)
    await scenario(database, Execution(database, after_commit, policy, admission), task, worker.id)
    await admission.settle()
    await database.close()


async def _read(database: Database, task: Task) -> Task:
    async with database.statement() as connection:
        found = await get_task(connection, task.id)
    assert found
    return found


async def test_a_claim_whose_answer_was_lost_is_handed_back_and_runs_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def claim_and_lose_the_answer(*arguments: Any) -> Task | None:
        await ledger_claim.claim(*arguments)
        monkeypatch.setattr(claims, "claim", ledger_claim.claim)
        raise DatabaseUnavailableError

    async def scenario(database: Database, attempts: Execution, task: Task, worker: WorkerId) -> None:
        monkeypatch.setattr(claims, "claim", claim_and_lose_the_answer)
        assert await attempts.run(task.id, TaskName.PING, _make_slot(worker), _answer) is None
        waiting = await _read(database, task)
        assert (waiting.worker_id, waiting.crashes) == (None, 0)
        await Admission(database, SilentDoorbell()).admit([Queue.HIGH.value])
        ended = await attempts.run(task.id, TaskName.PING, _make_slot(worker), _answer)
        assert ended
        assert (ended.state, ended.attempt) == (State.SUCCESS, 2)

    await _run(settings, scenario)


async def test_a_message_that_names_another_task_is_refused_with_one_log_line_and_the_row_waits_for_its_own(
    settings: Settings,
) -> None:
    async def delete(_attempt: RunningAttempt) -> Outcome:
        raise AssertionError("the function of another task ran")

    async def scenario(database: Database, attempts: Execution, task: Task, worker: WorkerId) -> None:
        waiting = await _read(database, task)
        with capture_logs() as logs:
            assert await attempts.run(task.id, TaskName.DELETE_AGENT, _make_slot(worker), delete) is None
        assert [(entry["event"], entry["message_name"], entry["name"]) for entry in logs] == [
            ("message_refused", TaskName.DELETE_AGENT, TaskName.PING)
        ]
        assert await _read(database, task) == waiting
        with capture_logs() as logs:
            ended = await attempts.run(task.id, TaskName.PING, _make_slot(worker), _answer)
            assert await attempts.run(task.id, TaskName.PING, _make_slot(worker), _answer) is None
        assert ended
        assert (ended.state, logs) == (State.SUCCESS, [])

    await _run(settings, scenario)


async def test_a_watch_that_fails_ends_the_attempt_in_the_ledger(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_connection: AsyncConnection, _attempt: Attempt) -> AttemptStatus:
        raise RuntimeError("the watch broke")

    async def never(_attempt: RunningAttempt) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    async def scenario(database: Database, attempts: Execution, task: Task, worker: WorkerId) -> None:
        monkeypatch.setattr(queue_attempts, "watch", fail)
        await attempts.run(task.id, TaskName.PING, _make_slot(worker), never)
        ended = await _read(database, task)
        assert ended.state is State.FAILURE
        assert ended.error
        assert "the watch broke" in ended.error["message"]

    await _run(settings, scenario)


async def test_a_task_that_was_given_to_another_writes_nothing(settings: Settings) -> None:
    async def scenario(database: Database, attempts: Execution, task: Task, worker: WorkerId) -> None:
        async def lose(attempt: RunningAttempt) -> Outcome:
            async with database.statement() as connection:
                await connection.execute(text("UPDATE tasks SET epoch = epoch + 1"))
                assert await ledger_report.watch(connection, attempt.task.attempt_token) is AttemptStatus.SUPERSEDED
            return await _answer(attempt)

        assert await attempts.run(task.id, TaskName.PING, _make_slot(worker), lose) is None
        assert (await _read(database, task)).result is None

    await _run(settings, scenario)


@pytest.mark.parametrize("end", ["the lease runs out", "the worker must stop"])
async def test_an_attempt_whose_worker_may_not_go_on_is_handed_back_and_no_crash_is_counted(
    settings: Settings, end: str
) -> None:
    async def scenario(_database: Database, attempts: Execution, task: Task, worker: WorkerId) -> None:
        lease, begun = Lease(), asyncio.Event()
        lease.grant(worker, time.monotonic() + 60)

        async def never_end(_attempt: RunningAttempt) -> Outcome:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

        running = asyncio.create_task(attempts.run(task.id, TaskName.PING, _make_slot(worker, lease), never_end))
        await begun.wait()
        if end == "the lease runs out":
            lease.grant(worker, time.monotonic())
        else:
            lease.stop(time.monotonic())
        ended = await running
        assert ended
        assert (ended.crashes, ended.epoch, ended.worker_id) == (0, 2, None)
        assert ended.history[-1]["outcome"] == "handed_back"

    await _run(settings, scenario)


def test_a_worker_that_stops_claims_nothing_more_and_holds_what_it_has() -> None:
    worker, lease = new_worker_id(), Lease()
    assert (lease.claimant(), lease.holder(), lease.holds(worker)) == (None, None, False)
    lease.grant(worker, time.monotonic() + 60)
    assert (lease.claimant(), lease.holds(worker), lease.must_hand_back()) == (worker, True, False)
    lease.stop(time.monotonic() + 60)
    assert (lease.claimant(), lease.holds(worker), lease.must_hand_back()) == (None, True, False)
    lease.stop(time.monotonic())
    assert lease.must_hand_back()
    lease.grant(worker, time.monotonic())
    assert (lease.holder(), lease.holds(worker)) == (worker, False)


async def test_an_attempt_that_a_newer_task_has_overtaken_is_revoked_and_no_dead_letter(settings: Settings) -> None:
    async def finish_too_late(_connection: AsyncConnection) -> None:
        raise DocumentSupersededError

    async def answer_too_late(_attempt: RunningAttempt) -> Outcome:
        return Outcome({"answer": 42}, "Done", apply=finish_too_late)

    async def scenario(database: Database, attempts: Execution, task: Task, worker: WorkerId) -> None:
        ended = await attempts.run(task.id, TaskName.PING, _make_slot(worker), answer_too_late)
        assert ended
        assert ended == await _read(database, task)
        assert (ended.state, ended.dead_lettered_at) == (State.REVOKED, None)
        assert ended.error
        assert ended.error["code"] == "document_superseded"

    await _run(settings, scenario)


@pytest.mark.parametrize("how", ["cancelled", "superseded", "finished"])
async def test_what_an_attempt_has_stored_is_discarded_unless_its_outcome_is_written(
    settings: Settings, how: str
) -> None:
    discarded = list[str]()

    async def discard() -> None:
        discarded.append("the file")

    async def supersede(_connection: AsyncConnection) -> None:
        if how == "superseded":
            raise DocumentSupersededError

    async def scenario(database: Database, attempts: Execution, task: Task, worker: WorkerId) -> None:
        async def store(_attempt: RunningAttempt) -> Outcome:
            if how == "cancelled":
                async with database.statement() as connection:
                    await cancel(connection, task.id, 1)
            return Outcome(None, "Done", apply=supersede, discard=discard)

        ended = await attempts.run(task.id, TaskName.PING, _make_slot(worker), store)
        assert ended
        assert ended.state is (State.SUCCESS if how == "finished" else State.REVOKED)
        assert discarded == ([] if how == "finished" else ["the file"])

    await _run(settings, scenario)
