"""A crawl reads each page of a site once, follows robots.txt, and stops when it is cancelled."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deadlines import wait_for
from tests.flows.site import Page, Site, html, serve
from tests.running import Stack

PAGES = 200


def find_page(path: str) -> Page | None:
    """A site of 200 pages with loops, aliases of pages, and pages that robots.txt disallows."""
    if path == "/robots.txt":
        return 200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /private/\n"
    if path in {"/other-name", "/private/page", "/hidden", "/away"}:
        return _find_odd_page(path)
    name = path.partition("?")[0].removeprefix("/p/") if path.startswith("/p/") else "0" if path == "/" else "none"
    if not name.isdecimal() or int(name) >= PAGES:
        return None
    number = int(name)
    links = [f"/p/{(2 * number + step) % PAGES}" for step in (1, 2)]
    links += [f"/p/{max(0, number - 1)}#part", f"/p/{number}?utm_source=loop", "/", "http://example.com/outside"]
    links += ["/other-name", "/private/page", "/hidden", "/away", "/missing"] if number == 0 else []
    anchors = " ".join(f"<a href='{link}'>on</a>" for link in links)
    head = "<link rel='canonical' href='/p/0'>" if path == "/" else ""
    return html(f"<p>This is page number {number} of the river site, about heron {number}.</p>{anchors}", head)


def _find_odd_page(path: str) -> Page:
    if path == "/other-name":
        return html("<p>The first page under another name.</p>", "<link rel='canonical' href='/p/1'>")
    if path == "/hidden":
        return html("<p>Not for search.</p><a href='/p/3'>on</a>", "<meta name='robots' content='noindex'>")
    if path == "/away":
        return 302, {"Location": "http://10.0.0.1/"}, b""
    return html("<p>This page must not be read.</p>")


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(find_page) as running:
        yield running


def crawl(stack: Stack, agent: int, url: str, **fields: Any) -> dict[str, Any]:
    """Submit a crawl."""
    response = stack.client.post(f"/documents/agent/{agent}/crawl", json={"url": url, **fields})
    assert response.status_code == 202, response.text
    return dict(response.json())


def list_urls(stack: Stack, agent: int) -> list[str]:
    """The addresses of an agent's documents."""
    documents = stack.get("/documents", agent_id=agent, status="completed", limit=1000)["documents"]
    return sorted(document["source_url"].partition("/p/")[2] for document in documents)


def test_every_page_of_a_site_with_loops_is_read_once(shared_stack: Stack, agent: int, site: Site) -> None:
    accepted = crawl(shared_stack, agent, f"{site.url}/p/0", max_pages=1000, max_depth=50, metadata={"site": "river"})
    assert (accepted["counts"]["total"], accepted["links"]["task"]) == (1, f"/api/v1/tasks/{accepted['task_id']}")
    [parent] = shared_stack.finish([accepted["task_id"]], seconds=120)
    assert (parent["task_name"], parent["queue"]) == ("app.tasks.document_tasks.crawl_site", "low_priority")
    assert (parent["state"], parent["current"]) == ("SUCCESS", 100)
    assert list_urls(shared_stack, agent) == sorted(str(number) for number in range(PAGES))
    assert {site.count(f"/p/{number}") for number in range(PAGES)} == {1}
    assert (site.count("/private/page"), site.count("/robots.txt") >= 1) == (0, True)
    assert parent["result"]["failures"] == shared_stack.get("/dead-letters", agent_id=agent)["dead_letters"] == []
    assert parent["result"]["skipped_by_code"] == {
        **dict.fromkeys(("disallowed_by_robots", "page_not_available", "url_not_allowed"), 1),
        "noindex": 1,
        "already_in_crawl": 2,
    }
    assert parent["result"]["skipped"] == 6
    [hit, *_] = shared_stack.post(f"/agents/{agent}/search", {"query": "heron 137", "mode": "text"})["results"]
    assert (hit["metadata"]["url"], hit["metadata"]["site"]) == (f"{site.url}/p/137", "river")


def test_a_crawl_keeps_to_its_bounds(shared_stack: Stack, agent: int, site: Site) -> None:
    small = crawl(shared_stack, agent, f"{site.url}/p/0", max_pages=7, max_depth=50)
    shallow = crawl(shared_stack, shared_stack.make_agent(), f"{site.url}/p/10", max_depth=1)
    chosen = crawl(
        shared_stack, shared_stack.make_agent(), f"{site.url}/p/20", include=["/p/2*", "/p/4*"], exclude=["/p/42"]
    )
    parents = shared_stack.finish([task["task_id"] for task in (small, shallow, chosen)])
    assert [parent["state"] for parent in parents] == ["SUCCESS"] * 3
    assert parents[0]["counts"]["total"] == 7
    names = [
        {child["metadata"]["filename"].rpartition("/")[2] for child in list_children(shared_stack, parent)}
        for parent in parents[1:]
    ]
    assert names[0] == {"10", "21", "22", "9", "127.0.0.1:" + site.url.rpartition(":")[2]}
    assert names[1] >= {"20", "41"}
    assert all(name.startswith(("2", "4")) and name != "42" for name in names[1])


def list_children(stack: Stack, parent: dict[str, Any]) -> list[dict[str, Any]]:
    """The pages of a crawl."""
    return list(stack.get("/tasks/", parent_id=parent["task_id"], limit=1000)["tasks"])


