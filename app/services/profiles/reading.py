"""Reads the pages of a company: its first page, then those of its site that say more about it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.errors import DocumentDamagedError, DocumentError, InvalidUrlError, RetryLaterError, UrlNotAllowedError
from app.domain.media import MARKDOWN
from app.domain.ports import PageReader, Parser
from app.domain.profiles import COMPANY_PAGE, FIELDS, Fact
from app.domain.web import CrawlScope, FetchedPage, normalise_url
from app.pipeline.parse.encoding import to_utf8
from app.pipeline.profiles.meta import read_found
from app.services.intake.hosts import Hosts
from app.temporary_folders import TemporaryFolder

_MOST_PAGES = 5
_LONGEST_WAIT = 1.0
_LONGEST_FURTHER_WAIT = 10.0
_SECONDS = 90.0
"""After this time no further page is begun, so that the task stays far from its time limit."""
_INVALID = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True)
class CompanyPage:
    """A page: its address after redirects, its text, and the facts that it shows."""

    url: str
    text: str
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an enrichment has read. ``unread`` are pages that may be readable later."""

    pages: Sequence[CompanyPage]
    unread: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """The object that a profile's row contains until its enrichment has ended."""
        pages = [{"url": page.url, "text": page.text, "facts": write_facts(page.facts)} for page in self.pages]
        return {"pages": pages, "unread": list(self.unread)}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Reading":
        """The inverse of ``as_json``."""
        pages = [CompanyPage(page["url"], page["text"], read_facts(page["facts"])) for page in given["pages"]]
        return cls(pages, given["unread"])


def write_facts(facts: Sequence[Fact]) -> list[dict[str, Any]]:
    """The facts as JSON, each with its field."""
    return [{**fact.as_json(), "field": fact.field} for fact in facts]


def read_facts(given: Sequence[Mapping[str, Any]]) -> list[Fact]:
    """The facts that are given as JSON, each with its field."""
    return [
        Fact.from_json(one["field"], {name: value for name, value in one.items() if name != "field"})
        for one in given
        if one["field"] in FIELDS
    ]


class CompanyPages:
    """Reads companies' pages with the limits of a crawl: robots.txt, delays between requests, no private addresses."""

    def __init__(self, reader: PageReader, hosts: Hosts, parser: Parser) -> None:
        self._reader = reader
        self._hosts = hosts
        self._parser = parser

    async def read(self, website: str, on_page: Callable[[int, int], Awaitable[None]]) -> Reading:
        """Read a company's first page and up to four further ones.

        Args:
            website: The address of the first page.
            on_page: Called with the number of the next page and the number of pages.

        Raises:
            RetryLaterError: when the next request to the host is not due soon.
            DisallowedByRobotsError, InvalidUrlError, UrlNotAllowedError, DocumentError: for the first page.
        """
        await on_page(1, _MOST_PAGES)
        first, links = await self._read_page(website, _LONGEST_WAIT)
        scope, until = CrawlScope(first.url, 1), time.monotonic() + _SECONDS
        pages, unread, known = [first], list[str](), {normalise_url(first.url), normalise_url(website)}
        for url in links:
            if len(pages) + len(unread) >= _MOST_PAGES or time.monotonic() > until:
                break
            if not scope.allows(url) or normalise_url(url) in known:
                continue
            known.add(normalise_url(url))
            await on_page(len(pages) + len(unread) + 1, _MOST_PAGES)
            try:
                page, _ = await self._read_page(url, _LONGEST_FURTHER_WAIT)
            except (DocumentError, InvalidUrlError, UrlNotAllowedError, RetryLaterError) as error:
                if error.retryable:
                    unread.append(url)
                continue
            if scope.allows(page.url) and page.url not in {one.url for one in pages}:
                pages.append(page)
        return Reading(pages, unread)

    async def _read_page(self, url: str, longest_wait: float) -> tuple[CompanyPage, list[str]]:
        """A page, and the pages of its site that may say more."""
        await self._wait_for_host(url, longest_wait)
        with TemporaryFolder() as folder:
            fetched = await self._reader.read(url, folder)
            if fetched.charset:
                await asyncio.to_thread(to_utf8, fetched.path, fetched.charset)
            path = await asyncio.to_thread(_name_by_type, fetched)
            parsed = await self._parser.parse(path, COMPANY_PAGE, address=fetched.url)
        try:
            facts = [*read_facts(parsed.metadata.get("facts", ())), *read_found(fetched.metadata, fetched.url)]
            links = [str(link) for link in parsed.metadata.get("links", ())]
        except _INVALID as error:  # a hostile page may have taken control of the sandbox child
            raise DocumentDamagedError("Reading the page returned an invalid answer.") from error
        return CompanyPage(fetched.url, "\n\n".join(page.text for page in parsed.pages), facts), links

    async def _wait_for_host(self, url: str, longest_wait: float) -> None:
        delay = await self._hosts.check_robots(url)
        taken, seconds = await self._hosts.reserve(url, delay, longest_wait)
        if not taken:
            raise RetryLaterError("Waiting for the next request to the company's server", retry_after=seconds)
        await asyncio.sleep(seconds)


def _name_by_type(page: FetchedPage) -> Path:
    """The file of a page; its suffix tells the sandbox when it is Markdown."""
    if page.media_type_hint != MARKDOWN or page.path.suffix == ".md":
        return page.path
    return page.path.rename(page.path.with_suffix(".md"))
