"""How the web is read."""

from pathlib import Path
from typing import Protocol

from app.domain.web import FetchedPage


class PageReader(Protocol):
    """Reads web pages, from the public internet only unless an operator says otherwise."""

    async def read(self, url: str, folder: Path) -> FetchedPage:
        """Read one page into a file in ``folder``.

        Raises:
            InvalidUrlError, UrlNotAllowedError: also where a redirect leads.
            PageNotAvailableError, PageBusyError, PageUnreachableError: by the server's answer, or for want of one.
            ResponseTooLargeError, TooManyRedirectsError, UnsupportedCodingError: what it sends is not taken.
            PageServiceRefusedError, PageServiceUnavailableError: where a service does the reading.
            StorageFullError
        """


class RobotsRules(Protocol):
    """What one site's robots.txt says to Sluice (RFC 9309)."""

    @property
    def crawl_delay(self) -> float:
        """Seconds to leave between two pages; 0 where the site does not say."""

    def allows(self, url: str) -> bool:
        """Whether a page of the site may be read."""


class RobotsReader(Protocol):
    """Reads robots.txt."""

    async def load(self, url: str) -> RobotsRules:
        """The rules of the site that ``url`` belongs to; a site without a robots.txt allows everything.

        Raises:
            PageUnreachableError, PageBusyError: until the rules are known, nothing of the site may be read.
            InvalidUrlError, UrlNotAllowedError
        """