def test_a_second_crawl_reads_the_same_documents_again(shared_stack: Stack, agent: int, site: Site) -> None:
    first = crawl(shared_stack, agent, f"{site.url}/p/0", max_pages=5)
    shared_stack.finish([first["task_id"]])
    known = {document["id"] for document in shared_stack.get("/documents", agent_id=agent)["documents"]}
    second = crawl(shared_stack, agent, f"{site.url}/p/0", max_pages=5)
    [parent] = shared_stack.finish([second["task_id"]])
    assert parent["counts"]["total"] == 5
    assert {document["id"] for document in shared_stack.get("/documents", agent_id=agent)["documents"]} == known
    assert site.count("/p/0") == 2


def test_a_cancelled_crawl_stops_within_two_seconds(shared_stack: Stack, agent: int, site: Site) -> None:
    task_id = crawl(shared_stack, agent, f"{site.url}/p/0", max_pages=1000, max_depth=50)["task_id"]
    wait_for(lambda: len(site.asked) > 20, "the crawl to make progress")
    assert shared_stack.client.delete(f"/tasks/{task_id}").status_code in {200, 202}
    [parent] = shared_stack.finish([task_id], seconds=2)
    asked = len(site.asked)
    assert (parent["state"], parent["counts"]["pending"], parent["counts"]["running"]) == ("REVOKED", 0, 0)
    assert parent["counts"]["revoked"] > 0
    wait_for(lambda: time.monotonic() > site.asked[-1][1] + 1, "a second without a request")
    assert len(site.asked) == asked


def test_a_host_is_asked_at_its_pace_by_all_workers_together(shared_stack: Stack, agent: int) -> None:
    def find(path: str) -> Page | None:
        if path == "/robots.txt":
            return 200, {"Content-Type": "text/plain"}, b"User-agent: *\nCrawl-delay: 0.3\n"
        return find_page(path)

    with serve(find) as slow:
        task_id = crawl(shared_stack, agent, f"{slow.url}/p/0", max_pages=12, max_depth=9)["task_id"]
        shared_stack.finish([task_id])
        times = [at for path, at in slow.asked if path != "/robots.txt"]
    assert len(times) == 12
    assert times[-1] - times[0] > 0.25 * 11


def find_page_with_files(path: str) -> Page | None:
    """A page that links to files that are no documents, and to pages that do not exist or lead elsewhere."""
    if path == "/":
        names = ("picture.png", "empty", "blank", "gone", "circle", "http://10.0.0.1/inside", "good")
        return html("<p>The page with the links.</p>" + " ".join(f"<a href='{name}'>on</a>" for name in names))
    return {
        "/picture.png": (200, {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n" + bytes(range(200))),
        "/empty": (200, {"Content-Type": "text/html"}, b""),
        "/blank": html("<img src='a.png'><a href='/behind'></a>"),
        "/behind": html("<p>Reached over a page without text.</p>"),
        "/gone": (410, {}, b""),
        "/circle": (302, {"Location": "/circle"}, b""),
        "/good": html("<p>A good page on weirs.</p>"),
    }.get(path)


def test_pages_that_are_no_documents_are_skipped_and_counted_by_reason(shared_stack: Stack, agent: int) -> None:
    with serve(find_page_with_files) as site:
        task_id = crawl(shared_stack, agent, f"{site.url}/")["task_id"]
        [parent] = shared_stack.finish([task_id])
    assert (parent["state"], parent["result"]["failed"]) == ("SUCCESS", 0)
    reasons = parent["result"]["skipped_by_code"]
    assert reasons.pop("unsupported_type") == 1
    assert reasons == dict.fromkeys(
        ("empty_file", "too_many_redirects", "page_not_available", "no_extractable_text"), 1
    )
    assert shared_stack.get("/dead-letters", agent_id=agent)["dead_letters"] == []
    documents = shared_stack.get("/documents", agent_id=agent)["documents"]
    names = sorted(document["filename"].partition("/")[2] for document in documents)
    assert names == ["", "behind", "good"]


def test_a_crawl_whose_start_is_refused_fails_with_the_reason(shared_stack: Stack, agent: int, site: Site) -> None:
    refused = crawl(shared_stack, agent, f"{site.url}/private/page")
    missing = crawl(shared_stack, agent, f"{site.url}/missing")
    parents = shared_stack.finish([refused["task_id"], missing["task_id"]])
    assert [parent["state"] for parent in parents] == ["FAILURE"] * 2
    assert [parent["error"]["code"] for parent in parents] == ["disallowed_by_robots", "page_not_available"]


def test_a_page_that_cannot_be_read_any_more_keeps_its_document(shared_stack: Stack, agent: int) -> None:
    gone: set[str] = set()

    def find(path: str) -> Page | None:
        return None if path in gone else find_page_with_files(path)

    with serve(find) as site:
        shared_stack.finish([crawl(shared_stack, agent, f"{site.url}/")["task_id"]])
        gone.add("/good")
        [parent] = shared_stack.finish([crawl(shared_stack, agent, f"{site.url}/")["task_id"]])
    assert parent["result"]["skipped_by_code"]["page_not_available"] == 2
    documents = shared_stack.get("/documents", agent_id=agent, status="completed")["documents"]
    assert "good" in {document["filename"].partition("/")[2] for document in documents}
