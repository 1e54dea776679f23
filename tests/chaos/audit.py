"""The audit: which promises a run broke."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.domain.documents import DocumentStatus
from app.domain.states import FINAL, State
from app.ledger.statement import DOCUMENT_STATUS
from tests.chaos.clients import Book
from tests.chaos.evidence import DocumentRow, Evidence, TaskRow, UsageRow
from tests.chaos.history import find_faults

_UNFINISHED = {DocumentStatus.QUEUED, DocumentStatus.PROCESSING}


class Fault(StrEnum):
    """Ways in which a promise can be broken."""

    LOST = "lost"
    DOUBLED = "doubled"
    STUCK = "stuck"
    LATE = "late writes"
    WRONG = "other faults"


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: of which kind, about what, and how."""

    fault: Fault
    subject: str
    detail: str


def audit(evidence: Evidence, book: Book) -> list[Finding]:
    """Every broken promise that the evidence shows."""
    return [finding for check in _CHECKS for finding in check(evidence, book)]


def _check_promises(evidence: Evidence, book: Book) -> Iterator[Finding]:
    """Accepted uploads exist and ended in an allowed state."""
    for promise in book.promises:
        task, document = evidence.tasks.get(promise.task_id), evidence.documents.get(promise.document_id)
        if task is None or document is None:
            yield Finding(Fault.LOST, promise.task_id, f"{promise.filename} was accepted and is not there")
        elif (document.filename, document.task_id, task.document_id) != (promise.filename, task.id, document.id):
            yield Finding(Fault.LOST, promise.task_id, f"its document {document.id} is not what was uploaded")
        elif task.state in FINAL and task.state not in promise.may_end:
            ends = " or ".join(sorted(promise.may_end))
            yield Finding(Fault.LOST, task.id, f"it ended as {task.state}, not as {ends}: {task.error}")


def _check_doubtful(evidence: Evidence, book: Book) -> Iterator[Finding]:
    """An upload whose answer was lost is absent or complete, and no other document exists."""
    accepted = {promise.filename for promise in book.promises}
    times = Counter(document.filename for document in evidence.documents.values())
    for document in evidence.documents.values():
        task = evidence.tasks.get(document.task_id)
        if times[document.filename] > 1:
            yield Finding(
                Fault.DOUBLED, str(document.id), f"{document.filename} is there {times[document.filename]} times"
            )
        if document.filename in accepted:
            continue
        if document.filename not in book.doubtful:
            yield Finding(Fault.WRONG, str(document.id), f"no client uploaded {document.filename}")
        elif task is None or (task.state in FINAL and task.state is not State.SUCCESS):
            end = f"ended as {task.state}" if task else "has no task"
            yield Finding(Fault.LOST, str(document.id), f"{document.filename}, whose answer was lost, {end}")


def _check_ends(evidence: Evidence, _: Book) -> Iterator[Finding]:
    for task in evidence.tasks.values():
        if task.state not in FINAL:
            yield Finding(Fault.STUCK, task.id, f"it is {task.state}")
        if task.document_id not in evidence.documents:
            yield Finding(Fault.LOST, task.id, "it has no document")
    for document in evidence.documents.values():
        if document.status in _UNFINISHED:
            yield Finding(Fault.STUCK, f"document {document.id}", f"it is {document.status}")


def _check_chunks(evidence: Evidence, _: Book) -> Iterator[Finding]:
    """A completed document has its chunks once each, written with its task's latest success; others have none."""
    for document in evidence.documents.values():
        if (task := evidence.tasks.get(document.task_id)) is None:
            continue
        subject = f"document {document.id}"
        successes = [change.transaction for change in task.changes if change.new_state is State.SUCCESS]
        yield from (Finding(Fault.WRONG, subject, detail) for detail in _compare_status(document, task, successes))
        wanted = list(range(document.chunk_count or 0)) if successes else []
        if document.ordinals != wanted:
            doubled = len(document.ordinals) > len(wanted)
            detail = f"it has {len(document.ordinals)} chunks {document.ordinals[:9]}, not {len(wanted)}"
            yield Finding(Fault.DOUBLED if doubled else Fault.LOST, subject, detail)
        if document.ordinals and document.transactions != successes[-1:]:
            detail = f"its chunks are of {document.transactions}, its task succeeded in {successes}"
            yield Finding(Fault.LATE, subject, detail)
    yield from (Finding(Fault.WRONG, f"chunk {chunk}", "it has no document") for chunk in evidence.stray_chunks)


