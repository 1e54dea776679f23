"""Ingestion: turns a stored file into chunks that search finds, in three steps.

``load`` reads the rows in a short session. ``process`` parses, chunks and embeds with no session open. ``apply`` writes
the result in the transaction that ends the task, which ``app.services.queue.execution`` opens.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.work import find_work
from app.db.engine import Database
from app.domain.counting import count_of
from app.domain.documents import AttachedFile, Chunk, Parsed
from app.domain.errors import DocumentDeletedError, FileMissingError, NoExtractableTextError
from app.domain.metadata import trim_metadata
from app.domain.ports import BlobStore, Parser
from app.domain.records import AgentSettings, Content, Document, Work
from app.domain.tasks import Progress, Task, TaskName
from app.domain.usage import UsageKind
from app.domain.vectors import Account
from app.pipeline.chunking.chunk import split
from app.services.indexing.chunk_index import ChunkIndexer, run_short
from app.services.indexing.large_documents import LargeDocuments
from app.services.indexing.publication import (
    EditionWriter,
    Version,
    WrittenEdition,
    delete_former_file,
    read_content,
)
from app.services.indexing.vectors import Vectors
from app.services.queue.attempts import Outcome, RunningAttempt
from app.temporary_folders import TemporaryFolder

_REPORT_SECONDS = 0.5


class ReportThrottle:
    """Limits progress reports within a stage to one every half second."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether half a second has passed since this last returned True."""
        now = time.monotonic()
        if now - self._last < _REPORT_SECONDS:
            return False
        self._last = now
        return True


@dataclass(frozen=True, slots=True)
class Processed:
    """What ``process`` leaves for ``apply``. ``task_id`` is the document's indexing task, which may publish."""

    document: Document
    task_id: UUID
    version: Version
    edition: WrittenEdition


@dataclass(frozen=True, slots=True)
class Ingested(Outcome):
    """The outcome of a document that was read, with the files within it, which are not stored.

    ``found`` is the metadata that its file contains. The document and its content are those of the attempt.
    """

    document: Document = field(kw_only=True)
    content: Content = field(kw_only=True)
    found: Mapping[str, Any] = field(default_factory=dict)
    attachments: Sequence[AttachedFile] = ()


