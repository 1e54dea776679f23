"""The ports for reading web pages and robots.txt."""

from pathlib import Path
from typing import Protocol

from app.domain.web import FetchedPage


class PageReader(Protocol):
    """Reads web pages from public hosts, and from those that the operator allows."""

    async def read(self, url: str, folder: Path) -> FetchedPage:
        """Read one page into a file in ``folder``.

        Raises:
            InvalidUrlError, UrlNotAllowedError: also for the target of a redirect.
            PageNotAvailableError, PageBusyError, PageUnreachableError: the server's response, or its absence.
            ResponseTooLargeError, TooManyRedirectsError, UnsupportedCodingError: the response is not accepted.
            PageServiceRefusedError, PageServiceUnavailableError: from a service that reads pages.
            StorageFullError
        """


class RobotsRules(Protocol):
    """The rules of one site's robots.txt for Sluice (RFC 9309)."""

    @property
    def crawl_delay(self) -> float:
        """Seconds between two pages; 0 if the site does not set it."""

    def allows(self, url: str) -> bool:
        """Whether a page of the site may be read."""


class RobotsReader(Protocol):
    """Reads robots.txt."""

    async def load(self, url: str) -> RobotsRules:
        """Load the rules of the site of ``url``. A site without a robots.txt allows everything.

        Raises:
            PageUnreachableError, PageBusyError: the rules are unknown, so no page of the site may be read.
            InvalidUrlError, UrlNotAllowedError
        """
