"""Ingestion: a stored file becomes chunks that can be searched.

Three steps, so that no session is open while work runs: load (read the row), process
(``app.pipeline``), apply (one transaction with the task's end, written by ``Execution``).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.agents import get_agent
from app.db.chunks import count_words, replace_chunks
from app.db.documents import get_document_for_work
from app.db.editions import tidy_editions
from app.db.engine import Database
from app.domain.documents import Chunk, Parsed
from app.domain.errors import DocumentDeletedError, FileMissingError, NoExtractableTextError
from app.domain.ports import BlobStore, Parser
from app.domain.records import AgentSettings, Content, Document
from app.domain.tasks import Progress, Task
from app.domain.vectors import Account, VectorBatch
from app.pipeline.chunk import split
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.large_documents import LargeDocuments
from app.services.indexing.publication import Place, Version, publish, submit_sweep
from app.services.indexing.vectors import Vectors
from app.services.indexing.versions import read_content
from app.services.queue.attempts import Outcome, Work

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

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        parser: Parser,
        indexing: ChunkIndexer,
        vectors: Vectors,
        large: LargeDocuments,
        large_chunks: int,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._parser = parser
        self._indexing = indexing
        self._vectors = vectors
        self._large = large
        self._large_chunks = large_chunks

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
        if not _is_first(work.task, document):
            await self._large.clear(work, document)
        parsed = await self._parse(work, content)
        found = {**parsed.metadata, **(said or {})}
        page_count = found.pop("page_count", None)
        characters = sum(len(page.text) for page in parsed.pages)
        await work.report(Progress("chunk", 50, f"Chunking {content.filename}"))
        chunks = split(parsed.pages, size=settings.chunk_size, overlap=settings.chunk_overlap)
        head = await asyncio.to_thread(lambda: list(islice(chunks, self._large_chunks + 1)))
        if not head:
            raise NoExtractableTextError
        version = Version(content, found, page_count, len(head), characters, "")
        if len(head) > self._large_chunks:
            return await self._large.stage(work, document, version, chain(head, chunks))
        return await self._index(work, document, version, head)

    async def _index(self, work: Work, document: Document, version: Version, chunks: Sequence[Chunk]) -> Outcome:
        """Words and vectors; progress 50 to 80. The outcome stores them and publishes the version."""
        pace, total, filename = Pace(), len(chunks), version.content.filename

        async def tell(done: int) -> None:
            if done < total and pace.due():
                status = f"Embedding {filename} (chunk {done} of {total})"
                await work.report(Progress("embed", 50 + 30 * done // total, status, total))

        await work.report(Progress("embed", 50, f"Embedding {filename}", total))
        index = await self._vectors.get_active()
        account = Account(document.organization_id, document.agent_id)
        indexed = await self._indexing.index(index, chunks, account, tell)
        await work.report(Progress("store", 80, f"Storing {total} chunks of {filename}", total))
        edition = await self._vectors.reserve(index, document.id)
        batch = VectorBatch(document.agent_id, document.id, edition, indexed.vectors)
        index = await self._vectors.write_first(index, batch)
        version = replace(version, embedding_model=self._indexing.name_model(index))

        async def apply(connection: AsyncConnection) -> None:
            await publish(connection, document.id, work.task.id, version, Place(index.id, edition))
            place = {"agent_id": document.agent_id, "document_id": document.id, "edition": edition}
            written = await replace_chunks(connection, **place, rows=indexed.rows)
            await self._vectors.write_within(connection, index, batch)
            if edition > 1 and (await tidy_editions(connection, document.id) or not written.removed_all):
                await submit_sweep(connection, document)
            await count_words(connection, written.words)

        async def drop_former() -> None:
            if document.blob_key and document.blob_key != version.content.blob_key:
                await self._blobs.delete(document.blob_key)

        return Outcome(version.as_result(document.id), version.status, total, apply, after=drop_former)

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


def _is_first(task: Task, document: Document) -> bool:
    """Whether this is the first attempt of the task that came with the document: nothing can be left of a former."""
    return task.attempt == 1 and task.created_at == document.created_at
