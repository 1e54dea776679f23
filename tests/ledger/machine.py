"""Every use of the ledger, valid or not, with a model that predicts its effect."""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from app.db.tables.core import tasks as task_table
from app.domain.documents import DocumentStatus
from app.domain.ids import TaskId, WorkerId
from app.domain.states import ACTIVE, FINAL, RUNNING, WAITING, Event, State
from app.domain.tasks import Attempt, Progress, Queue, Task
from app.ledger.cancel import cancel, force_abort, revive
from app.ledger.dead_letters import discard, replay
from app.ledger.queues import list_queues, pause, resume
from app.ledger.recover import reap_processes, reap_workers, reconcile, release
from app.ledger.report import AttemptStatus, report
from app.ledger.statement import DOCUMENT_STATUS, fetch_tasks
from app.ledger.work_stealing import steal_work
from tests.ledger.bench import ORGANIZATION, PID, Bench
from tests.ledger.invariants import MAX_CRASHES, check_change, check_row
from tests.ledger.model import (
    CAP,
    END_STATEMENTS,
    LONG_AGO,
    SLOTS,
    USES,
    count_in_flight,
    is_delayed,
    is_live,
    name_event,
    pick,
    pick_some,
)

QUEUES = (Queue.HIGH, Queue.LOW)
CRASHES = (Event.CRASH, Event.CRASH_OUT, Event.ABORT)


