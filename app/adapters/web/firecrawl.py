"""Reads web pages through Firecrawl's client: rendered in a browser and returned as Markdown."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from app.adapters.packages import optional_imports
from app.domain.addresses import AllowedHosts
from app.domain.errors import (
    InvalidUrlError,
    PageServiceRefusedError,
    PageServiceUnavailableError,
    PageUnreachableError,
    ResponseTooLargeError,
    SluiceError,
    UrlNotAllowedError,
)
from app.domain.web import FetchedPage, check_status, check_url
from app.domain.web_url import WebUrl

_API_URL = "https://api.firecrawl.dev"
_MARGIN_SECONDS = 10.0
"""How much longer than Firecrawl's own time limit the client waits for the answer."""
_MARKDOWN = "text/markdown"
_METADATA = {
    "title": ("title", "og_title"),
    "author": ("author", "article:author"),
    "date": ("published_time", "article:published_time", "dc_date", "dc_terms_created", "date"),
    "description": ("description", "og_description"),
    "language": ("language", "og_locale"),
}
_OF_THE_PAGE = {"SCRAPE_DNS_RESOLUTION_ERROR", "SCRAPE_SSL_ERROR", "SCRAPE_TIMEOUT"}
_TIMEOUT, _BUSY = 408, 429
_REFUSALS = range(400, 500)


class FirecrawlReader:
    """Reads pages through Firecrawl.

    Args:
        api_key: The API key.
        api_url: The address of a self-hosted Firecrawl; None for the public service.
        time_limit: Seconds that Firecrawl may take for a page.
        max_bytes: The largest page, as Markdown.
        allowed: Hosts that may be read although they are not public.

    Raises:
        StartupError: the package is missing.
    """

    def __init__(
        self, *, api_key: str, api_url: str | None, time_limit: float, max_bytes: int, allowed: AllowedHosts
    ) -> None:
        with optional_imports("FIRECRAWL_API_KEY"):
            from firecrawl import FirecrawlError  # noqa: PLC0415 - an extra
            from firecrawl.v2.client_async import AsyncFirecrawlClient  # noqa: PLC0415 - an extra
        self._client, self._error = AsyncFirecrawlClient, FirecrawlError
        self._api_key = api_key
        self._api_url = api_url or _API_URL
        self._time_limit = time_limit
        self._max_bytes = max_bytes
        self._allowed = allowed

    async def read(self, url: str, folder: Path) -> FetchedPage:
        """Read one page into a Markdown file in ``folder``. There are no retries here: the ledger retries the task."""
        check_url(url, self._allowed)
        requested = WebUrl.parse(url)
        document = await self._scrape(str(requested))
        stated = document.metadata_typed.model_dump()
        check_status(stated.get("status_code") or 200)
        text = str(document.markdown or "").encode("utf-8", "replace")
        if len(text) > self._max_bytes:
            raise ResponseTooLargeError(f"The limit is {self._max_bytes} bytes.")
        path = folder / "page.md"
        await asyncio.to_thread(path.write_bytes, text)
        return FetchedPage(
            url=_choose_url(stated, requested),
            path=path,
            filename="page.md",
            media_type_hint=_MARKDOWN,
            charset="utf-8",
            metadata=_read_metadata(stated),
        )

    async def _scrape(self, url: str) -> Any:
        """Send one request, with a new client, because a client belongs to one event loop."""
        client = self._client(
            api_key=self._api_key,
            api_url=self._api_url,
            timeout=self._time_limit + _MARGIN_SECONDS,
            max_retries=1,
        )
        milliseconds = int(self._time_limit * 1000)
        try:
            return await client.scrape(url, formats=["markdown"], timeout=milliseconds, auto_resume=False)
        except self._error as error:
            raise _translate(error) from error
        except httpx.HTTPError as error:
            raise PageServiceUnavailableError(f"Firecrawl cannot be reached ({type(error).__name__}).") from error
        except (ValueError, TypeError, AttributeError) as error:  # its client does not validate the answer
            raise PageServiceUnavailableError("Firecrawl's answer cannot be read.") from error
        finally:
            await client.async_http_client.close()


def _translate(error: Any) -> SluiceError:
    """Translate Firecrawl's error by its status. Some errors that it reports are failures of the page."""
    status, detail = error.status_code, str(error)[:500]
    if error.code in _OF_THE_PAGE or status == _TIMEOUT:
        return PageUnreachableError(detail)
    if status in _REFUSALS and status != _BUSY:
        return PageServiceRefusedError(detail)
    return PageServiceUnavailableError(detail, retry_after=_read_retry_after(error.response))


def _read_retry_after(response: Any) -> float | None:
    seconds = str(response.headers.get("retry-after", "")) if response is not None else ""
    return float(seconds[:4]) if seconds.isascii() and seconds.isdigit() else None


def _choose_url(stated: Mapping[str, Any], requested: WebUrl) -> str:
    for name in ("url", "source_url"):
        try:
            return str(WebUrl.parse(str(stated.get(name) or "")))
        except (InvalidUrlError, UrlNotAllowedError):
            continue
    return str(requested)


def _read_metadata(stated: Mapping[str, Any]) -> dict[str, str]:
    chosen = {name: next((stated[key] for key in keys if stated.get(key)), None) for name, keys in _METADATA.items()}
    return {name: _flatten(value) for name, value in chosen.items() if value}


def _flatten(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
