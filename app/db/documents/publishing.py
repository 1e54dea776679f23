"""Gives a document its content, and the edition of chunks that search finds. Nothing here commits."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.content_keys import key_of_digest
from app.db.engine import fetch
from app.db.statements import Statement
from app.db.vectors.indexes import PUBLICATION_LOCK
from app.domain.documents import DocumentStatus
from app.domain.records import Content
from app.domain.usage import UsageKind

_DIGEST = "CAST(:sha256 AS bytea)"
_HELD = f"""
    filename = :filename, media_type = :media_type, size_bytes = CAST(:size_bytes AS bigint), sha256 = {_DIGEST},
    content_key = {key_of_digest(_DIGEST)}, blob_key = CAST(:blob_key AS text),
    version = d.version + CASE WHEN d.blob_key <> CAST(:blob_key AS text) THEN 1 ELSE 0 END,
    counted_bytes = CAST(:size_bytes AS bigint)
"""
"""The assignments of a document that gets a content."""
_ADDED_BYTES = "CAST(:size_bytes AS bigint) - coalesce(former.counted_bytes, 0)"
"""By how much the stored bytes change. ``former`` is the document's row as it was before the statement."""
_OF_TASK = "d.id = CAST(:document_id AS bigint) AND d.task_id = CAST(:task_id AS uuid) AND d.deleted_at IS NULL"
"""The document still exists, and no other task has replaced this one."""

_EDITION = "coalesce(CAST(:edition AS integer), greatest(d.last_edition, d.edition) + 1)"

_COMPLETE = Statement(f"""
    WITH published AS (
        UPDATE documents AS d
        SET {_HELD}, status = '{DocumentStatus.COMPLETED}', completed_at = now(),
            edition = {_EDITION}, last_edition = greatest(d.last_edition, {_EDITION}),
            page_count = CAST(:page_count AS integer), chunk_count = CAST(:chunk_count AS integer),
            embedding_model = CAST(:embedding_model AS text), metadata = CAST(:found AS jsonb) || d.metadata
        WHERE {_OF_TASK} AND d.edition < {_EDITION}
        RETURNING d.id, d.organization_id, d.agent_id, d.edition
    ),
    -- After the document's row is locked. Until the transaction ends, no index is added or activated.
    locked AS MATERIALIZED (
        SELECT id, agent_id, edition, pg_advisory_xact_lock_shared({PUBLICATION_LOCK}) FROM published
    ),
    recorded AS (
        INSERT INTO editions (index_id, document_id, edition, agent_id, complete)
        SELECT CAST(:index_id AS bigint), id, edition, agent_id, true FROM locked
        WHERE CAST(:edition AS integer) IS NULL
    ),
    -- A document that was searchable before is no new one.
    counted AS (
        INSERT INTO usage_records (organization_id, agent_id, kind, model, task_id, documents, pages, characters,
                                   chunks, tokens_in, stored_bytes)
        SELECT p.organization_id, p.agent_id, CAST(:kind AS text), '', CAST(:task_id AS uuid),
               CASE WHEN former.counted_bytes IS NULL AND former.edition = 0 THEN 1 ELSE 0 END,
               coalesce(CAST(:page_count AS integer), 0), CAST(:characters AS bigint), CAST(:chunk_count AS integer), 0,
               {_ADDED_BYTES}
        FROM published AS p JOIN documents AS former ON former.id = p.id
        UNION ALL
        SELECT p.organization_id, p.agent_id, '{UsageKind.EMBEDDING}', CAST(:embedding_model AS text),
               CAST(:task_id AS uuid), 0, 0, 0, 0, CAST(:local_tokens AS bigint), 0
        FROM published AS p WHERE CAST(:local_tokens AS bigint) > 0
    )
    SELECT edition FROM locked
""")


@dataclass(frozen=True, slots=True)
class PublishedUsage:
    """What the publication of a document has used. ``local_tokens`` are those of a model that no provider charges."""

    kind: str
    characters: int
    local_tokens: int


async def complete_document(
    connection: AsyncConnection,
    document_id: int,
    *,
    task_id: UUID,
    content: Content,
    page_count: int | None,
    chunk_count: int,
    embedding_model: str,
    found: Mapping[str, Any],
    index_id: int,
    edition: int | None,
    usage: PublishedUsage,
) -> int | None:
    """Mark a document completed, with this content and this edition of its chunks, which search finds from now on.

    Returns the edition. None, without a change, when the document was deleted, another task than ``task_id`` has
    replaced this one, or a later edition is published. No index is added or activated until the transaction ends.

    Args:
        connection: The transaction, which also writes the chunks, or finds all of them written.
        document_id: The document.
        task_id: The document's indexing task.
        content: What the document holds from now on.
        page_count: The number of its pages.
        chunk_count: The number of its chunks.
        embedding_model: The name of the model of its vectors.
        found: The metadata in the file; the uploader's metadata takes precedence.
        index_id: The index that holds its vectors.
        edition: The edition; None for the next number, which this transaction reserves at the same time.
        usage: What the statement records besides the pages, the chunks and the bytes of the file.
    """
    parameters = {
        **asdict(content),
        "document_id": document_id,
        "task_id": task_id,
        "page_count": page_count,
        "chunk_count": chunk_count,
        "embedding_model": embedding_model,
        "found": json.dumps(dict(found)),
        "index_id": index_id,
        "edition": edition,
        "kind": usage.kind,
        "characters": usage.characters,
        "local_tokens": usage.local_tokens,
    }
    rows = await fetch(connection, _COMPLETE, parameters)
    return rows[0]["edition"] if rows else None


_SET_CONTENT = Statement(f"""
    WITH changed AS (
        UPDATE documents AS d SET {_HELD} WHERE {_OF_TASK} RETURNING d.id, d.organization_id, d.agent_id
    ),
    counted AS (
        INSERT INTO usage_records (organization_id, agent_id, kind, task_id, stored_bytes)
        SELECT c.organization_id, c.agent_id, '{UsageKind.DOCUMENT}', CAST(:task_id AS uuid), {_ADDED_BYTES}
        FROM changed AS c JOIN documents AS former ON former.id = c.id
    )
    SELECT id FROM changed
""")


async def set_archive_content(connection: AsyncConnection, document_id: int, task_id: UUID, content: Content) -> bool:
    """Set the content of an unpacked archive. False when it was deleted, or another task replaced this one."""
    parameters = {**asdict(content), "document_id": document_id, "task_id": task_id}
    return bool(await fetch(connection, _SET_CONTENT, parameters))
