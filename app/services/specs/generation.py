"""Writes specifications: reads the archive, analyses its files in the sandbox, writes the Markdown and publishes it.

Nothing is visible before the transaction that ends the attempt: it publishes the specification and submits the source
files as children. So a killed worker leaves nothing that search finds, and the next attempt begins anew.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.counting import count_of
from app.domain.errors import FileMissingError, NoSourceFilesError
from app.domain.ports import BlobStore, PageReader
from app.domain.records import AgentSettings, Content, Work
from app.domain.specs import SpecType
from app.domain.tasks import Progress, Task
from app.domain.vectors import Account
from app.ledger.files import make_page_key, release_content
from app.pipeline.archives.formats import open_files
from app.pipeline.specs.bundle import BundledFile, Bundles, pack
from app.pipeline.specs.document import Specification, write_specification
from app.pipeline.specs.facts import Repository
from app.services.indexing.ingestion import Ingested, Ingestion, ReportThrottle
from app.services.indexing.publication import read_content
from app.services.intake.attachments import Attachments
from app.services.intake.stored_entries import ArchiveLimits
from app.services.intake.uploads import IncomingFile, Uploads
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt
from app.services.specs.source_analysis import SourceAnalysis
from app.services.specs.specs import check_archive
from app.services.specs.writing import SpecWriting, Written

_CHARACTERS = 400_000
"""The largest specification."""
_SHOWN = 50_000
"""The characters of it that the task's result has."""
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class GenerationLimits:
    """The limits of one specification: those of archives, and its number of chunks."""

    archive: ArchiveLimits
    chunks: int


