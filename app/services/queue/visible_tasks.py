"""Tasks as a key with a document filter sees them: without what they say of documents that do not match it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from app.db.engine import Database
from app.domain.errors import DuplicateDocumentError
from app.domain.identity import Access
from app.domain.tasks import Counts, Task
from app.ledger.children import count_children
from app.ledger.visible import count_visible_children, list_visible_tasks

_FAILURES = "failures"


async def limit_to_visible(database: Database, access: Access, given: Sequence[Task]) -> list[Task]:
    """Remove what visible tasks say of hidden ones: counts, failures of children, and the ids of duplicates.

    Without a document filter, the tasks are returned as they are and no database is asked.
    """
    if access.document_filter is None:
        return list(given)
    limited = [_hide_duplicates(task) for task in given]
    parents = [task.id for task in limited if task.is_parent]
    if not parents:
        return limited
    failed = [UUID(entry["task_id"]) for task in limited for entry in _list_failures(task)]
    async with database.statement() as connection:
        counts = await count_children(connection, parents)
        seen = await count_visible_children(connection, access, parents)
        visible = await list_visible_tasks(connection, access, failed)
    return [
        task if counts.get(task.id) == seen.get(task.id) else _count_visible(task, seen.get(task.id, Counts()), visible)
        for task in limited
    ]


def _list_failures(task: Task) -> Sequence[Mapping[str, Any]]:
    """The children that failed, as a parent's result lists them."""
    return (task.result or {}).get(_FAILURES) or ()


def _count_visible(parent: Task, seen: Counts, visible: Collection[UUID]) -> Task:
    """A parent some of whose children are hidden, with the counts and the failures of the others."""
    status = f"{seen.succeeded} of {seen.total} done" + (f", {seen.failed} failed" if seen.failed else "")
    result = parent.result
    if result is not None and _FAILURES in result:
        result = {
            **result,
            "total": seen.total,
            "succeeded": seen.succeeded,
            "failed": seen.failed,
            "revoked": seen.revoked,
            _FAILURES: [entry for entry in _list_failures(parent) if UUID(entry["task_id"]) in visible],
        }
    return replace(parent, status=status, result=result)


def _hide_duplicates(task: Task) -> Task:
    """The task, whose errors do not name the document that has the same content: it may be hidden."""
    result = task.result
    if _list_failures(task):
        result = {**(result or {}), _FAILURES: [_without_id(entry) for entry in _list_failures(task)]}
    error = None if task.error is None else _without_id(task.error)
    return replace(task, result=result, error=error, history=[_without_id(entry) for entry in task.history])


def _without_id(error: Mapping[str, Any]) -> Mapping[str, Any]:
    is_duplicate = error.get("code") == DuplicateDocumentError.code
    return {**error, "message": DuplicateDocumentError.title()} if is_duplicate else error
