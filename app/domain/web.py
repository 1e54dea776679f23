"""Web pages: which may be read, which belong to a crawl, and what has been read."""

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

_INSIDE_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa", "corp", "home")
_GOOD = {200, 203}
_LATER = {408, 425, 429}
_SERVER_ERRORS, _END = 500, 600


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page that was read into a local file."""

    url: str
    """Where it was found, after redirects."""
    path: Path
    filename: str
    """What its server calls it: a bare name, safe to show and to take a suffix from."""
    media_type_hint: str | None = None
    """The type its server states, in lower case and without parameters."""
    charset: str | None = None
    """The encoding its server states, where Python knows it."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Title, author and so on, where whoever read the page told them."""


def normalise_url(url: str) -> str:
    """The one form of a URL by which pages are told apart.

    Scheme and host in lower case, IDNA, no default port, no fragment, no dot segments, percent-encoding in one form,
    no tracking parameters (``utm_*``, ``gclid``, ``fbclid``); the query keeps its order.

    Raises:
        InvalidUrlError: when it cannot be read.
        UrlNotAllowedError: when it is of another scheme or carries credentials.
    """
    return str(WebUrl.parse(url).without_tracking())


def check_url(url: str, allowed: AllowedHosts = NONE_ALLOWED) -> None:
    """Refuse a URL that no page may be read from, as far as that can be told without asking the network.

    Raises:
        InvalidUrlError: when it cannot be read, is too long or names no host.
        UrlNotAllowedError: when it is no web address, carries credentials, or names an inside host or address.
    """
    check_host(WebUrl.parse(url), allowed)


def check_host(url: WebUrl, allowed: AllowedHosts) -> None:
    """Refuse inside hosts: addresses that are not public, in any notation, and names of inside networks.

    Raises:
        UrlNotAllowedError
    """
    if allowed.allows_name(url.host, url.port):
        return
    if url.address is not None:
        check_address(url.address, url.port, allowed)
    # Where a network is allowed, a name is judged by its addresses once they are known.
    elif not allowed.holds_networks and _is_inside(url.host):
        raise UrlNotAllowedError(f"{url.host} is a name of an internal network.")


def check_address(address: Address, port: int, allowed: AllowedHosts) -> None:
    """Refuse an address that is neither public nor allowed.

    Raises:
        UrlNotAllowedError: without the address, which would tell strangers what names mean inside.
    """
    if not is_public(address) and not allowed.allows_address(address, port):
        raise UrlNotAllowedError("It resolves to an address that is not public.")


def _is_inside(host: str) -> bool:
    """A name without a dot is a neighbour's; the others are reserved or in common use for inside networks."""
    return "." not in host or host.endswith(tuple(f".{name}" for name in _INSIDE_NAMES))


def check_status(status: int, retry_after: float | None = None) -> None:
    """Refuse an answer that holds no page.

    Raises:
        PageNotAvailableError: it will not be there later either.
        PageBusyError: 408, 425 and 429; ``retry_after`` says how long to wait, in seconds.
        PageUnreachableError: 5xx.
    """
    if status in _GOOD:
        return
    detail = f"Its server answered with status {status}."
    if status in _LATER:
        raise PageBusyError(detail, retry_after=retry_after)
    if _SERVER_ERRORS <= status < _END:
        raise PageUnreachableError(detail, retry_after=retry_after)
    raise PageNotAvailableError(detail)


@dataclass(frozen=True, slots=True)
class CrawlScope:
    """Which pages belong to a crawl: those of the start's site, not too deep, as the patterns say.

    Patterns are shell globs on path and query: ``/docs/*``. With ``include``, one of them must match;
    ``exclude`` wins.
    """

    start: str
    max_depth: int
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def allows(self, url: str, depth: int = 0) -> bool:
        """Whether a page that is ``depth`` links away from the start belongs to the crawl."""
        try:
            page, start = WebUrl.parse(url), WebUrl.parse(self.start)
        except (InvalidUrlError, UrlNotAllowedError):
            return False
        if depth > self.max_depth or _site(page) != _site(start) or _matches(page, self.exclude):
            return False
        return not self.include or _matches(page, self.include)


def _site(url: WebUrl) -> tuple[str, int | None]:
    """``www.`` and the choice between http and https make no other site; a port of its own does."""
    return url.host.removeprefix("www."), None if url.has_default_port else url.port


def _matches(url: WebUrl, patterns: Sequence[str]) -> bool:
    """Patterns are written as people read paths, with or without percent-encoding."""
    spellings = {url.target, unquote(url.target)}
    return any(fnmatchcase(spelling, pattern) for pattern in patterns for spelling in spellings)
