"""The part of the machine in which slots continue without a message."""

from collections.abc import Sequence

from app.domain.ids import WorkerId
from app.domain.states import RUNNING, Event, State
from app.domain.tasks import Attempt, Queue, Task
from app.ledger.admit import admit
from app.ledger.claim import Claim, Slot, claim
from app.ledger.finish import finish_and_claim, finish_several_and_claim
from app.ledger.recover import reap_workers, reconcile
from tests.ledger.bench import PID
from tests.ledger.invariants import MAX_CRASHES
from tests.ledger.machine import QUEUES, LedgerMachine
from tests.ledger.model import SLOTS, count_admissible, is_live, pick, pick_some


class ContinuingMachine(LedgerMachine):
    """Some workers continue, others are of an earlier version and do not."""

    def add_worker(self, first: int, second: int) -> None:
        self.workers.append(self.bench.add_worker(*QUEUES, slots=SLOTS, continues=(first + second) % 3 > 0))
        self.alive.add(self.workers[-1])

    def admit(self, first: int, _second: int) -> None:
        queue = pick(QUEUES, first)
        admitted = self.bench.do(admit, queue)
        rows = list(self.rows.values())
        expected = 0 if queue in self.paused else count_admissible(rows, queue, len(self.alive), self.capped)
        assert admitted.tasks == expected
        self.bells += [bell.task_id for bell in admitted.bells]
        if queue not in self.paused:
            self.check_messages(queue)
        self.happened = (Event.ADMIT,)

    def check_messages(self, queue: Queue) -> None:
        """After an admission, as many admitted tasks as slots are idle have a message, if there are so many."""
        rows = self._read().values()
        queued = [row for row in rows if row.queue == queue and row.state is State.QUEUED]
        busy = sum(row.state in RUNNING and row.worker_id in self.alive for row in rows)
        idle = max(0, len(self.alive) * SLOTS - busy)
        assert sum(row.rings > 0 for row in queued) >= min(len(queued), idle)

    def answer_for_queue(self, first: int, second: int) -> None:
        """A message of any age reaches a slot, which gets the next task if that of the message is taken."""
        for task_id in pick_some(self.bells, first):
            row, worker = self.rows[task_id], pick(self.workers, second)
            expected = [row] if row.state is State.QUEUED else self._find_next(row.queue)
            claimed = self.bench.do(claim, row.id, row.name, Slot(worker, PID, row.queue)).task
            self._note(claimed, expected if worker in self.alive else [])
            self.happened = (Event.CLAIM,)

    def continue_slot(self, first: int, second: int) -> None:
        """An attempt of any age ends with success, and its slot claims the next task."""
        for attempt in pick_some(self.attempts, first):
            self._continue(self.rows[attempt.task_id], attempt.epoch, second)

    def continue_promptly(self, first: int, second: int) -> None:
        """A slot that runs a task ends it and continues."""
        if running := self._in(*RUNNING):
            row = pick(running, first)
            self._continue(row, row.epoch, second)
        else:
            self.answer_promptly(first, second)

    def _continue(self, row: Task, epoch: int, second: int) -> None:
        attempt = next(known for known in self.attempts if (known.task_id, known.epoch) == (row.id, epoch))
        may_end = is_live(attempt, row) and row.cancel_requested_at is None
        worker = WorkerId(row.worker_id) if row.worker_id else pick(self.workers, second)
        slot = Slot(worker, PID, row.queue)
        ended, claimed = self.bench.do(finish_and_claim, attempt, slot, {"done": True}, status="Done")
        assert (ended is not None) == may_end
        self._note(claimed.task, self._find_next(row.queue) if may_end and worker in self.alive else [])
        self.happened = (Event.FINISH, Event.CLAIM)

    def end_together(self, first: int, second: int) -> None:
        """Attempts of any age end together with success, and their slot claims several tasks."""
        start = first % max(1, len(self.attempts))
        attempts = [*self.attempts[start:], *self._list_running()][: 1 + second % 4]
        if not attempts:
            return
        may_end = {
            attempt.task_id
            for attempt in attempts
            if is_live(attempt, self.rows[attempt.task_id]) and not self.rows[attempt.task_id].cancel_requested_at
        }
        row, worker = self.rows[attempts[0].task_id], pick(self.workers, second)
        slot = Slot(worker, PID, row.queue, most=1 + first % 3, name=row.name)
        ended, claimed = self.bench.do(finish_several_and_claim, [(attempt, 1, "Done") for attempt in attempts], slot)
        assert set(ended) == may_end
        self._note(claimed.task, self._find_next(row.queue) if may_end and worker in self.alive else [])
        self._note_further(claimed, slot)
        self.happened = (Event.FINISH, Event.CLAIM)

    def _list_running(self) -> list[Attempt]:
        return [row.attempt_token for row in self._in(*RUNNING)]

    def _note_further(self, claimed: Claim, slot: Slot) -> None:
        """Further tasks are first attempts of the queue, in the order of admission."""
        assert len(claimed.tasks) <= slot.most
        order = [row.queued_at for task in claimed.tasks if (row := self.rows[task.id]).queued_at]
        assert order == sorted(order)
        for task in claimed.further:
            row = self.rows[task.id]
            assert (row.state, row.queue, row.attempt) == (State.QUEUED, slot.queue, 0)
            self._note(task, [row])

    def _find_next(self, queue: str) -> list[Task]:
        """The tasks that may come next: the earliest in the order of admission."""
        queued = [row for row in self._in(State.QUEUED) if row.queue == queue and row.queued_at]
        earliest = min((row.queued_at for row in queued if row.queued_at), default=None)
        return [row for row in queued if row.queued_at == earliest]

    def _note(self, claimed: Task | None, expected: Sequence[Task]) -> None:
        assert (claimed is not None) == bool(expected)
        if claimed is not None:
            assert claimed.id in {row.id for row in expected}
            assert claimed.attempt_token not in self.attempts
            self.attempts.append(claimed.attempt_token)
            self.claims[claimed.id] += 1

    def _serve(self, worker: WorkerId) -> None:
        """The messages of one round, after each of which the slot continues for as long as it finds tasks."""
        self.bench.sql("UPDATE workers SET continues = true WHERE id = :id", id=worker)
        self.bench.do(reap_workers, MAX_CRASHES)
        self.pass_time(0, 0)
        bells = [*self.bench.do(reconcile), *(bell for queue in QUEUES for bell in self.bench.admit(queue))]
        for bell in bells:
            running = self.bench.claim(bell.task_id, worker)
            while running is not None:
                slot = Slot(worker, PID, running.queue)
                ended, claimed = self.bench.do(finish_and_claim, running.attempt_token, slot, None, status="Done")
                assert ended
                running = claimed.task
        self._update_rows()
