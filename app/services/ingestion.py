"""Ingestion: a stored file becomes chunks that can be searched.

Three steps, so that no session is open while work runs: load (read the row), process
(``app.pipeline``), apply (one transaction with the task's end, written by ``Execution``).
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.agents import get_agent
from app.db.chunks import ChunkRow, replace_chunks
from app.db.documents import complete_document, get_document_for_work
from app.db.engine import Database
from app.domain.documents import Chunk, Parsed
from app.domain.errors import DocumentDeletedError, FileMissingError, NoExtractableTextError
from app.domain.ports import BlobStore, Embedder, Parser
from app.domain.records import AgentSettings, Content, Document
from app.domain.tasks import Progress
from app.pipeline.chunk import split
from app.pipeline.lexemes import lexemes
from app.services.versions import read_content
from app.services.work import Outcome, Work

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
        """Make a stored file searchable: the document's own, or the one that the task is to put in its place.

        Raises:
            DocumentError: when the file cannot be read or holds no text.
        """
        document, settings = await self.load(work)
        content = read_content(work.task) or document.content
        if content is None:
            raise FileMissingError
        await work.report(Progress("load", 0, f"Loading {content.filename}"))
        return await self.ingest(work, document, settings, content)

    async def load(self, work: Work) -> tuple[Document, AgentSettings]:
        """The document that a task is about, and how its agent wants it treated.

        Raises:
            DocumentDeletedError: when either is gone.
        """
        task = work.task
        async with self._database.statement() as connection:
            document = await get_document_for_work(connection, task.document_id or 0)
            agent = await get_agent(connection, task.organization_id, task.agent_id)
        if document is None or document.deleted_at or agent is None:
            raise DocumentDeletedError
        return document, agent.settings

    async def ingest(
        self,
        work: Work,
        document: Document,
        settings: AgentSettings,
        content: Content,
        said: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Parse, chunk, embed; the outcome stores the chunks and completes the document with this content.

        ``said`` is what is known of it beside what the file says itself, and wins over that.
        """
        parsed = await self._parse(work, content)
        rows = await self._index(work, content, settings, parsed)
        await work.report(Progress("store", 80, f"Storing {len(rows)} chunks of {content.filename}", len(rows)))
        metadata = {**parsed.metadata, **(said or {})}
        page_count = metadata.pop("page_count", None)

        async def apply(connection: AsyncConnection) -> None:
            kept = await complete_document(
                connection,
                document.id,
                content=content,
                page_count=page_count,
                chunk_count=len(rows),
                embedding_model=self._embedder.model,
                found=metadata,
            )
            if not kept:
                raise DocumentDeletedError
            await replace_chunks(connection, agent_id=document.agent_id, document_id=document.id, rows=rows)

        async def drop_former() -> None:
            if document.blob_key and document.blob_key != content.blob_key:
                await self._blobs.delete(document.blob_key)

        result = {
            "document_id": document.id,
            "filename": content.filename,
            "page_count": page_count,
            "chunk_count": len(rows),
            "characters": sum(len(page.text) for page in parsed.pages),
        }
        status = f"{content.filename} is ready: {len(rows)} chunks"
        return Outcome(result, status, len(rows), apply, after=drop_former)

    async def _parse(self, work: Work, content: Content) -> Parsed:
        """Text by pages; progress 20 to 50."""
        await work.report(Progress("parse", 20, f"Extracting text from {content.filename}"))
        pace = Pace()
        reports: set[asyncio.Task[None]] = set()

        def on_page(done: int, total: int) -> None:
            if not reports and done < total and pace.due():
                status = f"Extracting text from {content.filename} (page {done} of {total})"
                report = asyncio.create_task(work.report(Progress("parse", 20 + 30 * done // total, status)))
                reports.add(report)
                report.add_done_callback(reports.discard)

        with TemporaryDirectory(prefix="sluice-") as folder:
            path = await self._blobs.fetch(content.blob_key, Path(folder))
            try:
                return await self._parser.parse(path, content.media_type, on_page)
            finally:
                await asyncio.gather(*reports, return_exceptions=True)

    async def _index(self, work: Work, content: Content, settings: AgentSettings, parsed: Parsed) -> list[ChunkRow]:
        """Chunks with their words and vectors; progress 50 to 80."""
        await work.report(Progress("embed", 50, f"Chunking {content.filename}"))
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
                status = f"Embedding {content.filename} (chunk {len(rows)} of {total})"
                await work.report(Progress("embed", 50 + 30 * len(rows) // total, status, total))
        return rows


def _count_words(chunks: Sequence[Chunk]) -> list[dict[str, list[int]]]:
    return [lexemes(chunk.text) for chunk in chunks]


def _batches(chunks: Sequence[Chunk], size: int) -> Iterator[list[Chunk]]:
    remaining = iter(chunks)
    while batch := list(islice(remaining, size)):
        yield batch
