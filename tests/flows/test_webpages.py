"""A web page is a document whose task fetches the file."""

from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem
from tests.flows.site import Page, Site, html, serve
from tests.pipeline.documents import make_pdf
from tests.running import Stack

NAVIGATION = "<nav><a href='/a'>Home</a><a href='/b'>Shop</a></nav>"
ARTICLE = "<p>" + "The heron stands in the shallow water and waits for the fish to come near. " * 8 + "</p>"
PAGES: dict[str, Page] = {
    "/heron": html(
        f"{NAVIGATION}<article><h1>On herons</h1>{ARTICLE}</article>",
        "<title>Herons</title><meta name='author' content='A. Weir'>",
    ),
    "/links": html("<p>The <a href='plan.pdf'>plan of the weir</a> is on paper.</p>"),
    "/moved": (302, {"Location": "/heron"}, b""),
    "/inside": (302, {"Location": "http://169.254.169.254/latest/meta-data"}, b""),
    "/gone": (410, {}, b"gone"),
    "/large": (200, {"Content-Type": "text/plain"}, bytes(3 * 1024 * 1024)),
    "/picture": (200, {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n" + bytes(64)),
    "/empty": html("<script>render()</script>"),
    "/latin": (200, {"Content-Type": "text/html; charset=iso-8859-2"}, "<p>Zażółć gęślą jaźń</p>".encode("iso-8859-2")),
}


@pytest.fixture(scope="module")
def site() -> Any:
    pages = {**PAGES, "/paper.pdf": (200, {"Content-Type": "application/pdf"}, make_pdf("The weir of the paper."))}
    with serve(pages.get) as running:
        yield running


def add(stack: Stack, agent: int, url: str, **fields: Any) -> httpx.Response:
    """Submit a page."""
    return stack.client.post(f"/documents/agent/{agent}/webpage", json={"url": url, **fields})


def fetch(stack: Stack, agent: int, url: str, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Submit a page and wait: the response, and the task in its final state."""
    response = add(stack, agent, url, **fields)
    assert response.status_code == 202, response.text
    [task] = stack.finish([response.json()["task_id"]])
    return response.json(), task


def test_the_content_of_a_page_is_found_with_its_address_and_author(
    shared_stack: Stack, agent: int, site: Site
) -> None:
    accepted, task = fetch(shared_stack, agent, f"{site.url}/moved#top", metadata={"team": "birds"})
    assert (task["task_name"], task["queue"]) == ("app.tasks.document_tasks.process_webpage", "high_priority")
    assert (task["state"], task["document_id"]) == ("SUCCESS", accepted["document_id"])
    document = shared_stack.get(f"/documents/{accepted['document_id']}")
    assert (document["status"], document["source_url"]) == ("completed", f"{site.url}/moved")
    metadata = {name: document["metadata"][name] for name in ("url", "title", "author", "team")}
    assert metadata == {"url": f"{site.url}/heron", "title": "Herons", "author": "A. Weir", "team": "birds"}
    [hit] = shared_stack.post(f"/agents/{agent}/search", {"query": "heron water"})["results"]
    assert "The heron stands" in hit["text"]
    assert "Shop" not in hit["text"]
    content = shared_stack.client.get(f"/documents/{accepted['document_id']}/content")
    assert content.text.startswith("<!doctype html>")


def test_relative_links_of_a_page_lead_to_its_site(shared_stack: Stack, agent: int, site: Site) -> None:
    fetch(shared_stack, agent, f"{site.url}/links")
    [hit] = shared_stack.post(f"/agents/{agent}/search", {"query": "plan of the weir"})["results"]
    assert hit["text"] == f"The plan of the weir ({site.url}/plan.pdf) is on paper."


def test_a_document_behind_an_address_is_read_as_one(shared_stack: Stack, agent: int, site: Site) -> None:
    accepted, task = fetch(shared_stack, agent, f"{site.url}/paper.pdf")
    document = shared_stack.get(f"/documents/{accepted['document_id']}")
    assert (task["state"], document["media_type"], document["page_count"]) == ("SUCCESS", "application/pdf", 1)
    assert document["filename"] == "paper.pdf"


def test_the_encoding_that_a_server_states_is_believed(shared_stack: Stack, agent: int, site: Site) -> None:
    fetch(shared_stack, agent, f"{site.url}/latin")
    [hit] = shared_stack.post(f"/agents/{agent}/search", {"query": "gęślą"})["results"]
    assert hit["text"] == "Zażółć gęślą jaźń"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/inside", "url_not_allowed"),
        ("/gone", "page_not_available"),
        ("/large", "response_too_large"),
        ("/picture", "unsupported_type"),
        ("/empty", "no_extractable_text"),
    ],
)
def test_a_page_that_cannot_be_had_fails_with_its_code(
    shared_stack: Stack, agent: int, site: Site, path: str, code: str
) -> None:
    accepted, task = fetch(shared_stack, agent, site.url + path)
    assert (task["state"], task["error"]["code"], task["attempt"]) == ("FAILURE", code, 1)
    assert shared_stack.get(f"/dead-letters/{task['task_id']}")["error"]["code"] == code
    check_problem(shared_stack.client.get(f"/documents/{accepted['document_id']}/content"), 404, "not_found")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("not an address", "invalid_url"),
        ("http://", "invalid_url"),
        ("file:///etc/passwd", "url_not_allowed"),
        ("http://10.0.0.1/", "url_not_allowed"),
        ("http://[::1]/", "url_not_allowed"),
        ("http://2130706434/", "url_not_allowed"),
        ("http://metadata.google.internal/", "url_not_allowed"),
        ("http://user:secret@example.com/", "url_not_allowed"),
    ],
)
def test_an_address_that_must_not_be_read_is_refused_by_the_api(
    shared_stack: Stack, agent: int, url: str, code: str
) -> None:
    check_problem(add(shared_stack, agent, url), 422, code)
    check_problem(shared_stack.client.post(f"/documents/agent/{agent}/crawl", json={"url": url}), 422, code)
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 0


def test_the_same_address_is_one_document_unless_it_is_to_be_read_again(
    shared_stack: Stack, agent: int, site: Site
) -> None:
    first, _ = fetch(shared_stack, agent, f"{site.url}/heron")
    again = add(shared_stack, agent, f"{site.url}/heron?utm_source=mail").json()
    assert (again["document_id"], again["duplicate_of"]) == (first["document_id"], first["document_id"])
    check_problem(add(shared_stack, agent, f"{site.url}/heron", on_duplicate="reject"), 409, "duplicate_document")
    asked = site.count("/heron")
    renewed, task = fetch(shared_stack, agent, f"{site.url}/heron", on_duplicate="replace")
    assert (renewed["document_id"], task["state"]) == (first["document_id"], "SUCCESS")
    assert site.count("/heron") == asked + 1
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 1
    check_problem(add(shared_stack, 999_999_999, f"{site.url}/heron"), 404, "not_found")


def test_reindexing_and_deleting_leave_one_file_and_none(shared_stack: Stack, agent: int, site: Site) -> None:
    blobs = shared_stack.settings.data_dir / "blobs"
    before = {path for path in blobs.rglob("*") if path.is_file()}
    accepted, _ = fetch(shared_stack, agent, f"{site.url}/heron")
    path = f"/documents/{accepted['document_id']}"
    shared_stack.finish([shared_stack.post(f"{path}/reindex")["task_id"]])
    assert len({path for path in blobs.rglob("*") if path.is_file()} - before) == 1
    shared_stack.finish([shared_stack.client.delete(path).json()["task_id"]])
    assert {path for path in blobs.rglob("*") if path.is_file()} == before


def test_a_page_that_failed_and_was_read_later_is_known_by_its_address(shared_stack: Stack, agent: int) -> None:
    pages: dict[str, Page] = {}
    with serve(pages.get) as late:
        accepted, task = fetch(shared_stack, agent, f"{late.url}/late")
        assert task["error"]["code"] == "page_not_available"
        pages["/late"] = html("<p>The heron came late.</p>")
        shared_stack.post(f"/tasks/{accepted['task_id']}/retry")
        [task] = shared_stack.finish([accepted["task_id"]])
        assert task["state"] == "SUCCESS"
        again = add(shared_stack, agent, f"{late.url}/late").json()
    assert (again["document_id"], again["duplicate_of"]) == (accepted["document_id"], accepted["document_id"])