class Ingestion:
    """Turns documents into searchable chunks."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        parser: Parser,
        indexer: ChunkIndexer,
        vectors: Vectors,
        large: LargeDocuments,
        large_chunks: int,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._parser = parser
        self._indexer = indexer
        self._vectors = vectors
        self._writer = EditionWriter(vectors)
        self._large = large
        self._large_chunks = large_chunks

    async def ingest(self, attempt: RunningAttempt) -> Ingested:
        """Make a stored file searchable: the document's own, or the one that the task replaces it with.

        Raises:
            DocumentError: when the file cannot be read or contains no text.
        """
        work = await self.load(attempt)
        content = read_content(attempt.task) or work.document.content
        if content is None:
            raise FileMissingError
        await attempt.report(Progress("load", 0, f"Loading {content.filename}"))
        return await self.process(attempt, work, content)

    async def load(self, attempt: RunningAttempt) -> Work:
        """Read the document of a task, its agent's settings and the active index.

        Raises:
            DocumentDeletedError: when the document or the agent is gone.
        """
        work = await find_work(self._database, attempt.task.require_document_id())
        if work is None:
            raise DocumentDeletedError
        return replace(work, settings=_choose_settings(work.settings, attempt.task))

    async def process(
        self,
        attempt: RunningAttempt,
        work: Work,
        content: Content,
        metadata: Mapping[str, Any] | None = None,
        *,
        task_id: UUID | None = None,
    ) -> Ingested:
        """Parse, chunk and embed; the outcome's transaction calls ``apply``.

        Args:
            attempt: The attempt.
            work: What ``load`` returned.
            content: The file to read.
            metadata: Metadata that takes precedence over the file's own.
            task_id: The document's indexing task, if that is not the attempt's: its parent.
        """
        document, settings = work.document, work.settings
        if not _is_first(attempt.task, document):
            await self._large.clear(attempt, document)
        parsed = await self._parse(attempt, content, (metadata or {}).get("url", document.source_url))
        found = {**(metadata or {}), **parsed.metadata, **(metadata or {})}
        page_count = found.pop("page_count", None)
        characters = sum(len(page.text) for page in parsed.pages)
        await attempt.report(Progress("chunk", 50, f"Chunking {content.filename}"))
        chunks = split(parsed.pages, size=settings.chunk_size, overlap=settings.chunk_overlap)
        head = await run_short(lambda: list(islice(chunks, self._large_chunks + 1)), characters)
        if not head:
            raise NoExtractableTextError
        version = Version(
            content, trim_metadata(found), page_count, len(head), characters, "", kind=_choose_kind(attempt.task)
        )
        if len(head) > self._large_chunks:
            outcome = await self._large.stage(attempt, document, version, chain(head, chunks))
        else:
            outcome = await self._index(attempt, work, version, head, task_id or attempt.task.id)
        given = {name: getattr(outcome, name) for name in Outcome.__dataclass_fields__}
        return Ingested(**given, document=document, content=content, found=found, attachments=parsed.attachments)

    async def _index(
        self, attempt: RunningAttempt, work: Work, version: Version, chunks: Sequence[Chunk], task_id: UUID
    ) -> Outcome:
        """Embed the chunks of a document that is not large; the outcome publishes it."""
        document, edition = work.document, await self._embed(attempt, work, version, chunks)
        tokens = self._indexer.count_local_tokens(edition.index, version.characters)
        version = replace(version, embedding_model=self._indexer.name_model(edition.index), local_tokens=tokens)
        return Outcome(
            version.as_result(document.id),
            version.status,
            version.chunk_count,
            apply=partial(self.apply, Processed(document, task_id, version, edition)),
            after=partial(delete_former_file, self._blobs, document, version.content),
        )

    async def apply(self, processed: Processed, connection: AsyncConnection) -> None:
        """Publish the version together with its chunks and vectors, within the transaction that ends the task."""
        await self._writer.publish(
            connection, processed.document, processed.task_id, processed.version, processed.edition
        )

    async def _parse(self, attempt: RunningAttempt, content: Content, address: str | None) -> Parsed:
        """The text of the file by pages; progress 20 to 50. ``address`` is that of a web page."""
        await attempt.report(Progress("parse", 20, f"Extracting text from {content.filename}"))
        throttle = ReportThrottle()
        reports: set[asyncio.Task[None]] = set()

        def on_page(done: int, total: int) -> None:
            if not reports and done < total and throttle.due():
                status = f"Extracting text from {content.filename} (page {done} of {total})"
                report = asyncio.create_task(attempt.report(Progress("parse", 20 + 30 * done // total, status)))
                reports.add(report)
                report.add_done_callback(reports.discard)

        with nullcontext(Path()) if self._blobs.is_local else TemporaryFolder() as folder:
            path = await self._blobs.fetch(content.blob_key, folder)
            try:
                return await self._parser.parse(path, content.media_type, on_page, address=address)
            finally:
                await asyncio.gather(*reports, return_exceptions=True)

    async def _embed(
        self, attempt: RunningAttempt, work: Work, version: Version, chunks: Sequence[Chunk]
    ) -> WrittenEdition:
        """The words and vectors of the chunks, as a new edition; progress 50 to 80."""
        document = work.document
        throttle, total, filename = ReportThrottle(), len(chunks), version.content.filename

        async def on_done(done: int) -> None:
            if done < total and throttle.due():
                status = f"Embedding {filename} (chunk {done} of {total})"
                await attempt.report(Progress("embed", 50 + 30 * done // total, status, total))

        await attempt.report(Progress("embed", 50, f"Embedding {filename}", total))
        index = work.index or await self._vectors.get_active()
        account = Account(document.organization_id, document.agent_id)
        indexed = await self._indexer.index(index, chunks, account, on_done, name=version.write_name(document))
        await attempt.report(Progress("store", 80, f"Storing {count_of(total, 'chunk')} of {filename}", total))
        return await self._writer.write_new(index, document, indexed)


def _choose_settings(settings: AgentSettings, task: Task) -> AgentSettings:
    """The agent's settings, with the chunk size that the task itself states, if it does."""
    size = task.arguments.get("chunk_size")
    return (
        replace(settings, chunk_size=size, chunk_overlap=min(settings.chunk_overlap, size // 2)) if size else settings
    )


def _choose_kind(task: Task) -> UsageKind:
    """The work as usage counts it."""
    describes = task.name in {TaskName.GENERATE_SPECS, TaskName.WRITE_SPECS}
    return UsageKind.SPECIFICATION if describes else UsageKind.DOCUMENT


def _is_first(task: Task, document: Document) -> bool:
    """Whether this is the first attempt of the task created with the document, so no former attempt left anything."""
    return task.attempt == 1 and task.created_at == document.created_at