class LedgerMachine(RuleBasedStateMachine):
    """Messages and attempts are never dropped, so they are used late, twice or never."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        bench.clear()
        self.capped = bench.add_agent(weight=3, max_in_flight=CAP)
        bench.expire(bench.worker)
        self.workers = [bench.add_worker(*QUEUES, slots=SLOTS)]
        self.alive = set(self.workers)
        self.paused: set[Queue] = set()
        self.tasks: list[TaskId] = []
        self.bells: list[TaskId] = []
        self.attempts: list[Attempt] = []
        self.claims: Counter[TaskId] = Counter()
        self.rows: dict[TaskId, Task] = {}
        self.happened: tuple[Event, ...] = ()
        self.discarded: set[TaskId] = set()
        self.ends = Counter[tuple[TaskId, str]]()
        bench.record_events()
        for number in range(6):
            self.submit(number, number // 2)

    @rule(
        use=st.sampled_from([use for use, weight in USES.items() for _ in range(weight)]),
        first=st.integers(0, 99),
        second=st.integers(0, 99),
    )
    def make_use(self, use: str, first: int, second: int) -> None:
        """Use the ledger once; the numbers choose the arguments."""
        self.happened = ()
        getattr(self, use)(first, second)

    # --- People -----------------------------------------------------------------

    def submit(self, first: int, second: int) -> None:
        document = self.bench.add_document() if first % 2 else None
        task = self.bench.submit(self.capped if second % 2 else None, pick(QUEUES, first // 2), document)
        self.tasks.append(task.id)
        if document:
            self.bench.decide(task)

    def cancel(self, first: int, _second: int) -> None:
        for row in pick_some(list(self.rows.values()), first):
            assert (self.bench.do(cancel, row.id, ORGANIZATION) is not None) == (row.state in ACTIVE)
            self.happened = (Event.CANCEL,)

    def revive(self, first: int, _second: int) -> None:
        for row in pick_some(list(self.rows.values()), first):
            assert (self.bench.do(revive, row.id, ORGANIZATION) is not None) == (row.state in FINAL)
            self.happened = (Event.REVIVE,)

    def pause_or_resume(self, first: int, second: int) -> None:
        queue = min(self.paused) if self.paused and second % 2 else pick(QUEUES, first)
        self.paused ^= {queue}
        self.bench.do(pause if queue in self.paused else resume, queue)
        self.happened = (Event.WITHDRAW,)

    def force(self, first: int, _second: int) -> None:
        """A supervisor ends a running task without its process: only one that was cancelled."""
        for attempt in pick_some(self.attempts, first):
            row = self.rows[attempt.task_id]
            ended = self.bench.do(force_abort, attempt)
            assert (ended is not None) == (is_live(attempt, row) and row.cancel_requested_at is not None)
            self.happened = (Event.ABORT,)

    def bury_or_replay(self, first: int, second: int) -> None:
        """A dead letter is discarded or replayed; no other task can be."""
        for row in pick_some(list(self.rows.values()), first):
            is_dead = row.dead_lettered_at is not None
            if second % 2:
                assert (self.bench.do(discard, row.id, ORGANIZATION) is not None) == is_dead
                self.discarded |= {row.id} if is_dead else set()
            else:
                assert len(self.bench.do(replay, ORGANIZATION, [row.id])) == is_dead
                self.happened = (Event.REVIVE,)

    # --- Admission and messages -------------------------------------------------

    def admit(self, first: int, second: int) -> None:
        raise NotImplementedError

    def answer(self, first: int, second: int) -> None:
        """A message of any age reaches any worker, live or dead."""
        for task_id in pick_some(self.bells, first):
            self._answer(self.rows[task_id], pick(self.workers, second))

    def answer_promptly(self, first: int, second: int) -> None:
        """A live worker claims a task at once; a missing worker or message is created."""
        if not self.alive:
            self.add_worker(first, second)
        elif queued := self._in(State.QUEUED):
            self._answer(pick(queued, first), pick([worker for worker in self.workers if worker in self.alive], second))
        else:
            self.admit(first, second)

    def _answer(self, row: Task, worker: WorkerId) -> None:
        claimed = self.bench.claim(row, worker)
        assert (claimed is not None) == (row.state is State.QUEUED and worker in self.alive)
        if claimed is not None:
            assert claimed.attempt_token not in self.attempts
            self.attempts.append(claimed.attempt_token)
            self.claims[row.id] += 1
        self.happened = (Event.CLAIM,)

    # --- Attempts ---------------------------------------------------------------

    def report(self, first: int, second: int) -> None:
        for attempt in pick_some(self.attempts, first):
            row = self.rows[attempt.task_id]
            status = self.bench.do(report, attempt, Progress(pick(("parse", "embed"), first), second, "Working"))
            if not is_live(attempt, row):
                assert status is AttemptStatus.SUPERSEDED
            else:
                assert status is (AttemptStatus.CANCELLED if row.cancel_requested_at else AttemptStatus.CONTINUE)
                assert self.bench.read(row).current == max(row.current, second)
            self.happened = (Event.REPORT,)

    def end(self, first: int, second: int) -> None:
        if self.attempts:
            self._end(pick(self.attempts, first), pick(tuple(END_STATEMENTS), second))
        else:
            self.answer_promptly(first, second)

    def end_promptly(self, first: int, second: int) -> None:
        if running := self._in(*RUNNING):
            self._end(pick(running, first).attempt_token, pick(tuple(END_STATEMENTS), second))
        else:
            self.answer_promptly(first, second)

    def _end(self, attempt: Attempt, event: Event) -> None:
        row = self.rows[attempt.task_id]
        ended = self.bench.do(END_STATEMENTS[event], attempt)
        right_end = (row.cancel_requested_at is not None) == (event is Event.ABORT)
        assert (ended is not None) == (is_live(attempt, row) and right_end)
        self.happened = (event,)

    # --- Workers and time -------------------------------------------------------

    def add_worker(self, first: int, second: int) -> None:
        raise NotImplementedError

    def expire_worker(self, first: int, _second: int) -> None:
        worker = pick(self.workers, first)
        self.bench.expire(worker)
        self.alive.discard(worker)

    def reap(self, _first: int, _second: int) -> None:
        reaped = {task.id for task in self.bench.do(reap_workers, MAX_CRASHES)}
        assert reaped == {row.id for row in self._in(*RUNNING) if row.worker_id not in self.alive}
        self.happened = CRASHES

    def kill_process(self, first: int, _second: int) -> None:
        for victim in pick_some(self._in(*RUNNING), first):
            assert victim.worker_id
            reaped = {task.id for task in self.bench.do(reap_processes, victim.worker_id, [PID], MAX_CRASHES)}
            assert reaped == {row.id for row in self._in(*RUNNING) if row.worker_id == victim.worker_id}
            self.happened = CRASHES

    def release(self, first: int, _second: int) -> None:
        """A worker that stops hands back all its tasks; no crash is counted."""
        worker = pick(self.workers, first)
        released = {task.id for task in self.bench.do(release, worker)}
        assert released == {row.id for row in self._in(*RUNNING) if row.worker_id == worker}
        self.happened = (Event.HAND_BACK, Event.ABORT)

    def help(self, _first: int, _second: int) -> None:
        """An idle worker of a less urgent queue steals tasks, by messages on its own queue."""
        helper = self.bench.add_worker(Queue.DEFAULT, slots=SLOTS)
        rung = self.bench.do(steal_work, helper)
        assert len(rung) <= SLOTS
        assert {bell.queue for bell in rung} <= {Queue.DEFAULT.value}
        assert all(self.rows[bell.task_id].state is State.QUEUED for bell in rung)
        self.bells += [bell.task_id for bell in rung]
        self.bench.expire(helper)

    def reconcile(self, _first: int, _second: int) -> None:
        rung = [bell.task_id for bell in self.bench.do(reconcile)]
        assert all(self.rows[task_id].state is State.QUEUED for task_id in rung)
        self.bells += rung

    def pass_time(self, _first: int, _second: int) -> None:
        self.bench.pass_backoff()
        self.bench.pass_silence(LONG_AGO)

    # --- Invariants -------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        before = self.rows
        self._update_rows()
        self.discarded -= {row.id for row in self.rows.values() if row.state is not State.FAILURE}
        for row in self.rows.values():
            if row.id in before:
                check_change(before[row.id], row, self.happened)
            check_row(row, discarded=row.id in self.discarded)
            assert row.attempt == self.claims[row.id]
            live = sum(is_live(attempt, row) for attempt in self.attempts if attempt.task_id == row.id)
            assert live == (row.state in RUNNING)
        assert count_in_flight(list(self.rows.values()), self.capped) <= CAP
        assert self.bench.count_events() == self.ends

    def _update_rows(self) -> None:
        """Read all rows, and count the events that their changes must have given."""
        before, self.rows = self.rows, self._read()
        self.ends.update(
            (row.id, event) for row in self.rows.values() if (event := name_event(before.get(row.id), row)) is not None
        )

    def _read(self) -> dict[TaskId, Task]:
        """All rows in the order of submission, so that equal numbers choose equal rows."""
        rows = {row.id: row for row in self.bench.do(lambda connection: fetch_tasks(connection, select(task_table)))}
        return {task_id: rows[task_id] for task_id in self.tasks}

    def _in(self, *states: State) -> list[Task]:
        return [row for row in self.rows.values() if row.state in states]

    def count(self, _first: int, _second: int) -> None:
        """The documents' statuses and the queues' statistics agree with the rows."""
        for row in self.bench.sql("SELECT task_id, status FROM documents"):
            # A completed document stays completed.
            assert row["status"] in {DOCUMENT_STATUS[self.rows[row["task_id"]].state], DocumentStatus.COMPLETED}
        for stats in self.bench.do(list_queues):
            rows = [row for row in self.rows.values() if row.queue == stats.name and row.state in ACTIVE]
            delayed = sum(row.state in WAITING and is_delayed(row) for row in rows)
            running = sum(row.state in RUNNING for row in rows)
            assert (stats.delayed, stats.running, stats.depth) == (delayed, running, len(rows) - delayed - running)

    # --- The end ----------------------------------------------------------------

    def teardown(self) -> None:
        """In the end, one worker completes every task, whatever was lost before."""
        self._update_rows()
        self.bench.sql("UPDATE queues SET paused_at = NULL")
        self.bench.sql("UPDATE workers SET lease_expires_at = now() - interval '1 second'")
        worker = self.bench.add_worker(*QUEUES, slots=SLOTS)
        rounds = len(self.rows) + 1
        while self._in(*ACTIVE) and rounds:
            self._serve(worker)
            rounds -= 1
        assert self._in(*ACTIVE) == []
        assert self.bench.count_events() == self.ends
        self.count(0, 0)

    def _serve(self, worker: WorkerId) -> None:
        raise NotImplementedError
