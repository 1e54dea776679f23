"""robots.txt is read with the same checks as pages, and obeyed."""

from collections.abc import Iterator

import pytest

from app.adapters.web.client import WebClient
from app.adapters.web.robots import ProtegoRules, WebRobots
from app.domain.errors import SluiceError
from tests.adapters.web_reading import make_client
from tests.deadlines import within
from tests.web_server import Answer, WebServer, answer, redirect, repeat, serve, stall


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A new site for each test."""
    with serve() as running:
        yield running


async def load(server: WebServer, client: WebClient | None = None) -> ProtegoRules:
    robots = WebRobots(client or make_client(), user_agent="Sluice/1 (+https://example.com)")
    return await robots.load(server.url("/deep/page?x=1"))


async def rules(server: WebServer, text: str) -> ProtegoRules:
    server.pages["/robots.txt"] = answer(text.encode(), content_type="text/plain")
    return await load(server)


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        *(("User-agent: *\nDisallow: /private", "/private/x", False), ("User-agent: *\nDisallow: /a", "/b", True)),
        *(("User-agent: *\nDisallow: /", "/", False), ("User-agent: *\nDisallow:", "/", True), ("", "/", True)),
        ("User-agent: *\nDisallow: /\nUser-agent: sluice\nAllow: /", "/x", True),
        ("User-agent: SLUICE/2.0\nDisallow: /\nUser-agent: *\nAllow: /", "/x", False),
        ("User-agent: other\nDisallow: /\n", "/x", True),
        ("User-agent: sluicegate\nDisallow: /\n", "/x", True),
        ("User-agent: a\nUser-agent: Sluice\nDisallow: /x\n", "/x", False),
        ("\ufeffUser-agent: *\nDisallow: /*.pdf$\nAllow: /public.pdf", "/a.pdf", False),
        ("User-agent: *\nDisallow: /search?q=", "/search?q=1", False),
        ("<!doctype html><p>User-agent: *", "/x", True),
    ],
)
async def test_a_sites_robots_rules_are_respected(text: str, path: str, allowed: bool, server: WebServer) -> None:
    assert (await rules(server, text)).allows(server.url(path)) is allowed


@pytest.mark.parametrize(
    ("delay", "seconds"), [("2", 2.0), ("0.5", 0.5), ("86400", 10.0), ("x", 0.0), ("-1", 0.0), ("nan", 0.0)]
)
async def test_a_site_may_ask_for_ten_seconds_between_pages(delay: str, seconds: float, server: WebServer) -> None:
    assert (await rules(server, f"User-agent: *\nCrawl-delay: {delay}")).crawl_delay == seconds


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "401 Unauthorized", "410 Gone"])
async def test_a_site_without_rules_allows_everything(status: str, server: WebServer) -> None:
    server.pages["/robots.txt"] = answer(b"User-agent: *\nDisallow: /", status)
    found = await load(server)
    assert found.allows(server.url("/x"))
    assert found.crawl_delay == 0.0


async def test_a_redirect_is_followed(server: WebServer) -> None:
    server.pages["/robots.txt"] = redirect("/elsewhere")
    server.pages["/elsewhere"] = answer(b"User-agent: *\nDisallow: /")
    assert not (await load(server)).allows(server.url("/x"))


async def test_an_endless_redirect_stands_for_no_rules(server: WebServer) -> None:
    server.pages["/robots.txt"] = redirect("/robots.txt")
    assert (await load(server)).allows(server.url("/x"))


@pytest.mark.parametrize(
    ("page", "code", "retryable"),
    [
        *((answer(status="503 Unavailable"), "page_unreachable", True), (b"", "page_unreachable", True)),
        *((answer(status="429 Too Many"), "page_busy", True), (stall, "page_unreachable", True)),
        (redirect("http://169.254.169.254/"), "url_not_allowed", False),
    ],
    ids=["server error", "no answer", "too many", "stall", "inside"],
)
async def test_until_the_rules_are_known_nothing_is_allowed(
    page: Answer, code: str, retryable: bool, server: WebServer
) -> None:
    server.pages["/robots.txt"] = page
    with pytest.raises(SluiceError) as caught:
        await load(server, make_client(time_limit=0.5))
    assert (caught.value.code, caught.value.retryable) == (code, retryable)


async def test_the_first_half_megabyte_of_an_endless_file_counts(server: WebServer) -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /private\n"
    server.pages["/robots.txt"] = repeat(head, b"# filler\n" * 1000)
    found = await load(server)
    assert not found.allows(server.url("/private"))
    assert found.allows(server.url("/x"))


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"User-agent: a{number}\n" for number in range(15_000)) + "Disallow: /x\n" * 15_000,
        "".join(f"user agent  *{number}*\n" for number in range(15_000)) + "Disallow: /x\n" * 15_000,
        "".join(f"User-agent: sluice/{number}\n" for number in range(10_000)) + "Disallow: /x\n" * 15_000,
        "User-agent: *\n" + "Disallow: /*a*b*c*d$\n" * 25_000,
        "User-agent: *\nDisallow: /" + "*a" * 250_000 + "b",
    ],
    ids=["many robots", "many wildcards", "many versions", "many patterns", "a long pattern"],
)
async def test_hostile_rules_cost_little(text: str, server: WebServer) -> None:
    with within(2.0):
        (await rules(server, text)).allows(server.url("/" + "a" * 2000))
