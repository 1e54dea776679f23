"""Specifications: an archive of source code, or the address of a repository, is submitted to be described.

The specification is a document of the agent from the start. Its task carries the archive as the file to read, and
publishes the Markdown that it writes from it. A later request for the same repository and type replaces it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.db.documents.content_keys import NewContent, lock_filenames
from app.db.documents.documents import merge_metadata, set_indexing_task
from app.db.engine import Database, repeats_on_conflict
from app.domain.addresses import AllowedHosts
from app.domain.documents import OnDuplicate
from app.domain.errors import NotFoundError, UnsupportedTypeError
from app.domain.limits import Need
from app.domain.media import MARKDOWN, SEVENZIP, TAR, ZIP
from app.domain.records import Content
from app.domain.repository_url import RepositoryArchive, find_archive, strip_archive_suffix
from app.domain.specs import SpecType
from app.domain.tasks import NewTask, Queue, TaskName, name_callback, name_host
from app.ledger.submit import submit, submit_with_documents
from app.services.indexing.versions import take_over
from app.services.intake.backpressure import Backpressure
from app.services.intake.uploads import Accepted, IncomingFile, Uploads
from app.services.queue.admission import Admission

_FILENAME_CHARACTERS = 255
_NAME_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class SpecRequest:
    """What to describe, and how.

    ``index_first`` makes the source files documents as well. ``chunk_size`` is that of the specification and of these
    files, in characters; None is the agent's. ``batch_size`` is the number of files that are analysed at a time.
    """

    organization_id: int
    agent_id: int
    kind: SpecType
    metadata: Mapping[str, Any]
    queue: Queue = Queue.LOW
    index_first: bool = True
    chunk_size: int | None = None
    batch_size: int = 200
    callback_url: str | None = None

    def as_arguments(self, repository: str) -> dict[str, Any]:
        """The arguments of the task."""
        size = {"chunk_size": self.chunk_size} if self.chunk_size else {}
        return {
            **size,
            "spec_type": self.kind.value,
            "repository": repository,
            "index_first": self.index_first,
            "batch_size": self.batch_size,
            "on_duplicate": OnDuplicate.REPLACE.value,
            **name_callback(self.callback_url),
        }


def make_filename(repository: str, kind: SpecType) -> str:
    """The name of a specification, by which a later one replaces it."""
    return f"{repository} {kind.heading}.md"[-_FILENAME_CHARACTERS:]


def check_archive(content: Content) -> None:
    """Check that a file is an archive from which sources are read.

    Raises:
        UnsupportedTypeError: when it is not a ZIP, tar or 7-Zip archive.
    """
    if content.media_type not in {ZIP, TAR, SEVENZIP}:
        hint = "Send the sources as a ZIP, tar or 7-Zip archive."
        raise UnsupportedTypeError(hint, detected_type=content.media_type)


class Specs:
    """Submits repositories to be described."""

    def __init__(
        self,
        database: Database,
        uploads: Uploads,
        admission: Admission,
        backpressure: Backpressure,
        allowed: AllowedHosts,
    ) -> None:
        self._database = database
        self._uploads = uploads
        self._admission = admission
        self._backpressure = backpressure
        self._allowed = allowed

    async def accept(self, incoming: IncomingFile, filename: str, request: SpecRequest) -> Accepted:
        """Write document and task for a complete archive.

        Raises:
            EmptyFileError: when it has no bytes.
            UnsupportedTypeError: when it is not a ZIP, tar or 7-Zip archive, or when 7-Zip archives are not supported.
            NotFoundError: when the organization has no such agent.
            BacklogFullError: when the agent has too many tasks waiting.
            QuotaExceededError, BudgetExceededError: when a limit is used up.
        """
        async with (
            self._backpressure.admit(request.organization_id, request.agent_id, Need(1, incoming.size)),
            self._uploads.delete_unless_committed([incoming.key]),
        ):
            content = await incoming.store(filename)
            check_archive(content)
            name = strip_archive_suffix(filename)[:_NAME_CHARACTERS]
            return await self._submit(request, name, content.sha256, content=content)

    async def submit_url(self, url: str, request: SpecRequest) -> Accepted:
        """Write document and task for a repository, whose archive the task reads.

        Raises:
            InvalidUrlError, UrlNotAllowedError, UnknownRepositoryError
            NotFoundError: when the organization has no such agent.
            BacklogFullError: when the agent has too many tasks waiting.
            QuotaExceededError, BudgetExceededError: when a limit is used up.
        """
        archive = find_archive(url, self._allowed)
        digest = hashlib.sha256(archive.url.encode()).digest()
        name = archive.name[:_NAME_CHARACTERS]
        async with self._backpressure.admit(request.organization_id, request.agent_id, Need(1)):
            return await self._submit(request, name, digest, archive=archive)

    async def _submit(
        self,
        request: SpecRequest,
        repository: str,
        digest: bytes,
        *,
        content: Content | None = None,
        archive: RepositoryArchive | None = None,
    ) -> Accepted:
        filename = make_filename(repository, request.kind)
        # Not the archive's own digest, which is that of the document that the archive is if it was uploaded as one.
        key = hashlib.sha256(b"specs:" + request.kind.value.encode() + b":" + digest).digest()
        arguments = request.as_arguments(repository)
        if content:
            arguments["content"] = replace(content, sha256=key, filename=filename).as_json()
        if archive:
            arguments |= {"url": archive.url, "key": key.hex(), **name_host(archive.url)}
            arguments |= {"shorter_urls": list(archive.shorter_urls)} if archive.shorter_urls else {}
        task = NewTask(
            request.organization_id,
            request.agent_id,
            TaskName.GENERATE_SPECS,
            request.queue,
            arguments=arguments,
            metadata={"filename": filename},
        )
        accepted = await self._insert(task, NewContent(key, filename), request.metadata)
        self._admission.nudge(request.queue)
        return accepted

    @repeats_on_conflict
    async def _insert(self, task: NewTask, file: NewContent, metadata: Mapping[str, Any]) -> Accepted:
        """Replace the specification of the same repository and type, or add one."""
        async with self._database.transaction() as connection:
            await lock_filenames(connection, task.agent_id, [file.filename])
            replaced = await take_over(connection, task.organization_id, task.agent_id, [file])
            if document_id := replaced.get(file):
                await merge_metadata(connection, document_id, metadata)
                submitted = await submit(connection, replace(task, document_id=document_id))
                await set_indexing_task(connection, document_id, submitted.id)
                return Accepted.of_task(submitted, replaces=True)
            added = await submit_with_documents(connection, [(task, _describe(file, metadata))])
            if not added:
                raise NotFoundError(f"Agent {task.agent_id} does not exist.")
            return Accepted.of_new(task, added[task.id])


def _describe(file: NewContent, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "filename": file.filename,
        "media_type": MARKDOWN,
        "size_bytes": None,
        "sha256": file.sha256,
        "content_key": file.sha256,
        "blob_key": None,
        "source_url": None,
        "document_metadata": dict(metadata),
    }