def _compare_status(document: DocumentRow, task: TaskRow, successes: list[int]) -> Iterator[str]:
    """A document that was completed once stays so, whatever becomes of a later run."""
    status = DocumentStatus.COMPLETED if successes else DOCUMENT_STATUS[task.state]
    if document.status != status:
        yield f"it is {document.status}, not {status}: its task is {task.state} and succeeded {len(successes)} times"
    if successes and not document.chunk_count:
        yield "it is completed and has no chunks"
    if task.state is State.SUCCESS and task.chunk_count != document.chunk_count:
        yield f"it has {document.chunk_count} chunks, of which its task says {task.chunk_count}"


def _check_journal(evidence: Evidence, _: Book) -> Iterator[Finding]:
    for task in evidence.tasks.values():
        for detail in find_faults(task.changes, task.state, task.epoch):
            yield Finding(Fault.LATE, task.id, detail)


def _check_stores(evidence: Evidence, book: Book) -> Iterator[Finding]:
    for line in evidence.miscounted:
        yield Finding(Fault.WRONG, "lexemes", line)
    for document_id in evidence.damaged_blobs:
        yield Finding(Fault.LOST, f"document {document_id}", "its file is gone or damaged")
    for surprise in book.surprises:
        yield Finding(Fault.WRONG, "answer", surprise)


_ENDS = {State.SUCCESS: "task.succeeded", State.FAILURE: "task.failed", State.REVOKED: "task.cancelled"}


def _check_events(evidence: Evidence, _: Book) -> Iterator[Finding]:
    """Each end of a task has one event. The events have all positions from 1 on, and each of a task one delivery."""
    recorded: dict[str | None, list[str]] = defaultdict(list)
    for event in evidence.events:
        if event.type in _ENDS.values():
            recorded[event.task_id].append(event.type)
        wanted = ["delivered"] if event.type.startswith("task.") else []
        if event.deliveries != wanted:
            fault = Fault.DOUBLED if len(event.deliveries) > len(wanted) else Fault.LOST
            yield Finding(fault, f"event {event.id}", f"its deliveries are {event.deliveries}, not {wanted}")
    for task in evidence.tasks.values():
        ends = [_ENDS[c.new_state] for c in task.changes if c.new_state in FINAL and c.old_state not in FINAL]
        if (found := recorded.pop(task.id, [])) != ends:
            fault = Fault.DOUBLED if len(found) > len(ends) else Fault.LOST
            yield Finding(fault, task.id, f"its events are {found}, not {ends}")
    yield from (
        Finding(Fault.WRONG, f"task {task_id}", f"it has events {types}") for task_id, types in recorded.items()
    )
    positions = sorted(event.position or 0 for event in evidence.events)
    if positions != list(range(1, len(positions) + 1)):
        yield Finding(Fault.WRONG, "events", f"their positions have gaps: {positions[:9]} to {positions[-9:]}")


def _check_usage(evidence: Evidence, _: Book) -> Iterator[Finding]:
    """Each success of a task is counted once, and its document and the bytes of its file with the first one."""
    recorded: dict[str, list[UsageRow]] = defaultdict(list)
    for row in evidence.usage:
        recorded[row.task_id].append(row)
    for document in evidence.documents.values():
        task, rows = evidence.tasks.get(document.task_id), recorded.pop(document.task_id, [])
        count = sum(change.new_state is State.SUCCESS for change in task.changes) if task else 0
        published = min(count, 1)
        found = (len(rows), sum(row.documents for row in rows), sum(row.stored_bytes for row in rows))
        if found != (wanted := (count, published, published * document.size_bytes)):
            fault = Fault.DOUBLED if found > wanted else Fault.LOST
            detail = f"its publications, documents and bytes were counted as {found}, not {wanted}"
            yield Finding(fault, f"document {document.id}", detail)
        if rows and rows[-1].chunks != document.chunk_count:
            detail = f"{rows[-1].chunks} of its {document.chunk_count} chunks were counted"
            yield Finding(Fault.WRONG, f"document {document.id}", detail)
    yield from (Finding(Fault.WRONG, task_id, "usage is counted for it, which has no document") for task_id in recorded)


_CHECKS: tuple[Callable[[Evidence, Book], Iterator[Finding]], ...] = (
    _check_promises,
    _check_doubtful,
    _check_ends,
    _check_chunks,
    _check_journal,
    _check_stores,
    _check_events,
    _check_usage,
)
