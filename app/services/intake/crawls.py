"""Crawls: a site becomes a parent task with a child for each page; each page adds the pages that it links to."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.crawls import add_urls, claim_url, lock_crawl
from app.db.documents.documents import find_all_by_content
from app.db.engine import Database, repeats_on_conflict
from app.domain.addresses import AllowedHosts
from app.domain.errors import NoExtractableTextError, NotFoundError, QuotaExceededError, RetryLaterError
from app.domain.ids import TaskId, new_task_id
from app.domain.limits import Need
from app.domain.media import HTML
from app.domain.ports import BlobStore
from app.domain.records import Document
from app.domain.tasks import NewTask, Queue, Task, TaskName, name_callback, name_host
from app.domain.web import CrawlScope, check_url, normalise_url
from app.domain.web_url import WebUrl
from app.ledger.children import count_all_children, count_children, insert_parent, submit_children
from app.ledger.read import get_task
from app.pipeline.links import Links, find_links
from app.services.indexing.ingestion import Ingestion
from app.services.intake.backpressure import Backpressure
from app.services.intake.crawl_skips import NO_DOCUMENT, Skip, is_start, make_skipped_outcome
from app.services.intake.hosts import Hosts
from app.services.intake.webpages import StoredPage, Webpages, make_content_key, make_filename
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt
from app.temporary_folders import TemporaryFolder

_MAX_WAIT_SECONDS = 1.0
_SPREAD_SECONDS = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CrawlRequest:
    """The options of a crawl. ``include`` and ``exclude`` are shell globs on path and query."""

    organization_id: int
    agent_id: int
    url: str
    max_pages: int = 100
    max_depth: int = 3
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    metadata: Mapping[str, Any] | None = None
    queue: Queue = Queue.LOW
    callback_url: str | None = None


class Crawls:
    """Crawls sites page by page; follows robots.txt and waits between two requests to a host."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        hosts: Hosts,
        webpages: Webpages,
        ingestion: Ingestion,
        admission: Admission,
        backpressure: Backpressure,
        allowed: AllowedHosts,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._hosts = hosts
        self._webpages = webpages
        self._ingestion = ingestion
        self._admission = admission
        self._backpressure = backpressure
        self._allowed = allowed

    async def submit(self, request: CrawlRequest) -> Task:
        """Write the parent and its first page.

        Raises:
            InvalidUrlError, UrlNotAllowedError
            NotFoundError: when the organization has no such agent.
            BacklogFullError: when the agent has too many tasks waiting.
            QuotaExceededError, BudgetExceededError: when a limit is used up.
        """
        check_url(request.url, self._allowed)
        url = normalise_url(request.url)
        async with self._backpressure.admit(request.organization_id, request.agent_id, Need(1)):
            parent = await self._submit(request, url)
        self._admission.nudge(parent.queue)
        return parent

    @repeats_on_conflict
    async def _submit(self, request: CrawlRequest, url: str) -> Task:
        async with self._database.transaction() as connection:
            parent = await insert_parent(connection, _make_task(request, url), f"Reading {url}")
            if parent is None:
                raise NotFoundError(f"Agent {request.agent_id} does not exist.")
            await self._add(connection, parent, [url], depth=0)
        return parent

    async def process(self, attempt: RunningAttempt) -> Outcome:
        """Read one page of a crawl and return to the queue; the next claim makes it searchable and follows its links.

        A linked page that cannot be a document is skipped.

        Raises:
            RetryLaterError: when the next request to the host is not due soon.
            DocumentError: for the page where the crawl starts, and for failures that are not the page's.
        """
        work = await self._ingestion.load(attempt)
        document = work.document
        url, crawl = document.source_url or "", await self._find_crawl(attempt.task)
        stored = StoredPage.of_task(attempt.task)
        if stored is None:
            self._webpages.release_slot(attempt)
            return await self._read(attempt, document, crawl)
        scope, links = _read_scope(crawl), await self._find_links(stored)
        own = normalise_url(links.canonical or stored.url)
        if skip := await self._find_reason_to_skip(crawl, scope, links, own, url, attempt.task.id):
            outcome = make_skipped_outcome(self._blobs, document, stored, skip)
        else:
            try:
                outcome = await self._ingestion.process(attempt, work, stored.content, stored.metadata)
            except NoExtractableTextError as error:
                if is_start(attempt.task):
                    raise
                outcome = make_skipped_outcome(self._blobs, document, stored, Skip.because(error))
        return self._add_linked_pages(outcome, attempt.task, crawl, scope, await self._limit_links(attempt.task, links))

    async def _limit_links(self, page: Task, links: Links) -> Links:
        """The links of a page; none when a limit permits no further document, which ends the crawl early."""
        try:
            async with self._backpressure.hold(page.organization_id, page.agent_id, Need(1)):
                return links
        except QuotaExceededError as error:
            log.info("crawl_stopped_by_quota", detail=error.detail)
            return replace(links, urls=[])

    async def _read(self, attempt: RunningAttempt, document: Document, crawl: Task) -> Outcome:
        url = document.source_url or ""
        try:
            await self._wait_for_host(crawl, url, await self._hosts.check_robots(url))
            return await self._webpages.read(attempt, document)
        except NO_DOCUMENT as error:
            if is_start(attempt.task):
                raise
            return make_skipped_outcome(self._blobs, document, None, Skip.because(error))

    async def _find_crawl(self, task: Task) -> Task:
        async with self._database.statement() as connection:
            crawl = await get_task(connection, task.parent_id or task.id)
        if crawl is None:
            raise NotFoundError("The crawl of this page was deleted.")
        return crawl

    async def _wait_for_host(self, crawl: Task, url: str, delay: float) -> None:
        """Reserve the next request to the host, and wait for it if it is due soon. The reservation covers all workers.

        Raises:
            RetryLaterError: when it is due later: other tasks can use the worker slot until then.
        """
        taken, seconds = await self._hosts.reserve(url, delay, _MAX_WAIT_SECONDS)
        if not taken:
            async with self._database.statement() as connection:
                counts = await count_children(connection, [crawl.id])
            # Spread the pages that wait over the time that all of them need.
            waiting = counts[crawl.id].pending + 1 if crawl.id in counts else 1
            later = seconds + random.random() * min(_SPREAD_SECONDS, waiting * delay)  # noqa: S311
            host = WebUrl.parse(url).authority
            raise RetryLaterError(f"Waiting for the next request to {host}", retry_after=later)
        await asyncio.sleep(seconds)

    async def _find_links(self, stored: StoredPage) -> Links:
        if stored.content.media_type != HTML:
            return Links()
        with TemporaryFolder() as folder:
            path = await self._blobs.fetch(stored.content.blob_key, folder)
            return await asyncio.to_thread(find_links, path, stored.url, None)

    async def _find_reason_to_skip(
        self, crawl: Task, scope: CrawlScope, links: Links, own: str, url: str, page: TaskId
    ) -> Skip | None:
        """Why a page is not indexed although its links are followed; None when it is indexed."""
        if links.noindex:
            return Skip("noindex", "The page asks not to be indexed")
        if own == url:
            return None
        if not scope.allows(own):
            return Skip("outside_of_crawl", f"The page is {own}, which is outside of the crawl")
        async with self._database.statement() as connection:
            fresh = await claim_url(connection, crawl.id, own, page)
        return None if fresh else Skip("already_in_crawl", f"The page is {own}, which the crawl already contains")

    def _add_linked_pages(self, outcome: Outcome, page: Task, crawl: Task, scope: CrawlScope, links: Links) -> Outcome:
        """The outcome of a page, extended by adding the pages that it links to."""
        depth = int(page.arguments.get("depth", 0)) + 1
        urls = [url for url in links.urls if scope.allows(url, depth)]

        async def apply(connection: AsyncConnection) -> None:
            # One page at a time, so that the number of pages stays within the limit. Before the outcome's own
            # statements: these lock the agent's word counts, for which other tasks wait.
            if urls:
                await lock_crawl(connection, crawl.id)
                parent = await get_task(connection, crawl.id)
                if parent and parent.cancel_requested_at is None:
                    await self._add(connection, parent, urls, depth)
            await outcome.apply(connection)

        return replace(outcome, apply=apply)

    async def _add(self, connection: AsyncConnection, crawl: Task, urls: Sequence[str], depth: int) -> None:
        """Add the pages that a crawl does not contain yet, up to its largest number of pages."""
        remaining = int(crawl.arguments["max_pages"]) - await count_all_children(connection, crawl.id)
        if remaining <= 0:
            return
        fresh = await add_urls(connection, crawl.id, urls)
        chosen = [url for url in urls if url in fresh][:remaining]
        keys = {url: make_content_key(url) for url in chosen}
        known = await find_all_by_content(connection, crawl.agent_id, list(keys.values()))
        entries = [
            {
                "task_id": str(new_task_id()),
                "name": TaskName.PROCESS_WEBPAGE.value,
                "filename": make_filename(url),
                "media_type": HTML,
                "source_url": url,
                "content_key": key.hex(),
                "document_id": known.get(key),
                "metadata": crawl.arguments["metadata"],
                "arguments": {"depth": depth, **name_host(url)},
            }
            for url, key in keys.items()
        ]
        await submit_children(connection, crawl, entries)


def _make_task(request: CrawlRequest, url: str) -> NewTask:
    return NewTask(
        request.organization_id,
        request.agent_id,
        TaskName.CRAWL_SITE,
        request.queue,
        arguments={
            "url": url,
            "max_pages": request.max_pages,
            "max_depth": request.max_depth,
            "include": list(request.include),
            "exclude": list(request.exclude),
            "metadata": dict(request.metadata or {}),
            **name_callback(request.callback_url),
        },
        metadata={"filename": make_filename(url), "url": url},
    )


def _read_scope(crawl: Task) -> CrawlScope:
    given = crawl.arguments
    return CrawlScope(given["url"], given["max_depth"], given["include"], given["exclude"])
