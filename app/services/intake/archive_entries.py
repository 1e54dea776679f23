"""Archive entries: the files of an archive or a batch, each a child task with its document."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.content_keys import NewContent, lock_filenames
from app.db.documents.documents import find_all_by_content
from app.domain.documents import OnDuplicate
from app.domain.errors import DuplicateDocumentError, SluiceError
from app.domain.ids import new_task_id
from app.domain.media import ARCHIVES
from app.domain.records import Content
from app.domain.states import State
from app.domain.tasks import Failure, Task, TaskName
from app.ledger.children import submit_children
from app.services.indexing.versions import take_over

_BATCH = 500
_OVERTAKEN = DuplicateDocumentError("A later file of the same name replaces it.")

Entry = Mapping[str, Any]
"""A row for ``app.ledger.children.submit_children``."""


def describe_entry(content: Content, metadata: Mapping[str, Any], arguments: Mapping[str, Any] | None = None) -> Entry:
    """The entry of a stored file."""
    name = TaskName.PROCESS_ARCHIVE if content.media_type in ARCHIVES else TaskName.PROCESS_DOCUMENT
    return {
        **content.as_json(),
        "content_key": content.sha256.hex(),
        "task_id": str(new_task_id()),
        "name": name.value,
        "metadata": dict(metadata),
        "arguments": dict(arguments or {}),
    }


def describe_failure(filename: str, error: SluiceError, metadata: Mapping[str, Any]) -> Entry:
    """The entry of a file that cannot be read: its child is a failure from the start."""
    failure = Failure(error.code, error.message, retryable=False)
    return {
        "task_id": str(new_task_id()),
        "name": TaskName.PROCESS_DOCUMENT.value,
        "filename": filename,
        "media_type": "application/octet-stream",
        "metadata": dict(metadata),
        "error": failure.as_json(),
    }


async def submit_entries(
    connection: AsyncConnection, parent: Task, entries: Sequence[Entry], on_duplicate: OnDuplicate
) -> list[Task]:
    """Insert a child for each entry. Call it within a transaction, and admit the children after its commit.

    Args:
        connection: The transaction.
        parent: The archive's or the batch's task.
        entries: One a file.
        on_duplicate: What happens to files that the agent already has.
    """
    if on_duplicate is OnDuplicate.REPLACE:
        entries = _without_overtaken(entries)
    # In one order, so that two transactions that insert the same files wait for each other and do not deadlock.
    entries = sorted(entries, key=lambda entry: entry.get("content_key") or "")
    if on_duplicate is OnDuplicate.REPLACE:
        entries = await _replace_documents(connection, parent, entries)
    rejection = DuplicateDocumentError()
    error = Failure(rejection.code, rejection.message, retryable=False).as_json()
    children, remaining = list[Task](), iter(entries)
    while batch := list(islice(remaining, _BATCH)):
        children += await submit_children(
            connection, parent, batch, duplicate_error=error if on_duplicate is OnDuplicate.REJECT else None
        )
    return children


async def submit_changed_entries(connection: AsyncConnection, parent: Task, entries: Sequence[Entry]) -> list[Task]:
    """Insert a child for each entry: a file replaces the document of its name, unless the agent has its bytes already.

    So a repository that is read again processes only the files that have changed.
    """
    keys = [bytes.fromhex(entry["content_key"]) for entry in entries if "content_key" in entry]
    known = {key.hex() for key in await find_all_by_content(connection, parent.agent_id, keys)}
    changed = [entry for entry in entries if entry.get("content_key") not in known]
    same = [entry for entry in entries if entry.get("content_key") in known]
    children = await submit_entries(connection, parent, changed, OnDuplicate.REPLACE)
    return children + await submit_entries(connection, parent, same, OnDuplicate.SKIP)


def list_unused_blobs(entries: Sequence[Entry], children: Sequence[Task]) -> list[str]:
    """The stored files that no child will read, because the agent already has the same content."""
    waiting = {child.id for child in children if child.state is State.PENDING}
    return [entry["blob_key"] for entry in entries if "blob_key" in entry and UUID(entry["task_id"]) not in waiting]


def _without_overtaken(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, where a later file of the same name and other bytes makes the earlier one a failure."""
    last = {entry["filename"]: entry["content_key"] for entry in entries if "blob_key" in entry}
    return [
        {**describe_failure(entry["filename"], _OVERTAKEN, entry["metadata"]), "task_id": entry["task_id"]}
        if "blob_key" in entry and last[entry["filename"]] != entry["content_key"]
        else entry
        for entry in entries
    ]


async def _replace_documents(connection: AsyncConnection, parent: Task, entries: Sequence[Entry]) -> list[Entry]:
    """The entries, each directed at the document whose content it replaces if there is one.

    Of several files with the same bytes, only the first replaces a document; the others are duplicates of it.
    """
    files = {
        NewContent(bytes.fromhex(entry["sha256"]), entry["filename"]): entry
        for entry in _without_copies(entry for entry in entries if "blob_key" in entry)
    }
    await lock_filenames(connection, parent.agent_id, [file.filename for file in files])
    replaced = await take_over(connection, parent.organization_id, parent.agent_id, list(files))
    directed = {}
    for file, document_id in replaced.items():
        entry = files[file]
        content = {name: entry[name] for name in ("blob_key", "media_type", "size_bytes", "sha256", "filename")}
        arguments = {**entry["arguments"], "content": content}
        directed[entry["task_id"]] = {**entry, "document_id": document_id, "arguments": arguments}
    return [directed.get(entry["task_id"], entry) for entry in entries]


def _without_copies(entries: Iterable[Entry]) -> Iterable[Entry]:
    """The first entry of each content."""
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry["content_key"], entry)
    return first.values()
