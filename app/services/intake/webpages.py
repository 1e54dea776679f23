"""Web pages: a task reads the page, stores it as an upload is stored, and makes it searchable."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.db.engine import Database
from app.domain.addresses import AllowedHosts
from app.domain.documents import OnDuplicate
from app.domain.errors import DocumentBusyError, DuplicateDocumentError, FileMissingError
from app.domain.identity import Access
from app.domain.limits import Need
from app.domain.media import HTML, MARKDOWN
from app.domain.ports import PageReader
from app.domain.records import Content, Document
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName, name_callback, name_host
from app.domain.web import FetchedPage, check_url, normalise_url
from app.domain.web_url import read_authority
from app.ledger.files import make_page_key
from app.ledger.submit import Submission, submit_with_documents
from app.pipeline.parse.encoding import to_utf8
from app.pipeline.text import clean_line
from app.services.indexing.ingestion import Ingestion
from app.services.intake.backpressure import Backpressure
from app.services.intake.documents import Documents, ReindexRequest
from app.services.intake.uploads import Accepted, Uploads, find_duplicate
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt
from app.temporary_folders import TemporaryFolder

_FILENAME_CHARACTERS = 255
_ATTEMPTS = 3
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The address of a web page, and the options of its upload."""

    organization_id: int
    agent_id: int
    url: str
    metadata: Mapping[str, Any]
    queue: Queue = Queue.HIGH
    on_duplicate: OnDuplicate = OnDuplicate.SKIP
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page that was read, and its content in storage.

    Attributes:
        host: The host from which the task had to read it.
        url: The page's address, after redirects.
        found: What the page reader found in it, such as the title.
        content: The stored file.
    """

    host: str
    url: str
    found: Mapping[str, str]
    content: Content

    @classmethod
    def of_task(cls, task: Task) -> "StoredPage | None":
        """The page that an attempt of the task has read; None if the task has to read it."""
        given = task.arguments.get("page")
        return cls(**{**given, "content": Content.from_json(given["content"])}) if given else None

    def as_json(self) -> dict[str, Any]:
        """The object kept in the task's arguments. ``app.ledger.cancel`` reads its ``host``."""
        return {"host": self.host, "url": self.url, "found": dict(self.found), "content": self.content.as_json()}

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the page's document: its address, and what the page reader found."""
        return {**self.found, "url": self.url}


def make_content_key(url: str) -> bytes:
    """The content key of a page, by which duplicates are found: the digest of its normalised address."""
    return hashlib.sha256(b"url:" + url.encode()).digest()


def make_filename(url: str) -> str:
    """The name of a page in lists and citations: its address without the scheme."""
    return url.partition("://")[2].removesuffix("/")[:_FILENAME_CHARACTERS] or url[:_FILENAME_CHARACTERS]


