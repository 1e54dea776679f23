"""Web pages: which may be read, which belong to a crawl, and their content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote

from app.domain.addresses import NONE_ALLOWED, Address, AllowedHosts, is_public
from app.domain.errors import (
    InvalidUrlError,
    PageBusyError,
    PageNotAvailableError,
    PageUnreachableError,
    UrlNotAllowedError,
)
from app.domain.web_url import WebUrl

_INTERNAL_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa", "corp", "home")
_GOOD = {200, 203}
_LATER = {408, 425, 429}
_GONE = {404, 410}
_SERVER_ERRORS, _END = 500, 600


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page that was read into a local file."""

    url: str
    """Its URL after redirects."""
    path: Path
    filename: str
    """The name that its server gives it: a single path component, safe to show and to take a suffix from."""
    media_type_hint: str | None = None
    """The media type that its server states, in lower case and without parameters."""
    charset: str | None = None
    """The encoding that its server states, if Python supports it."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Title, author and so on, if the page reader found them."""


def normalise_url(url: str) -> str:
    """The canonical form of a URL, by which pages are identified.

    Scheme and host in lower case, IDNA, no default port, no fragment, no dot segments, percent-encoding in one form,
    no tracking parameters (``utm_*``, ``gclid``, ``fbclid``); the query keeps its order.

    Raises:
        InvalidUrlError: it cannot be parsed.
        UrlNotAllowedError: it has another scheme or contains credentials.
    """
    return str(WebUrl.parse(url).without_tracking())


def check_url(url: str, allowed: AllowedHosts = NONE_ALLOWED) -> None:
    """Reject a URL that may not be read, as far as this can be decided without the network.

    Raises:
        InvalidUrlError: it cannot be parsed, is too long or has no host.
        UrlNotAllowedError: it has another scheme, contains credentials, or names an internal host or address.
    """
    check_host(WebUrl.parse(url), allowed)


def check_host(url: WebUrl, allowed: AllowedHosts) -> None:
    """Reject internal hosts: addresses that are not public, in any notation, and names of internal networks.

    Raises:
        UrlNotAllowedError: the host is internal and not allowed.
    """
    if allowed.allows_name(url.host, url.port):
        return
    if url.address is not None:
        check_address(url.address, url.port, allowed)
    # If a network is allowed, a name is checked by its addresses, after it is resolved.
    elif not allowed.holds_networks and _is_internal(url.host):
        raise UrlNotAllowedError(f"{url.host} is a name of an internal network.")


def check_address(address: Address, port: int, allowed: AllowedHosts) -> None:
    """Reject an address that is neither public nor allowed.

    Raises:
        UrlNotAllowedError: the message omits the address, so that clients cannot resolve internal names.
    """
    if not is_public(address) and not allowed.allows_address(address, port):
        raise UrlNotAllowedError("It resolves to an address that is not public.")


def _is_internal(host: str) -> bool:
    """A name without a dot is local; the listed names are reserved or common for internal networks."""
    return "." not in host or host.endswith(tuple(f".{name}" for name in _INTERNAL_NAMES))


def check_status(status: int, retry_after: float | None = None) -> None:
    """Reject a response without a page.

    Raises:
        PageNotAvailableError: a retry would not help.
        PageBusyError: 408, 425 and 429. ``retry_after`` is the server's ``Retry-After`` in seconds.
        PageUnreachableError: 5xx.
    """
    if status in _GOOD:
        return
    detail = f"Its server answered with status {status}."
    if status in _LATER:
        raise PageBusyError(detail, retry_after=retry_after)
    if _SERVER_ERRORS <= status < _END:
        raise PageUnreachableError(detail, retry_after=retry_after)
    raise PageNotAvailableError(detail, is_gone=status in _GONE)


@dataclass(frozen=True, slots=True)
class CrawlScope:
    """The pages that belong to a crawl: those of the start's site, up to a depth, that match the patterns.

    Patterns are shell patterns for path and query, such as ``/docs/*``. If there are any in ``include``, one of them
    must match. ``exclude`` takes precedence.
    """

    start: str
    max_depth: int
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def allows(self, url: str, depth: int = 0) -> bool:
        """Whether a page at a distance of ``depth`` links from the start belongs to the crawl."""
        try:
            page, start = WebUrl.parse(url), WebUrl.parse(self.start)
        except (InvalidUrlError, UrlNotAllowedError):
            return False
        if depth > self.max_depth or _site(page) != _site(start) or _matches(page, self.exclude):
            return False
        return not self.include or _matches(page, self.include)


def _site(url: WebUrl) -> tuple[str, int | None]:
    """Identifies a site: ``www.`` and http or https make no difference; a non-default port does."""
    return url.host.removeprefix("www."), None if url.has_default_port else url.port


def _matches(url: WebUrl, patterns: Sequence[str]) -> bool:
    """Patterns may be written with or without percent-encoding."""
    spellings = {url.target, unquote(url.target)}
    return any(fnmatchcase(spelling, pattern) for pattern in patterns for spelling in spellings)
