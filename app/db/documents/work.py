"""What a task on a document reads before it starts, in one statement: the document, its settings, the active index."""

from collections.abc import Sequence
from typing import Any

from app.db.engine import Database
from app.db.statements import Statement
from app.db.tables.core import documents
from app.db.vectors.indexes import INDEX_COLUMNS, build_index
from app.domain.documents import DocumentStatus
from app.domain.records import AgentSettings, Document, Work
from app.domain.vectors import IndexState

_SETTINGS = ("settings", "weight", "max_in_flight")
_DOCUMENT = tuple(column.name for column in documents.c)

WORK_COLUMNS = ", ".join(
    [
        *(f"d.{name}" for name in _DOCUMENT),
        *(f"a.{name}" for name in _SETTINGS),
        *(f"i.{name}" for name in INDEX_COLUMNS),
    ]
)
"""The columns that ``read_work`` reads, in its order."""

WORK_JOINS = f"""
    JOIN agents AS a ON a.id = d.agent_id AND a.deleted_at IS NULL
    LEFT JOIN vector_indexes AS i ON i.state = '{IndexState.ACTIVE}'
"""
"""The tables besides the document ``d``."""

_FIND = Statement(f"""
    SELECT {WORK_COLUMNS} FROM documents AS d {WORK_JOINS}
    WHERE d.id = CAST(:document_id AS bigint) AND d.deleted_at IS NULL
""")


async def find_work(database: Database, document_id: int) -> Work | None:
    """Read what a task on this document needs; None when the document or its agent is deleted."""
    rows = await database.fetch(_FIND, {"document_id": document_id})
    return read_work(tuple(rows[0])) if rows else None


def read_work(values: Sequence[Any]) -> Work:
    """Build what the values of ``WORK_COLUMNS`` say."""
    document = dict(zip(_DOCUMENT, values, strict=False))
    settings, weight, max_in_flight = values[len(_DOCUMENT) : len(_DOCUMENT) + len(_SETTINGS)]
    index = values[len(_DOCUMENT) + len(_SETTINGS) :]
    return Work(
        Document(**{**document, "status": DocumentStatus(document["status"])}),
        AgentSettings(**settings, weight=weight, max_in_flight=max_in_flight),
        build_index(index) if index[0] is not None else None,
    )
