"""Ingestion: a stored file becomes chunks that can be searched.

Three steps, so that no session is open while work runs: load (read the row), process
(``app.pipeline``), apply (one transaction with the task's end, written by ``Execution``).
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.agents import get_agent
from app.db.chunks import ChunkRow, replace_chunks
from app.db.documents import complete_document, get_document_for_work
from app.db.engine import Database
from app.domain.documents import Chunk, Parsed
from app.domain.errors import DocumentDeletedError, NoExtractableTextError
from app.domain.ports import BlobStore, Embedder, Parser
from app.domain.records import AgentSettings, Document
from app.domain.tasks import Progress
from app.pipeline.chunk import split
from app.pipeline.lexemes import lexemes
from app.services.execution import Outcome, Work

_EMBED_BATCH = 128
_REPORT_SECONDS = 0.5


class Pace:
    """Lets a report through at stage changes and at most twice a second between."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether half a second has passed since the last time this was true."""
        now = time.monotonic()
        if now - self._last < _REPORT_SECONDS:
            return False
        self._last = now
        return True


class Ingestion:
    """Turns documents into searchable chunks."""

    def __init__(self, database: Database, blobs: BlobStore, parser: Parser, embedder: Embedder) -> None:
        self._database = database
        self._blobs = blobs
        self._parser = parser
        self._embedder = embedder

    async def process(self, work: Work) -> Outcome:
        """Parse, chunk, embed; the outcome stores the chunks and completes the document.

        Raises:
            DocumentError: when the file cannot be read or holds no text.
        """
        document, settings = await self._load(work)
        await work.report(Progress("load", 0, f"Loading {document.filename}"))
        parsed = await self._parse(work, document)
        rows = await self._index(work, document, settings, parsed)
        await work.report(Progress("store", 80, f"Storing {len(rows)} chunks of {document.filename}", len(rows)))
        metadata = dict(parsed.metadata)
        page_count = metadata.pop("page_count", None)

        async def apply(connection: AsyncConnection) -> None:
            kept = await complete_document(
                connection,
                document.id,
                page_count=page_count,
                chunk_count=len(rows),
                embedding_model=self._embedder.model,
                found=metadata,
            )
            if not kept:
                raise DocumentDeletedError
            await replace_chunks(connection, agent_id=document.agent_id, document_id=document.id, rows=rows)

        result = {
            "document_id": document.id,
            "filename": document.filename,
            "page_count": page_count,
            "chunk_count": len(rows),
            "characters": sum(len(page.text) for page in parsed.pages),
        }
        return Outcome(result, f"{document.filename} is ready: {len(rows)} chunks", len(rows), apply)

    async def _load(self, work: Work) -> tuple[Document, AgentSettings]:
        task = work.task
        async with self._database.statement() as connection:
            document = await get_document_for_work(connection, task.document_id or 0)
            agent = await get_agent(connection, task.organization_id, task.agent_id)
        if document is None or document.deleted_at or agent is None:
            raise DocumentDeletedError
        return document, agent.settings

    async def _parse(self, work: Work, document: Document) -> Parsed:
        """Text by pages; progress 20 to 50."""
        await work.report(Progress("parse", 20, f"Extracting text from {document.filename}"))
        pace = Pace()
        reports: set[asyncio.Task[None]] = set()

        def on_page(done: int, total: int) -> None:
            if not reports and done < total and pace.due():
                status = f"Extracting text from {document.filename} (page {done} of {total})"
                report = asyncio.create_task(work.report(Progress("parse", 20 + 30 * done // total, status)))
                reports.add(report)
                report.add_done_callback(reports.discard)

        with TemporaryDirectory(prefix="sluice-") as folder:
            path = await self._blobs.fetch(document.blob_key, Path(folder))
            try:
                return await self._parser.parse(path, document.media_type, on_page)
            finally:
                await asyncio.gather(*reports, return_exceptions=True)

    async def _index(self, work: Work, document: Document, settings: AgentSettings, parsed: Parsed) -> list[ChunkRow]:
        """Chunks with their words and vectors; progress 50 to 80."""
        await work.report(Progress("embed", 50, f"Chunking {document.filename}"))
        chunks = await asyncio.to_thread(
            lambda: list(split(parsed.pages, size=settings.chunk_size, overlap=settings.chunk_overlap))
        )
        if not chunks:
            raise NoExtractableTextError
        pace, rows, total = Pace(), list[ChunkRow](), len(chunks)
        for batch in _batches(chunks, _EMBED_BATCH):
            vectors = await self._embedder.embed([chunk.text for chunk in batch])
            words = await asyncio.to_thread(_count_words, batch)
            rows += [ChunkRow(*row) for row in zip(batch, vectors, words, strict=True)]
            if len(rows) < total and pace.due():
                status = f"Embedding {document.filename} (chunk {len(rows)} of {total})"
                await work.report(Progress("embed", 50 + 30 * len(rows) // total, status, total))
        return rows


def _count_words(chunks: Sequence[Chunk]) -> list[dict[str, list[int]]]:
    return [lexemes(chunk.text) for chunk in chunks]


def _batches(chunks: Sequence[Chunk], size: int) -> Iterator[list[Chunk]]:
    remaining = iter(chunks)
    while batch := list(islice(remaining, size)):
        yield batch
