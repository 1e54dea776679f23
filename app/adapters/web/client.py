"""HTTP requests that check every host, bound time and size, and keep no state between requests."""

import asyncio
import email.utils
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property

import httpcore
import httpx

from app import __version__
from app.adapters.web.connection import CONNECT_SECONDS, CheckedBackend, Resolve, resolve
from app.adapters.web.inflate import ACCEPTED, Inflater
from app.domain.addresses import AllowedHosts
from app.domain.errors import PageUnreachableError, ResponseTooLargeError, TooManyRedirectsError
from app.domain.web import check_host
from app.domain.web_url import WebUrl

_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 10
_ACCEPT = "text/html,application/xhtml+xml,application/pdf,text/plain;q=0.9,text/markdown;q=0.9,*/*;q=0.8"
_HEADER_TOO_LARGE = 431
_LONGEST_WAIT = 3600.0
_LONGEST_DETAIL = 200


@dataclass(frozen=True, slots=True)
class WebResponse:
    """A response whose body has not been read yet. Header names are in lower case."""

    url: WebUrl
    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]

    async def read(self, max_bytes: int) -> AsyncGenerator[bytes, None]:
        """Read and decompress the body.

        Raises:
            ResponseTooLargeError: more than ``max_bytes``, before or after decompression.
            UnsupportedCodingError, PageUnreachableError
        """
        inflater = Inflater(self.headers.get("content-encoding", ""))
        _check_size(int(length) if (length := self.headers.get("content-length", "")).isdecimal() else 0, max_bytes)
        sent = inflated = 0
        async for data in self.body:
            _check_size(sent := sent + len(data), max_bytes)
            for piece in inflater.feed(data):
                _check_size(inflated := inflated + len(piece), max_bytes)
                yield piece
        inflater.end()

    @property
    def retry_after(self) -> float | None:
        """The seconds to wait that the server states, an hour at most; None if it states none."""
        seconds = _read_seconds(self.headers.get("retry-after", ""))
        return None if seconds is None else min(max(seconds, 0.0), _LONGEST_WAIT)


class WebClient:
    """An HTTP client for hosts that clients name. It never uses cookies, or the proxies and passwords of the machine.

    Args:
        user_agent: The User-Agent header. Sluice's version is appended to a bare name.
        time_limit: Seconds for everything from the first look-up to the last byte.
        allowed: Hosts that may be read although they are not public.
        resolve: Resolves host names.
    """

    def __init__(
        self, *, user_agent: str, time_limit: float, allowed: AllowedHosts, resolve: Resolve = resolve
    ) -> None:
        self._user_agent = user_agent if "/" in user_agent else f"{user_agent}/{__version__}"
        self._time_limit = time_limit
        self._allowed = allowed
        self._backend = CheckedBackend(allowed, resolve)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made at the first use: loading all certificates takes longer than reading a page."""
        return httpx.create_ssl_context()

    @asynccontextmanager
    async def get(self, url: str) -> AsyncIterator[WebResponse]:
        """Follow all redirects. The response must be read within the block.

        Raises:
            InvalidUrlError, UrlNotAllowedError: for the URL itself or the target of a redirect.
            TooManyRedirectsError, PageUnreachableError
            ResponseTooLargeError: the header of the response is too large.
        """
        async with self._limited(), AsyncExitStack() as connection:
            yield await self._follow(WebUrl.parse(url), connection)

    @asynccontextmanager
    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> AsyncIterator[WebResponse]:
        """Send ``content``. A redirect is not followed: it is the response, which must be read within the block.

        Raises:
            InvalidUrlError, UrlNotAllowedError, PageUnreachableError
            ResponseTooLargeError: the header of the response is too large.
        """
        target = WebUrl.parse(url)
        check_host(target, self._allowed)
        given = [*headers.items(), ("Content-Length", str(len(content)))]
        async with self._limited(), self._exchange(target, "POST", given, content) as response:
            yield response

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        """Bound the time of everything within the block."""
        try:
            async with asyncio.timeout(self._time_limit) as timer:
                yield
        except TimeoutError as error:
            if not timer.expired():
                raise
            raise PageUnreachableError(f"It took longer than {self._time_limit:g} seconds.") from error

    async def _follow(self, url: WebUrl, connection: AsyncExitStack) -> WebResponse:
        for _ in range(_MAX_REDIRECTS + 1):
            check_host(url, self._allowed)
            response = await connection.enter_async_context(self._exchange(url))
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or location is None:
                return response
            await connection.aclose()
            url = url.join(location)
        raise TooManyRedirectsError(f"The limit is {_MAX_REDIRECTS}.")

    @asynccontextmanager
    async def _exchange(
        self,
        url: WebUrl,
        method: str = "GET",
        headers: Sequence[tuple[str, str]] = (("Accept", _ACCEPT),),
        content: bytes | None = None,
    ) -> AsyncIterator[WebResponse]:
        """Send one request on a new connection."""
        target = httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target)
        request = httpcore.Request(
            method,
            target,
            headers=[*self._headers(url), *headers],
            content=content,
            extensions={"timeout": {"connect": CONNECT_SECONDS}},
        )
        connection = httpcore.AsyncHTTPConnection(target.origin, self._tls, network_backend=self._backend)
        try:
            with _translated_errors():
                response = await connection.handle_async_request(request)
            yield WebResponse(url, response.status, _read_headers(response), _read_body(response))
        finally:
            await connection.aclose()

    def _headers(self, url: WebUrl) -> list[tuple[str, str]]:
        return [
            ("Host", url.authority),
            ("User-Agent", self._user_agent),
            ("Accept-Encoding", ACCEPTED),
            ("Connection", "close"),
        ]


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
        if getattr(error.__cause__ or error.__context__, "error_status_hint", None) == _HEADER_TOO_LARGE:
            raise ResponseTooLargeError("The header of the response is too large.") from error
        raise PageUnreachableError(f"({str(error)[:_LONGEST_DETAIL] or type(error).__name__})") from error


async def _read_body(response: httpcore.Response) -> AsyncIterator[bytes]:
    with _translated_errors():
        async for data in response.aiter_stream():
            # Lets the time limit expire even if the server sends faster than the body is read.
            await asyncio.sleep(0)
            yield data


def _read_headers(response: httpcore.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), _decode(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _decode(value: bytes) -> str:
    """Decode a header value: the standard permits only ASCII, but servers send UTF-8 or Latin-1."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ResponseTooLargeError(f"The limit is {max_bytes} bytes.")


def _read_seconds(text: str) -> float | None:
    """Parse ``Retry-After``: seconds or a date (RFC 9110, section 10.2.3)."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - time.time()