class Webpages:
    """Submits, reads and stores web pages."""

    def __init__(
        self,
        database: Database,
        reader: PageReader,
        uploads: Uploads,
        ingestion: Ingestion,
        documents: Documents,
        admission: Admission,
        backpressure: Backpressure,
        allowed: AllowedHosts,
    ) -> None:
        self._database = database
        self._reader = reader
        self._uploads = uploads
        self._ingestion = ingestion
        self._documents = documents
        self._admission = admission
        self._backpressure = backpressure
        self._allowed = allowed

    async def submit(self, request: PageRequest) -> Accepted:
        """Write document and task for a page, unless the agent already has a document of this address.

        Raises:
            InvalidUrlError, UrlNotAllowedError
            NotFoundError: when the organization has no such agent.
            BacklogFullError: when the agent has too many tasks waiting.
            QuotaExceededError, BudgetExceededError: when a limit is used up.
            DuplicateDocumentError: when the agent has this page and ``on_duplicate`` is ``reject``.
        """
        check_url(request.url, self._allowed)
        url = normalise_url(request.url)
        async with self._backpressure.admit(request.organization_id, request.agent_id, Need(1)):
            return await self._submit(request, url)

    async def _submit(self, request: PageRequest, url: str) -> Accepted:
        for _ in range(_ATTEMPTS):
            task, _ = submission = make_submission(request, url)
            if added := await submit_with_documents(self._database, [submission]):
                self._admission.nudge(task.queue)
                return Accepted.of_new(task, added[task.id])
            owner = (request.organization_id, request.agent_id)
            if duplicate := await find_duplicate(self._database, *owner, make_content_key(url)):
                return await self._accept_duplicate(request, duplicate)
        raise DocumentBusyError("The document of the same address is being changed. Try again.")

    async def process(self, attempt: RunningAttempt) -> Outcome:
        """Read the page and return to the queue; the next claim makes it searchable.

        Raises:
            InvalidUrlError, UrlNotAllowedError, PageNotAvailableError, …: as ``PageReader``.
            DocumentError: when the page contains no text or cannot be parsed.
        """
        work = await self._ingestion.load(attempt)
        stored = StoredPage.of_task(attempt.task)
        if stored is None:
            self.release_slot(attempt)
            return await self.read(attempt, work.document)
        return await self._ingestion.process(attempt, work, stored.content, stored.metadata)

    def release_slot(self, attempt: RunningAttempt) -> None:
        """Let other tasks have the worker slot while this one waits for a server."""
        attempt.release_slot()
        self._admission.nudge(attempt.task.queue)

    async def read(self, attempt: RunningAttempt, document: Document) -> Outcome:
        """Read a page and store it; the outcome returns the task to its queue with the stored page.

        Raises:
            FileMissingError: when the document is not a web page.
        """
        if document.source_url is None:
            raise FileMissingError
        await attempt.report(Progress("load", 0, f"Reading {document.source_url}"))
        with TemporaryFolder() as folder:
            page = await self._reader.read(document.source_url, folder)
            if page.charset:
                await asyncio.to_thread(to_utf8, page.path, page.charset)
            content = await self._store(attempt, page)
        host = read_authority(document.source_url) or ""
        found = {name: clean_line(value) for name, value in page.metadata.items()}
        stored = StoredPage(host, page.url, found, content)
        return Outcome(None, f"Read {page.url}", continues={"page": stored.as_json()})

    async def _store(self, attempt: RunningAttempt, page: FetchedPage) -> Content:
        incoming = await self._uploads.open(make_page_key(attempt.task.id, attempt.task.attempt))
        try:
            with page.path.open("rb") as file:
                while piece := await asyncio.to_thread(file.read, _READ_BYTES):
                    await incoming.write(piece)
            content = await incoming.store(page.filename)
        finally:
            await asyncio.shield(incoming.writer.abort())
        if content.media_type not in {HTML, MARKDOWN}:
            return content
        return Content(
            content.blob_key, content.media_type, content.size_bytes, content.sha256, make_filename(page.url)
        )

    async def _accept_duplicate(self, request: PageRequest, duplicate: Accepted) -> Accepted:
        """The agent already has this page: skip it, reject it, or read it again."""
        if request.on_duplicate is OnDuplicate.REJECT:
            raise DuplicateDocumentError(f"Document {duplicate.document_id} has the same address.")
        if request.on_duplicate is OnDuplicate.SKIP:
            return duplicate
        reindex = ReindexRequest(request.metadata, request.queue, request.callback_url)
        task = await self._documents.reindex(Access(request.organization_id), duplicate.document_id, reindex)
        return Accepted.of_task(task, replaces=True)


def make_submission(request: PageRequest, url: str) -> Submission:
    """The task and the document of a page; ``url`` is its normalised address."""
    task = NewTask(
        request.organization_id,
        request.agent_id,
        TaskName.PROCESS_WEBPAGE,
        request.queue,
        arguments={**name_host(url), **name_callback(request.callback_url)},
        metadata={"filename": make_filename(url)},
    )
    document = {
        "filename": make_filename(url),
        "media_type": HTML,
        "size_bytes": None,
        "sha256": None,
        "content_key": make_content_key(url),
        "blob_key": None,
        "source_url": url,
        "document_metadata": dict(request.metadata),
    }
    return task, document
