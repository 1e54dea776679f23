"""Every way the ledger can be used, well or badly, with a model that foretells what each use may change."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from sqlalchemy import select

from app.db.tables import tasks as task_table
from app.domain.ids import TaskId, WorkerId
from app.domain.states import ACTIVE, FINAL, RUNNING, WAITING, Event, State, sources, target
from app.domain.tasks import Attempt, Bell, Progress, Queue, Task
from app.ledger.admit import WINDOW_MINIMUM, WINDOW_PER_SLOT
from app.ledger.cancel import cancel, revive
from app.ledger.finish import abort, fail, finish, hand_back, retry
from app.ledger.read import list_queues
from app.ledger.recover import reap_processes, reap_workers, reconcile
from app.ledger.report import Verdict, report
from app.ledger.statement import DOCUMENT_STATUS, fetch_tasks
from tests.ledger.bench import AWAY, BROKEN, ORGANIZATION, Bench

MAX_CRASHES = 2
CAP = 2
SLOTS = 2
QUEUES = (Queue.HIGH, Queue.LOW)
ENDS = (Event.FINISH, Event.RETRY, Event.FAIL, Event.ABORT, Event.HAND_BACK)
LONG_AGO = 1000.0
ANY = st.integers(0, 1000)


class LedgerMachine(RuleBasedStateMachine):
    """Tasks, bells and attempts stay in their bundles for good: so they come late, doubled, or are never used again."""

    tasks = Bundle("tasks")
    bells = Bundle("bells")
    attempts = Bundle("attempts")
    workers = Bundle("workers")

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        bench.clear()
        self.capped = bench.add_agent(weight=3, max_in_flight=CAP)
        self.alive: set[WorkerId] = set()
        self.paused: set[str] = set()
        self.claims: Counter[TaskId] = Counter()
        self.handed: set[Attempt] = set()
        self.rows: dict[TaskId, Task] = {}
        self.happened: frozenset[Event] = frozenset()
        bench.expire(bench.worker)

    # --- People -----------------------------------------------------------------

    @initialize(target=tasks, count=st.integers(1, 6))
    def begin(self, count: int) -> MultipleResults[TaskId]:
        return multiple(*(self._submit(index % 2 == 0, index % 3 == 0, QUEUES[index % 2]) for index in range(count)))

    @rule(target=tasks, capped=st.booleans(), with_document=st.booleans(), queue=st.sampled_from(QUEUES))
    def submit(self, capped: bool, with_document: bool, queue: Queue) -> TaskId:
        return self._submit(capped, with_document, queue)

    def _submit(self, capped: bool, with_document: bool, queue: Queue) -> TaskId:
        document = self.bench.add_document() if with_document else None
        task = self.bench.submit(self.capped if capped else None, queue, document)
        if document:
            self.bench.decide(task)
        return task.id

    @rule(task_id=tasks)
    def cancel(self, task_id: TaskId) -> None:
        changed = self.bench.do(cancel, task_id, ORGANIZATION)
        assert (changed is not None) == (self.rows[task_id].state in ACTIVE)
        self.happened = frozenset({Event.CANCEL})

    @rule(task_id=tasks)
    def revive(self, task_id: TaskId) -> None:
        changed = self.bench.do(revive, task_id, ORGANIZATION)
        assert (changed is not None) == (self.rows[task_id].state in FINAL)
        self.happened = frozenset({Event.REVIVE})

    @rule(queue=st.sampled_from(QUEUES))
    def pause_or_resume(self, queue: Queue) -> None:
        self.paused ^= {queue}
        self.bench.sql(
            "UPDATE queues SET paused_at = CASE WHEN :paused THEN now() END WHERE name = :queue",
            paused=queue in self.paused,
            queue=queue.value,
        )

    # --- Admission and bells ----------------------------------------------------

    @rule(target=bells, queue=st.sampled_from(QUEUES))
    def admit(self, queue: Queue) -> MultipleResults[TaskId]:
        rung = [bell.task_id for bell in self.bench.admit(queue)]
        assert len(rung) == len(set(rung)) == (0 if queue in self.paused else self._foretell_admissions(queue))
        self.happened = frozenset({Event.ADMIT})
        return multiple(*rung)

    def _foretell_admissions(self, queue: Queue) -> int:
        rows = self.rows.values()
        queued = sum(row.queue == queue and row.state is State.QUEUED for row in rows)
        room = max(0, max(WINDOW_MINIMUM, WINDOW_PER_SLOT * SLOTS * len(self.alive)) - queued)
        due = [row for row in rows if row.queue == queue and row.state in WAITING and not _is_delayed(row)]
        of_capped = sum(row.agent_id == self.capped for row in due)
        return min(room, len(due) - of_capped + min(of_capped, CAP - self._in_flight()))

    def _in_flight(self) -> int:
        flying = (State.QUEUED, *RUNNING)
        return sum(row.agent_id == self.capped and row.state in flying for row in self.rows.values())

    @rule(target=attempts, task_id=bells, worker=workers)
    def answer(self, task_id: TaskId, worker: WorkerId) -> Attempt | MultipleResults[Attempt]:
        """A bell of any age reaches any worker, dead or alive."""
        return self._answer(task_id, worker)

    def _answer(self, task_id: TaskId, worker: WorkerId) -> Attempt | MultipleResults[Attempt]:
        queued = self.rows[task_id].state is State.QUEUED
        claimed = self.bench.claim(task_id, worker)
        assert (claimed is not None) == (queued and worker in self.alive)
        self.happened = frozenset({Event.CLAIM})
        if claimed is None:
            return multiple()
        self.claims[task_id] += 1
        assert claimed.attempt_token not in self.handed
        self.handed.add(claimed.attempt_token)
        return claimed.attempt_token

    @precondition(lambda self: self.alive and self._in(State.QUEUED))
    @rule(target=attempts, index=ANY)
    def answer_promptly(self, index: int) -> Attempt | MultipleResults[Attempt]:
        queued = self._in(State.QUEUED)
        return self._answer(queued[index % len(queued)].id, min(self.alive))

    # --- Attempts ---------------------------------------------------------------

    @rule(attempt=attempts, current=st.integers(0, 99), stage=st.sampled_from(["parse", "embed"]))
    def report(self, attempt: Attempt, current: int, stage: str) -> None:
        row = self.rows[attempt.task_id]
        verdict = self.bench.do(report, attempt, Progress(stage, current, stage))
        if not _is_live(attempt, row):
            assert verdict is Verdict.SUPERSEDED
        else:
            assert verdict is (Verdict.CANCELLED if row.cancel_requested_at else Verdict.GO_ON)
            assert self.bench.read(row).current == max(row.current, current)
        self.happened = frozenset({Event.REPORT})

    @rule(attempt=attempts, end=st.sampled_from(ENDS))
    def end(self, attempt: Attempt, end: Event) -> None:
        row = self.rows[attempt.task_id]
        ended = self._end(attempt, end)
        cancelled = row.cancel_requested_at is not None
        assert (ended is not None) == (_is_live(attempt, row) and cancelled == (end is Event.ABORT))
        self.happened = frozenset({end})

    @precondition(lambda self: self._in(*RUNNING))
    @rule(index=ANY, end=st.sampled_from(ENDS))
    def end_promptly(self, index: int, end: Event) -> None:
        running = self._in(*RUNNING)
        self.end(running[index % len(running)].attempt_token, end)

    def _end(self, attempt: Attempt, end: Event) -> Task | None:
        match end:
            case Event.FINISH:
                return self.bench.do(finish, attempt, {"done": True}, status="Done")
            case Event.RETRY:
                return self.bench.do(retry, attempt, AWAY, LONG_AGO)
            case Event.FAIL:
                return self.bench.do(fail, attempt, BROKEN)
            case Event.ABORT:
                return self.bench.do(abort, attempt)
            case _:
                return self.bench.do(hand_back, attempt)

    # --- Workers and time -------------------------------------------------------

    @initialize(target=workers)
    def open_up(self) -> WorkerId:
        return self._add_worker()

    @rule(target=workers)
    def add_worker(self) -> WorkerId:
        return self._add_worker()

    def _add_worker(self) -> WorkerId:
        worker = self.bench.add_worker(*QUEUES, slots=SLOTS)
        self.alive.add(worker)
        return worker

    @rule(worker=workers)
    def expire_worker(self, worker: WorkerId) -> None:
        self.bench.expire(worker)
        self.alive.discard(worker)

    @rule()
    def reap(self) -> None:
        reaped = {task.id for task in self.bench.do(reap_workers, MAX_CRASHES)}
        assert reaped == {row.id for row in self._in(*RUNNING) if row.worker_id not in self.alive}
        self._crashed()

    @precondition(lambda self: self._in(*RUNNING))
    @rule(index=ANY)
    def kill_process(self, index: int) -> None:
        running = self._in(*RUNNING)
        victim = running[index % len(running)]
        assert victim.worker_id
        assert victim.pid
        reaped = {task.id for task in self.bench.do(reap_processes, victim.worker_id, [victim.pid], MAX_CRASHES)}
        assert reaped == {row.id for row in running if (row.worker_id, row.pid) == (victim.worker_id, victim.pid)}
        self._crashed()

    def _crashed(self) -> None:
        self.happened = frozenset({Event.CRASH, Event.CRASH_OUT, Event.ABORT})

    @rule(target=bells)
    def reconcile(self) -> MultipleResults[TaskId]:
        rung = [bell.task_id for bell in self.bench.do(reconcile)]
        assert all(self.rows[task_id].state is State.QUEUED for task_id in rung)
        return multiple(*rung)

    @rule()
    def pass_time(self) -> None:
        self.bench.pass_backoff()
        self.bench.pass_silence(LONG_AGO)

    # --- What always holds ------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        before, self.rows = self.rows, self._read()
        for row in self.rows.values():
            if row.id in before:
                self._check_change(before[row.id], row)
            self._check_row(row)
        assert self._in_flight() <= CAP
        self.happened = frozenset()

    def _read(self) -> dict[TaskId, Task]:
        return {row.id: row for row in self.bench.do(lambda connection: fetch_tasks(connection, select(task_table)))}

    def _check_change(self, old: Task, new: Task) -> None:
        """A state changes only by what happened; whatever clients see changes with a higher version."""
        allowed = {(source, target(event)) for event in self.happened for source in sources(event)}
        assert old.state == new.state or (old.state, new.state) in allowed
        assert new.epoch >= old.epoch
        assert new.version >= old.version
        assert new.version > old.version or _visible(old) == _visible(new)

    def _check_row(self, row: Task) -> None:
        running, final, failed = row.state in RUNNING, row.state in FINAL, row.state is State.FAILURE
        assert (row.worker_id is not None, row.pid is not None) == (running, running)
        assert (row.completed_at is not None, row.dead_lettered_at is not None) == (final, failed)
        assert row.attempt == self.claims[row.id] >= row.retries + row.crashes
        assert row.crashes < MAX_CRASHES or (failed and row.crashes == MAX_CRASHES)
        assert sum(_is_live(attempt, row) for attempt in self.handed if attempt.task_id == row.id) == running
        versions = [stage["version"] for stage in row.stages]
        assert versions == sorted(set(versions))

    def _in(self, *states: State) -> list[Task]:
        return [row for row in self.rows.values() if row.state in states]

    @rule()
    def count(self) -> None:
        """The documents and the queues' figures tell the same as the rows."""
        for row in self.bench.sql("SELECT task_id, status FROM documents"):
            # Once complete, a document stays so.
            assert row["status"] in {DOCUMENT_STATUS[self.rows[row["task_id"]].state], "completed"}
        for stats in self.bench.do(list_queues):
            rows = [row for row in self.rows.values() if row.queue == stats.name and row.state in ACTIVE]
            delayed = sum(row.state in WAITING and _is_delayed(row) for row in rows)
            running = sum(row.state in RUNNING for row in rows)
            assert (stats.delayed, stats.running, stats.depth) == (delayed, running, len(rows) - delayed - running)

    # --- And in the end ---------------------------------------------------------

    def teardown(self) -> None:
        """Once everything is quiet, one good worker brings every task to its end, whatever was lost before."""
        self.rows = self._read()
        self.bench.sql("UPDATE queues SET paused_at = NULL")
        self.bench.sql("UPDATE workers SET lease_expires_at = now() - interval '1 second'")
        worker = self.bench.add_worker(*QUEUES, slots=SLOTS)
        rounds = len(self.rows) + 1
        while self._in(*ACTIVE) and rounds:
            self._serve(worker)
            rounds -= 1
        assert self._in(*ACTIVE) == []
        self.count()

    def _serve(self, worker: WorkerId) -> None:
        self.bench.do(reap_workers, MAX_CRASHES)
        self.pass_time()
        bells: Sequence[Bell] = [
            *self.bench.do(reconcile),
            *(bell for queue in QUEUES for bell in self.bench.admit(queue)),
        ]
        for claimed in (self.bench.claim(bell.task_id, worker) for bell in bells):
            if claimed:
                assert self.bench.do(finish, claimed.attempt_token, None, status="Done")
        self.rows = self._read()


def _is_delayed(row: Task) -> bool:
    return row.available_at > datetime.now(UTC)


def _is_live(attempt: Attempt, row: Task) -> bool:
    return attempt.epoch == row.epoch and row.state in RUNNING


def _visible(row: Task) -> Any:
    """What clients see of a row: neither bells nor the time at which it may run."""
    return replace(row, queued_at=None, rings=0, available_at=row.created_at)
