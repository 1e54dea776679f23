"""The audit itself: it reports nothing where all is well, and each fault that a test plants."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.states import State
from tests.chaos.audit import Fault, audit
from tests.chaos.clients import Book, Promise
from tests.chaos.evidence import DocumentRow, EventRow, Evidence, TaskRow, UsageRow
from tests.chaos.journal import Change

PENDING, QUEUED, STARTED, PROGRESS = State.PENDING, State.QUEUED, State.STARTED, State.PROGRESS
SUCCESS, REVOKED = State.SUCCESS, State.REVOKED

# The first host crashes while it runs the task, the second one finishes it.
CHANGES = [
    Change(PENDING, QUEUED, 0, 0, "api", 100),
    Change(QUEUED, STARTED, 0, 1, "host-a", 101),
    Change(STARTED, PROGRESS, 1, 1, "host-a", 102),
    Change(PROGRESS, PENDING, 1, 2, "host-b", 103),
    Change(PENDING, QUEUED, 2, 2, "host-b", 104),
    Change(QUEUED, STARTED, 2, 3, "host-b", 105),
    Change(STARTED, PROGRESS, 3, 3, "host-b", 106),
    Change(PROGRESS, SUCCESS, 3, 3, "host-b", 107),
]
TASK = TaskRow("task", 7, SUCCESS, 3, 1, 2, None, CHANGES)
ENDS = {SUCCESS: "task.succeeded", REVOKED: "task.cancelled"}
USAGE = UsageRow("task", 1, 2, 10)
DOCUMENT = DocumentRow(7, "1-1.txt", "completed", 2, "aa/key", 10, b"", "task", [0, 1], [107])

LATE_FINISH = [*CHANGES[:7], Change(PROGRESS, SUCCESS, 3, 3, "host-a", 107)]
SECOND_FINISH = [*CHANGES, Change(SUCCESS, SUCCESS, 3, 3, "host-b", 108)]
UNFENCED_CRASH = [*CHANGES[:3], Change(PROGRESS, PENDING, 1, 1, "host-b", 103)]
FALLEN_EPOCH = [*CHANGES[:4], Change(PENDING, QUEUED, 2, 1, "host-b", 104)]
FORBIDDEN = [*CHANGES[:1], Change(QUEUED, SUCCESS, 0, 0, "host-a", 101)]
UNSEEN = [*CHANGES[:3], *CHANGES[4:]]


def make_evidence(task: TaskRow = TASK, document: DocumentRow = DOCUMENT) -> Evidence:
    """The evidence of one upload."""
    ends = [ENDS[change.new_state] for change in task.changes if change.new_state in ENDS]
    events = [EventRow(100 + n, end, task.id, n, ["delivered"]) for n, end in enumerate(ends, 1)]
    usage = [USAGE for change in task.changes if change.new_state is SUCCESS]
    return Evidence({task.id: task}, {document.id: document}, [], [], [], 0, events, usage)


def make_book(may_end: State = SUCCESS) -> Book:
    """One upload that was accepted."""
    return Book(promises=[Promise("1-1.txt", "task", 7, {may_end})])


def test_the_audit_is_silent_where_every_promise_was_kept() -> None:
    assert audit(make_evidence(), make_book()) == []


def test_a_cancelled_upload_has_no_chunks() -> None:
    changes = [Change(PENDING, REVOKED, 0, 0, "api", 100)]
    task = replace(TASK, state=REVOKED, epoch=0, changes=changes)
    document = replace(DOCUMENT, status="cancelled", chunk_count=None, ordinals=[], transactions=[])
    assert audit(make_evidence(task, document), make_book(REVOKED)) == []
    assert Fault.LOST in faults(make_evidence(task, document), make_book())


def test_an_upload_whose_answer_was_lost_may_be_absent_but_not_broken() -> None:
    doubtful = Book(doubtful={"1-1.txt"})
    assert audit(Evidence({}, {}, [], [], [], 0), doubtful) == []
    assert audit(make_evidence(), doubtful) == []
    failed = replace(TASK, state=State.FAILURE)
    assert Fault.LOST in faults(make_evidence(failed), doubtful)


@pytest.mark.parametrize(
    ("fault", "break_it"),
    [
        (Fault.LOST, lambda e: replace(e, tasks={})),
        (Fault.LOST, lambda e: replace(e, documents={})),
        (Fault.LOST, lambda _: make_evidence(document=replace(DOCUMENT, ordinals=[0]))),
        (Fault.LOST, lambda e: replace(e, damaged_blobs=[7])),
        (Fault.DOUBLED, lambda _: make_evidence(document=replace(DOCUMENT, ordinals=[0, 1, 1]))),
        (Fault.DOUBLED, lambda e: replace(e, documents={**e.documents, 8: replace(DOCUMENT, id=8)})),
        (Fault.STUCK, lambda _: make_evidence(replace(TASK, state=PROGRESS))),
        (Fault.STUCK, lambda _: make_evidence(document=replace(DOCUMENT, status="processing"))),
        (Fault.LATE, lambda _: make_evidence(document=replace(DOCUMENT, transactions=[106, 107]))),
        (Fault.WRONG, lambda _: make_evidence(replace(TASK, chunk_count=3))),
        (Fault.WRONG, lambda e: replace(e, stray_chunks=[1])),
        (Fault.WRONG, lambda e: replace(e, miscounted=["agent 1, 'gate': 2 kept, 1 found"])),
        (Fault.LOST, lambda e: replace(e, events=[])),
        (Fault.DOUBLED, lambda e: replace(e, events=[*e.events, replace(e.events[0], id=102, position=2)])),
        (Fault.LOST, lambda e: replace(e, events=[replace(e.events[0], type="task.failed")])),
        (Fault.LOST, lambda e: replace(e, events=[replace(e.events[0], deliveries=["failed"])])),
        (Fault.DOUBLED, lambda e: replace(e, events=[replace(e.events[0], deliveries=["delivered"] * 2)])),
        (Fault.WRONG, lambda e: replace(e, events=[replace(e.events[0], position=2)])),
        (Fault.WRONG, lambda e: replace(e, events=[*e.events, EventRow(102, "task.failed", "x", 2, ["delivered"])])),
        (Fault.LOST, lambda e: replace(e, usage=[])),
        (Fault.DOUBLED, lambda e: replace(e, usage=[USAGE, USAGE])),
        (Fault.LOST, lambda e: replace(e, usage=[replace(USAGE, stored_bytes=9)])),
        (Fault.WRONG, lambda e: replace(e, usage=[replace(USAGE, chunks=1)])),
        (Fault.WRONG, lambda e: replace(e, usage=[USAGE, replace(USAGE, task_id="x")])),
    ],
)
def test_the_audit_tells_of_what_is_missing_or_too_much(fault: Fault, break_it: Callable[[Evidence], Evidence]) -> None:
    assert fault in faults(break_it(make_evidence()), make_book())


@pytest.mark.parametrize("changes", [LATE_FINISH, SECOND_FINISH, UNFENCED_CRASH, FALLEN_EPOCH, FORBIDDEN, UNSEEN])
def test_the_audit_reports_forbidden_changes(changes: list[Change]) -> None:
    end = changes[-1]
    task = replace(TASK, state=end.new_state, epoch=end.new_epoch, changes=changes)
    assert Fault.LATE in faults(make_evidence(task), make_book())


def faults(evidence: Evidence, book: Book) -> set[Fault]:
    """The kinds of faults that the audit finds."""
    return {finding.fault for finding in audit(evidence, book)}
