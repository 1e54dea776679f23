"""The state that a run left behind, read once."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.states import State
from app.domain.tasks import TaskName
from app.domain.usage import UsageKind
from tests.chaos import journal
from tests.chaos.journal import Change
from tests.chaos.ledger import Ledger

_DOCUMENTS = """
    SELECT d.id, d.filename, d.status, d.chunk_count, d.blob_key, d.size_bytes, d.sha256, d.task_id::text,
           coalesce(c.ordinals, '{}') AS ordinals, coalesce(c.transactions, '{}') AS transactions
    FROM documents AS d
    LEFT JOIN (
        SELECT document_id, array_agg(ordinal ORDER BY ordinal) AS ordinals,
               array_agg(DISTINCT xmin::text::bigint) AS transactions
        FROM chunks GROUP BY document_id
    ) AS c ON c.document_id = d.id
    ORDER BY d.id
"""
# Of the uploads: a calibration belongs to an agent, a delivery to the organization.
_TASKS = f"""
    SELECT id::text, document_id, state, epoch, crashes, chunk_count, error
    FROM tasks WHERE name NOT IN ('{TaskName.CALIBRATE_AGENT}', '{TaskName.DELIVER_EVENT}') ORDER BY id
"""
_EVENTS = """
    SELECT e.id, e.type, e.task_id::text, e.position,
           ARRAY(SELECT d.status FROM webhook_deliveries AS d WHERE d.event_id = e.id) AS deliveries
    FROM events AS e ORDER BY e.id
"""
_USAGE = f"""
    SELECT task_id::text, documents, chunks, stored_bytes FROM usage_records
    WHERE kind = '{UsageKind.DOCUMENT}' ORDER BY id
"""
_STRAY_CHUNKS = "SELECT id FROM chunks AS c WHERE NOT EXISTS (SELECT FROM documents AS d WHERE d.id = c.document_id)"

# The words of the chunks, counted again, against the stored counts; the empty word stands for every chunk.
_MISCOUNTED = """
    SELECT agent_id, lexeme, coalesce(found.chunks, 0) AS found, coalesce(kept.chunk_count, 0) AS kept
    FROM (
        SELECT agent_id, lexeme, count(*) AS chunks
        FROM chunks, unnest(tsvector_to_array(tsv) || CAST('' AS text)) AS lexeme
        GROUP BY agent_id, lexeme
    ) AS found
    FULL JOIN lexemes AS kept USING (agent_id, lexeme)
    WHERE coalesce(found.chunks, 0) <> coalesce(kept.chunk_count, 0)
    ORDER BY agent_id, lexeme
"""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task's row. ``changes`` is its journal."""

    id: str
    document_id: int | None
    state: State
    epoch: int
    crashes: int
    chunk_count: int | None
    error: str | None
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document's row; ``ordinals`` are its chunks in order, ``transactions`` the transactions that wrote them."""

    id: int
    filename: str
    status: str
    chunk_count: int | None
    blob_key: str
    size_bytes: int
    sha256: bytes
    task_id: str
    ordinals: list[int]
    transactions: list[int]


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event's row, with the status of each of its deliveries."""

    id: int
    type: str
    task_id: str | None
    position: int | None
    deliveries: list[str]


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What the publication of a document has recorded."""

    task_id: str
    documents: int
    chunks: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """The contents of the database and of the blob store. ``orphans`` counts files that no document names."""

    tasks: dict[str, TaskRow]
    documents: dict[int, DocumentRow]
    stray_chunks: list[int]
    miscounted: list[str]
    damaged_blobs: list[int]
    orphans: int
    events: list[EventRow] = field(default_factory=list)
    usage: list[UsageRow] = field(default_factory=list)


def gather(ledger: Ledger, blobs: Path) -> Evidence:
    """Read it all.

    Raises:
        OSError, asyncpg.PostgresError: the database is unavailable.
    """
    changes = journal.read(ledger)
    tasks = {
        row["id"]: TaskRow(**{**row, "state": State(row["state"]), "changes": changes.get(row["id"], [])})
        for row in ledger.fetch(_TASKS)
    }
    documents = {row["id"]: DocumentRow(**row) for row in ledger.fetch(_DOCUMENTS)}
    named = {document.blob_key for document in documents.values()}
    return Evidence(
        tasks=tasks,
        documents=documents,
        stray_chunks=[row["id"] for row in ledger.fetch(_STRAY_CHUNKS)],
        miscounted=[
            f"agent {row['agent_id']}, {row['lexeme']!r}: {row['kept']} kept, {row['found']} found"
            for row in ledger.fetch(_MISCOUNTED)
        ],
        damaged_blobs=[document.id for document in documents.values() if not _is_whole(blobs, document)],
        orphans=sum(1 for file in _list_files(blobs) if str(file.relative_to(blobs)) not in named),
        events=[EventRow(**row) for row in ledger.fetch(_EVENTS)],
        usage=[UsageRow(**row) for row in ledger.fetch(_USAGE)],
    )


def _is_whole(blobs: Path, document: DocumentRow) -> bool:
    try:
        content = (blobs / document.blob_key).read_bytes()
    except FileNotFoundError:
        return False
    return len(content) == document.size_bytes and hashlib.sha256(content).digest() == document.sha256


def _list_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
