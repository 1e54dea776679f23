"""The allowed outcomes of a run of hostile files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.deadlines import deadline
from tests.fuzz.installation import Sight
from tests.fuzz.sender import Answer

FAILURES = {
    *("document_damaged", "document_encrypted", "no_extractable_text", "parse_limit_exceeded"),
    *(
        "archive_limit_exceeded",
        "archive_too_deep",
        "archive_empty",
        "unsafe_path",
        "special_file",
        "all_children_failed",
    ),
    *("unsupported_type", "empty_file", "payload_too_large"),
}
"""The codes of files that cannot be read; those of the last line belong to archive entries and batches."""
REFUSALS = {(413, "payload_too_large"), (415, "unsupported_type"), (422, "empty_file")}
_STATUSES = {"SUCCESS": "completed", "FAILURE": "failed"}
_MOST_GROWTH = 200
"""MB by which a process may grow."""
_SLOWEST = 15.0

TASKS = """
    SELECT t.id::text, t.name, t.parent_id::text, t.state, t.crashes, t.retries, t.error ->> 'code' AS code,
           t.error ->> 'message' AS message, t.metadata ->> 'filename' AS filename, d.status,
           extract(epoch FROM t.completed_at - t.started_at)::float AS seconds
    FROM tasks AS t LEFT JOIN documents AS d ON d.task_id = t.id
"""
"""Every task, with the columns that the audit checks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: its kind, and where it was found."""

    kind: str
    detail: str


def check_tasks(tasks: Sequence[Mapping[str, Any]], ways: Mapping[str, str]) -> Iterator[Finding]:
    """Every task has ended once, with a known code. ``ways`` says how the file of each task was made."""
    for task in tasks:
        way = ways.get(task["id"]) or f"member of {ways.get(task['parent_id'] or '')}"
        subject = f"{task['filename']} ({way}): {task['state']} {task['code']} {task['message']}"
        if task["state"] not in _STATUSES:
            yield Finding("stuck", subject)
        elif task["state"] == "FAILURE" and task["code"] not in FAILURES:
            yield Finding("unknown code", subject)
        if task["crashes"] or task["retries"]:
            yield Finding("worker death" if task["crashes"] else "tried again", subject)
        if task["status"] not in {None, _STATUSES.get(task["state"])}:
            yield Finding("document contradicts its task", f"{subject}: {task['status']}")


def check_answers(answers: Sequence[Answer]) -> Iterator[Finding]:
    """Every file was accepted, or refused in a way that the API documents."""
    for answer in answers:
        if answer.task_id is None and (answer.status, answer.code) not in REFUSALS:
            kind = "server error" if answer.status >= 500 or not answer.status else "undocumented refusal"
            yield Finding(kind, f"{answer.case.form} ({answer.case.way}): {answer.status} {answer.code}")


def check_processes(before: Mapping[int, Sight], after: Mapping[int, Sight]) -> Iterator[Finding]:
    """The same processes run as before, none of them has grown, and there are no others."""
    for pid, sight in before.items():
        now = after.get(pid)
        if now is None or now.born != sight.born:
            yield Finding("worker death", f"process {pid}: {sight.command}")
        elif now.peak - sight.peak > _MOST_GROWTH:
            yield Finding("swollen process", f"{sight.command}: from {sight.peak} to {now.peak} MB")
    for pid in after.keys() - before.keys():
        yield Finding("worker death", f"process {pid} took another's place: {after[pid].command}")


def check_pulse(slowest: float) -> Iterator[Finding]:
    """No file has blocked the API for other clients."""
    if slowest > deadline(_SLOWEST):
        yield Finding("API held up", f"for {slowest:.1f} s")
