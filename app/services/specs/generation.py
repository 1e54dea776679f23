"""Writes specifications: analyses the files of a repository in the sandbox, writes the Markdown and publishes it.

With ``index_first``, the task submits the source files as its children, and the specification is written by its last
step (``WRITE_SPECS``) when all of them have ended: search finds the files before the text is written. Otherwise, the
task itself writes it. Each outcome is one transaction. So a killed worker leaves nothing that search finds, and the
next attempt begins anew; the document of the specification exists from the start.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.domain.counting import count_of
from app.domain.documents import AttachedFile
from app.domain.errors import FileMissingError, NoSourceFilesError
from app.domain.ids import TaskId
from app.domain.ports import BlobStore
from app.domain.records import AgentSettings, Content, Work
from app.domain.specs import SpecType
from app.domain.tasks import Progress, Task, TaskName
from app.domain.vectors import Account
from app.ledger.children import drop_children
from app.ledger.files import make_page_key, release_content
from app.ledger.parents import update_progress
from app.pipeline.specs.bundle import BundledFile, Bundles
from app.pipeline.specs.document import Specification, make_title, write_specification
from app.pipeline.specs.facts import Repository
from app.services.indexing.ingestion import Ingested, Ingestion, ReportThrottle
from app.services.indexing.publication import read_content
from app.services.intake.attachments import Attachments, describe_origin
from app.services.intake.uploads import Uploads
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import Outcome, RunningAttempt
from app.services.specs.source_analysis import SourceAnalysis
from app.services.specs.source_archives import SourceArchives, copy
from app.services.specs.writing import SpecWriting, Written
from app.temporary_folders import TemporaryFolder

_CHARACTERS = 400_000
"""The largest specification."""
_SHOWN = 50_000
"""The characters of it that the task's result has."""
_ARGUMENTS_OF_STEP = ("spec_type", "repository", "batch_size", "chunk_size", "content")


