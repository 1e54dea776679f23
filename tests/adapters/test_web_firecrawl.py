"""Pages that the real Firecrawl client reads from a server with its protocol."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.adapters.web.firecrawl import FirecrawlReader
from app.domain.addresses import NONE_ALLOWED
from app.domain.errors import SluiceError, StartupError
from app.domain.web import FetchedPage
from tests.web_server import Answer, WebServer, answer, serve, stall

_METADATA = {
    "title": "A page",
    "author": ["Ada", "Charles"],
    "publishedTime": "2026-01-02T03:04:05Z",
    "description": "About something.",
    "language": "en",
    "sourceURL": "https://example.com/a",
    "url": "https://www.example.com/a",
    "statusCode": 200,
}


@pytest.fixture
def service() -> Iterator[WebServer]:
    """A Firecrawl on loopback."""
    with serve() as running:
        yield running


def say(status: str = "200 OK", headers: dict[str, str] | None = None, **body: Any) -> bytes:
    return answer(json.dumps(body).encode(), status, content_type="application/json", **(headers or {}))


def page(markdown: str | None = "# A page\n\nWörds.", **metadata: Any) -> bytes:
    return say(success=True, data={"markdown": markdown, "metadata": _METADATA | metadata})


async def read(
    service: WebServer, folder: Path, page: Answer, url: str = "https://example.com/a#part", time_limit: float = 5.0
) -> FetchedPage:
    service.pages["/v2/scrape"] = page
    reader = FirecrawlReader(
        api_key="fc-key",
        api_url=service.url("").rstrip("/"),
        time_limit=time_limit,
        max_bytes=1000,
        allowed=NONE_ALLOWED,
    )
    return await reader.read(url, folder)


async def fail(service: WebServer, folder: Path, page: Answer, **options: Any) -> SluiceError:
    with pytest.raises(SluiceError) as caught:
        await read(service, folder, page, **options)
    return caught.value


async def test_a_page_comes_as_markdown_with_what_is_known_of_it(service: WebServer, tmp_path: Path) -> None:
    found = await read(service, tmp_path, page())
    assert found.path.read_text(encoding="utf-8") == "# A page\n\nWörds."
    assert (found.url, found.filename) == ("https://www.example.com/a", "page.md")
    assert (found.media_type_hint, found.charset) == ("text/markdown", "utf-8")
    assert found.metadata == {
        "title": "A page",
        "author": "Ada, Charles",
        "date": "2026-01-02T03:04:05Z",
        "description": "About something.",
        "language": "en",
    }


async def test_the_service_is_asked_once_with_the_key(service: WebServer, tmp_path: Path) -> None:
    await read(service, tmp_path, page())
    (request,) = service.requests
    assert request.startswith("POST /v2/scrape ")
    assert "\r\nauthorization: bearer fc-key\r\n" in request.lower()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://2130706433/", "file:///etc/passwd", "http://db.internal/"]
)
async def test_the_service_is_not_asked_for_inside_hosts(url: str, service: WebServer, tmp_path: Path) -> None:
    assert (await fail(service, tmp_path, page(), url=url)).code == "url_not_allowed"
    assert service.requests == []


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        *(("400 Bad Request", "page_service_refused", False), ("401 Unauthorized", "page_service_refused", False)),
        *(("402 Payment Required", "page_service_refused", False), ("403 Forbidden", "page_service_refused", False)),
        *(("408 Request Timeout", "page_unreachable", True), ("429 Too Many", "page_service_unavailable", True)),
        *(("500 Internal", "page_service_unavailable", True), ("502 Bad Gateway", "page_service_unavailable", True)),
        ("503 Unavailable", "page_service_unavailable", True),
    ],
)
async def test_the_services_failures_say_whether_to_try_again(
    status: str, code: str, retryable: bool, service: WebServer, tmp_path: Path
) -> None:
    error = await fail(service, tmp_path, say(status, success=False, error="No."))
    assert (error.code, error.retryable) == (code, retryable)
    assert len(service.requests) == 1


async def test_the_service_may_say_how_long_to_wait(service: WebServer, tmp_path: Path) -> None:
    error = await fail(service, tmp_path, say("429 Too Many", {"retry_after": "7"}, success=False, error="No."))
    assert error.retry_after == 7.0


@pytest.mark.parametrize("code", ["SCRAPE_DNS_RESOLUTION_ERROR", "SCRAPE_SSL_ERROR", "SCRAPE_TIMEOUT"])
async def test_a_failure_of_the_page_is_told_from_one_of_the_service(
    code: str, service: WebServer, tmp_path: Path
) -> None:
    error = await fail(service, tmp_path, say("500 Internal", success=False, error="No.", code=code))
    assert error.code == "page_unreachable"


@pytest.mark.parametrize(
    ("status", "code"), [(404, "page_not_available"), (429, "page_busy"), (503, "page_unreachable")]
)
async def test_the_pages_own_status_counts(status: int, code: str, service: WebServer, tmp_path: Path) -> None:
    assert (await fail(service, tmp_path, page(statusCode=status))).code == code


@pytest.mark.parametrize(
    "body",
    [
        answer(b"<html>"),
        answer(b"[]", content_type="application/json"),
        say(success=False, error="No."),
        b"",
        say(success=True, data={"markdown": {"a": 1}}),
    ],
    ids=["no JSON", "a list", "no success", "nothing", "no text"],
)
async def test_an_answer_that_is_none_is_tried_again_later(body: bytes, service: WebServer, tmp_path: Path) -> None:
    error = await fail(service, tmp_path, body)
    assert (error.code, error.retryable) == ("page_service_unavailable", True)


async def test_a_service_that_says_nothing_is_left(
    service: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.adapters.web.firecrawl._MARGIN_SECONDS", 0.2)
    error = await fail(service, tmp_path, stall, time_limit=0.2)
    assert (error.code, error.retryable) == ("page_service_unavailable", True)


async def test_a_page_larger_than_the_limit_is_refused(service: WebServer, tmp_path: Path) -> None:
    assert (await fail(service, tmp_path, page("x" * 1001))).code == "response_too_large"


async def test_a_page_without_text_is_an_empty_file(service: WebServer, tmp_path: Path) -> None:
    assert (await read(service, tmp_path, page(None))).path.read_bytes() == b""


def test_a_missing_package_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "firecrawl", None)
    with pytest.raises(StartupError, match="firecrawl-py"):
        FirecrawlReader(api_key="k", api_url=None, time_limit=1, max_bytes=1, allowed=NONE_ALLOWED)