class SpecGeneration:
    """Generates specifications. ``writing`` is None without a language model."""

    def __init__(
        self,
        blobs: BlobStore,
        uploads: Uploads,
        admission: Admission,
        ingestion: Ingestion,
        attachments: Attachments,
        analysis: SourceAnalysis,
        reader: PageReader,
        writing: SpecWriting | None,
        limits: GenerationLimits,
    ) -> None:
        self._blobs = blobs
        self._uploads = uploads
        self._admission = admission
        self._ingestion = ingestion
        self._attachments = attachments
        self._analysis = analysis
        self._reader = reader
        self._writing = writing
        self._limits = limits

    async def generate(self, attempt: RunningAttempt) -> Outcome:
        """Describe the repository; the outcome publishes the description and submits the source files as children.

        The archive of a URL is read and stored first; the next claim of the task describes it.

        Raises:
            NoSourceFilesError: when the archive has no file that is analysed.
            DocumentDamagedError, ArchiveLimitError: when the archive cannot be read or contains too much.
            PageNotAvailableError, …: as ``PageReader``.
        """
        work = await self._ingestion.load(attempt)
        content = read_content(attempt.task)
        name = attempt.task.arguments["repository"]
        await attempt.report(Progress("load", 0, f"Loading {name}"))
        if content is None:
            return await self._fetch(attempt)
        with TemporaryDirectory(prefix="sluice-") as folder:
            path = await self._blobs.fetch(content.blob_key, Path(folder))
            await attempt.report(Progress("index", 20, f"Selecting the source files of {name}"))
            bundles = await asyncio.to_thread(self._pack, path, content, Path(folder), attempt.task)
            repository, root = await self._analyse(attempt, bundles, name)
            if not repository.files:
                raise NoSourceFilesError(repository.skipped[0].reason)
            written, specification = await self._write(attempt, bundles.list_files("", root), repository, work.settings)
            ingested = await self._ingest(attempt, work, specification)
            result = {**(ingested.result or {}), **_describe(attempt.task, repository, specification, written)}
            files = bundles.list_files(f"{name}/", root) if attempt.task.arguments["index_first"] else []
            outcome = replace(ingested, result=result if ingested.result else None, attachments=files)
            return self._release(attempt.task, content, await self._attachments.expand(attempt, outcome))

    async def _fetch(self, attempt: RunningAttempt) -> Outcome:
        """Read the archive from its address and store it; the outcome returns the task to its queue with it."""
        url = attempt.task.arguments.get("url")
        if url is None:
            raise FileMissingError
        attempt.release_slot()
        self._admission.nudge(attempt.task.queue)
        with TemporaryDirectory(prefix="sluice-") as folder:
            page = await self._reader.read(url, Path(folder))
            incoming = await self._uploads.open()
            try:
                with page.path.open("rb") as file:
                    await _copy(file, incoming)
                async with self._uploads.delete_unless_committed([incoming.key]):
                    content = await incoming.store(page.filename)
                    check_archive(content)
            finally:
                await asyncio.shield(incoming.writer.abort())
        # As ``app.services.specs.specs`` names the content of an uploaded archive.
        expected = {"sha256": attempt.task.arguments["key"], "filename": attempt.task.metadata["filename"]}
        stored = {**content.as_json(), **expected}
        discard = partial(self._blobs.delete, content.blob_key)
        return Outcome(None, f"Read {url}", continues={"content": stored}, discard=discard)

    def _pack(self, path: Path, content: Content, folder: Path, task: Task) -> Bundles:
        limits = self._limits.archive
        opened = open_files(
            path, content.media_type, content.filename, max_entries=limits.entries, max_bytes=limits.inflated_bytes
        )
        batch_size = task.arguments["batch_size"]
        with opened as files:
            bundles = pack(files, folder, batch_size=batch_size, max_bytes=limits.inflated_bytes)
        if not bundles.files:
            raise NoSourceFilesError
        return bundles

    async def _analyse(self, attempt: RunningAttempt, bundles: Bundles, name: str) -> tuple[Repository, str]:
        """The facts of all files, and the folder that contains them in the archive; progress 50 to 79."""
        total, throttle = bundles.count(), ReportThrottle()
        await attempt.report(Progress("analyse", 50, f"Analysing {count_of(total, 'file')} of {name}"))

        async def on_done(done: int) -> None:
            if throttle.due():
                status = f"Analysed {done} of {total} files of {name}"
                await attempt.report(Progress("analyse", 50 + 29 * done // max(1, total), status))

        return await self._analysis.analyse(bundles, name, on_done)

    async def _write(
        self, attempt: RunningAttempt, files: Sequence[BundledFile], repository: Repository, settings: AgentSettings
    ) -> tuple[Written, Specification]:
        kind = SpecType(attempt.task.arguments["spec_type"])
        await attempt.report(Progress("write", 80, f"Writing {kind.heading} of {repository.name}"))
        written = Written()
        if self._writing:
            account = Account(attempt.task.organization_id, attempt.task.agent_id)
            written = await self._writing.write(account, repository, kind, {file.name: file for file in files})
        # So few that the document does not count as large, whose result would be that of its last step. A chunk is
        # about half as long as it may be, or longer, without what it repeats of the one before it.
        shortest = max(settings.chunk_size // 4, settings.chunk_size // 2 - settings.chunk_overlap)
        characters = min(_CHARACTERS, shortest * self._limits.chunks)
        write = partial(write_specification, repository, kind, characters=characters, sections=written.lines)
        return written, await asyncio.to_thread(write)

    async def _ingest(self, attempt: RunningAttempt, work: Work, specification: Specification) -> Ingested:
        """Store the Markdown and make it searchable as the content of the task's document."""
        incoming = await self._uploads.open(make_page_key(attempt.task.id, attempt.task.attempt))
        try:
            with io.BytesIO(specification.markdown.encode("utf-8", "replace")) as file:
                await _copy(file, incoming)
            content = await incoming.store(attempt.task.metadata["filename"])
        finally:
            await asyncio.shield(incoming.writer.abort())
        found = {
            "title": specification.title,
            "spec_type": attempt.task.arguments["spec_type"],
            "repository": attempt.task.arguments["repository"],
        }
        attempt.confine("write", 80)
        async with self._uploads.delete_unless_committed([content.blob_key]):
            ingested = await self._ingestion.process(attempt, work, content, found)

        async def discard() -> None:
            await ingested.discard()
            await self._blobs.delete(content.blob_key)

        return replace(ingested, discard=discard)

    def _release(self, task: Task, content: Content, outcome: Outcome) -> Outcome:
        """The outcome, which also deletes the archive and what former attempts have written."""
        keys = [content.blob_key, *(make_page_key(task.id, number) for number in range(1, task.attempt))]

        async def apply(connection: AsyncConnection) -> None:
            await release_content(connection, task.id, keys)
            await outcome.apply(connection)

        return replace(outcome, apply=apply, after=self._delete_after(outcome.after, keys))

    def _delete_after(self, after: Callable[[], Awaitable[None]], keys: list[str]) -> Callable[[], Awaitable[None]]:
        async def delete() -> None:
            await after()
            for key in keys:
                await self._blobs.delete(key)

        return delete


async def _copy(file: Any, incoming: IncomingFile) -> None:
    while piece := await asyncio.to_thread(file.read, _PIECE):
        await incoming.write(piece)


def _describe(task: Task, repository: Repository, specification: Specification, written: Written) -> Mapping[str, Any]:
    """The fields of the result that describe the specification."""
    return {
        "spec_type": task.arguments["spec_type"],
        "title": specification.title,
        "markdown": specification.markdown[:_SHOWN],
        "truncated": specification.truncated or len(specification.markdown) > _SHOWN,
        "files": len(repository.files),
        "skipped_files": len(repository.skipped),
        "languages": {language: lines for language, (_, lines) in repository.languages.items()},
        **written.as_result(),
    }