class SpecGeneration:
    """Generates specifications.

    Args:
        writing: Has a language model write sections; None without one.
        most_chunks: The largest number of chunks of a specification.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        uploads: Uploads,
        after_commit: AfterCommit,
        ingestion: Ingestion,
        attachments: Attachments,
        archives: SourceArchives,
        analysis: SourceAnalysis,
        writing: SpecWriting | None,
        most_chunks: int,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._uploads = uploads
        self._after_commit = after_commit
        self._ingestion = ingestion
        self._attachments = attachments
        self._archives = archives
        self._analysis = analysis
        self._writing = writing
        self._most_chunks = most_chunks

    async def generate(self, attempt: RunningAttempt) -> Outcome:
        """Describe the repository; with ``index_first``, the outcome submits its files, and the last step describes it.

        The archive of a URL is read and stored first; the next claim of the task goes on with it.

        Raises:
            NoSourceFilesError: when the archive has no file that is analysed.
            DocumentDamagedError, ArchiveLimitError: when the archive cannot be read or contains too much.
            UnsupportedTypeError, PageNotAvailableError, …: as ``SourceArchives.fetch``.
        """
        await attempt.report(Progress("load", 0, f"Loading {attempt.task.arguments['repository']}"))
        if read_content(attempt.task) is None:
            await self._ingestion.load(attempt)
            return await self._archives.fetch(attempt)
        return await self._read(attempt, self._index if attempt.task.arguments["index_first"] else self._write)

    async def write(self, attempt: RunningAttempt) -> Outcome:
        """Describe the repository as the last step of its task. The errors are those of ``generate``."""
        return await self._read(attempt, self._write)

    async def _read(
        self, attempt: RunningAttempt, use: Callable[[RunningAttempt, Content, Bundles], Awaitable[Outcome]]
    ) -> Outcome:
        """Unpack the task's archive into a temporary folder, and use its source files."""
        content, name = read_content(attempt.task), attempt.task.arguments["repository"]
        if content is None:
            raise FileMissingError
        with TemporaryFolder() as folder:
            await attempt.report(Progress("index", 20, f"Selecting the source files of {name}"))
            return await use(attempt, content, await self._archives.unpack(attempt.task, content, folder))

    async def _index(self, attempt: RunningAttempt, _: Content, bundles: Bundles) -> Outcome:
        """Store the source files; the outcome submits them as children, before the last step."""
        document = (await self._ingestion.load(attempt)).document
        task, given = attempt.task, attempt.task.arguments
        files: Sequence[AttachedFile] = bundles.list_files(f"{given['repository']}/", bundles.find_root())
        origin = describe_origin(document, task.metadata["filename"], _describe_found(task))
        stored = await self._attachments.store(attempt, files, origin)

        async def apply(connection: AsyncConnection) -> None:
            await drop_children(connection, task.id)
            await stored.submit_changed(connection, task)

        return Outcome(
            None,
            f"Indexing {count_of(len(files), 'file')} of {given['repository']}",
            apply=apply,
            expands=True,
            last_step={
                "name": TaskName.WRITE_SPECS.value,
                "queue": task.queue,
                "after_failures": True,
                "arguments": {name: given[name] for name in _ARGUMENTS_OF_STEP if name in given},
            },
            after=stored.delete_unused,
            discard=stored.delete,
        )

    async def _write(self, attempt: RunningAttempt, content: Content, bundles: Bundles) -> Outcome:
        """Analyse the files and write; the outcome publishes the specification and gives up the archive."""
        work = await self._ingestion.load(attempt)
        repository, root = await self._analyse(attempt, bundles)
        if not repository.files:
            raise NoSourceFilesError(repository.skipped[0].reason)
        written, specification = await self._compose(attempt, bundles.list_files("", root), repository, work.settings)
        ingested = await self._ingest(attempt, work, specification)
        described = _describe(attempt.task, repository, specification, written)
        outcome = replace(ingested, result={**ingested.result, **described} if ingested.result else None)
        return self._release(attempt.task, content, outcome)

    async def _analyse(self, attempt: RunningAttempt, bundles: Bundles) -> tuple[Repository, str]:
        """The facts of all files, and the folder that contains them in the archive; progress 50 to 79."""
        name, total, throttle = attempt.task.arguments["repository"], bundles.count(), ReportThrottle()
        await self._report(attempt, Progress("analyse", 50, f"Analysing {count_of(total, 'file')} of {name}"))

        async def on_done(done: int) -> None:
            if throttle.due():
                status = f"Analysed {done} of {total} files of {name}"
                await self._report(attempt, Progress("analyse", 50 + 29 * done // max(1, total), status))

        return await self._analysis.analyse(bundles, name, on_done)

    async def _compose(
        self, attempt: RunningAttempt, files: Sequence[BundledFile], repository: Repository, settings: AgentSettings
    ) -> tuple[Written, Specification]:
        kind = SpecType(attempt.task.arguments["spec_type"])
        await self._report(attempt, Progress("write", 80, f"Writing {kind.heading} of {repository.name}"))
        written = Written()
        if self._writing:
            account = Account(attempt.task.organization_id, attempt.task.agent_id)
            written = await self._writing.write(account, repository, kind, {file.name: file for file in files})
        # So few that the document does not count as large, whose result would be that of its last step. A chunk is
        # about half as long as it may be, or longer, without what it repeats of the one before it.
        shortest = max(settings.chunk_size // 4, settings.chunk_size // 2 - settings.chunk_overlap)
        characters = min(_CHARACTERS, shortest * self._most_chunks)
        write = partial(write_specification, repository, kind, characters=characters, sections=written.lines)
        return written, await asyncio.to_thread(write)

    async def _report(self, attempt: RunningAttempt, progress: Progress) -> None:
        """Report progress; that of a last step is its parent's as well."""
        await attempt.report(progress)
        if attempt.task.parent_id is None:
            return
        async with self._database.statement() as connection:
            parent = await update_progress(connection, TaskId(attempt.task.parent_id))
        if parent:
            await self._after_commit.publish_states([parent])

    async def _ingest(self, attempt: RunningAttempt, work: Work, specification: Specification) -> Ingested:
        """Store the Markdown and make it searchable as the content of the task's document."""
        incoming = await self._uploads.open(make_page_key(attempt.task.id, attempt.task.attempt))
        try:
            with io.BytesIO(specification.markdown.encode("utf-8", "replace")) as file:
                await copy(file, incoming)
            content = await incoming.store(attempt.task.metadata["filename"])
        finally:
            await asyncio.shield(incoming.writer.abort())
        attempt.confine("write", 80)
        async with self._uploads.delete_unless_committed([content.blob_key]):
            # Without the index, which may have been replaced while the specification was written.
            ingested = await self._ingestion.process(
                attempt,
                replace(work, index=None),
                content,
                _describe_found(attempt.task),
                task_id=attempt.task.parent_id,
            )

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

        async def after() -> None:
            await outcome.after()
            for key in keys:
                await self._blobs.delete(key)

        return replace(outcome, apply=apply, after=after)


def _describe_found(task: Task) -> dict[str, Any]:
    """The metadata that a specification has of its own, which is not that of its files."""
    kind, repository = SpecType(task.arguments["spec_type"]), task.arguments["repository"]
    return {"title": make_title(repository, kind), "spec_type": kind.value, "repository": repository}


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
