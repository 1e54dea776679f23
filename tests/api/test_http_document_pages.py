"""The text of a document by pages, so that people can check what was read."""

from typing import Any

from tests.api.checks import check_problem, make_text
from tests.pipeline.documents import make_pdf
from tests.running import Stack


def put(stack: Stack, agent: int, name: str, content: bytes) -> str:
    """Upload a file, wait until it is processed, and return the path of its document."""
    accepted = stack.upload(agent, name, content)
    [task] = stack.finish([accepted["task_id"]])
    assert task["state"] == "SUCCESS", task["error"]
    return f"/documents/{accepted['document_id']}"


def read_all(stack: Stack, path: str, limit: int) -> list[dict[str, Any]]:
    """All pages, ``limit`` at a time."""
    pages, after = list[dict[str, Any]](), dict[str, str]()
    while True:
        part = stack.get(f"{path}/text", limit=limit, **after)
        assert len(part["pages"]) <= limit
        pages += part["pages"]
        if part["next"] is None:
            assert len(pages) == part["total"]
            return pages
        after = {"after": part["next"]}


def check_positions(stack: Stack, path: str, pages: list[dict[str, Any]]) -> None:
    """Pages are the ranges of the document's text that they name."""
    text = stack.client.get(f"{path}/content", params={"format": "text"}).text
    filled = [page for page in pages if page["text"]]
    assert all(text[page["start"] : page["end"]] == page["text"] for page in filled)
    assert " ".join(page["text"] for page in filled).split() == text.split()


def test_pages_have_the_text_that_was_read_with_its_position(shared_stack: Stack, agent: int) -> None:
    path = put(shared_stack, agent, "a.pdf", make_pdf("The heron stands.", "", "The weir is high.", "The gate opens."))
    pages = read_all(shared_stack, path, 3)
    assert [(page["page"], page["text"]) for page in pages] == [
        (1, "The heron stands."),
        (2, ""),
        (3, "The weir is high."),
        (4, "The gate opens."),
    ]
    assert (pages[1]["start"], pages[1]["end"]) == (None, None)
    check_positions(shared_stack, path, pages)


def test_one_page_can_be_read_by_its_number(shared_stack: Stack, agent: int) -> None:
    path = put(shared_stack, agent, "a.pdf", make_pdf("The heron stands.", "The weir is high."))
    part = shared_stack.get(f"{path}/text", page=2)
    assert [page["text"] for page in part["pages"]] == ["The weir is high."]
    assert part["total"] == 2
    problem = check_problem(shared_stack.client.get(f"{path}/text", params={"page": 3}), 404, "not_found")
    assert "has no page 3: it has 2" in problem["detail"]


def test_a_long_page_is_rebuilt_from_its_overlapping_chunks(shared_stack: Stack, agent: int) -> None:
    settings = {"chunk_size": 400, "chunk_overlap": 80}
    assert shared_stack.client.patch(f"/agents/{agent}", json={"settings": settings}).is_success
    long = make_text(60).decode()
    path = put(shared_stack, agent, "a.txt", f"{long}\f{long}\fThe end.".encode())
    pages = read_all(shared_stack, path, 2)
    assert [page["text"].split() for page in pages] == [long.split(), long.split(), ["The", "end."]]
    check_positions(shared_stack, path, pages)


def test_chunks_without_overlap_lose_no_word(shared_stack: Stack, agent: int) -> None:
    settings = {"chunk_size": 300, "chunk_overlap": 0}
    assert shared_stack.client.patch(f"/agents/{agent}", json={"settings": settings}).is_success
    path = put(shared_stack, agent, "a.md", make_text(60))
    [page] = read_all(shared_stack, path, 1)
    assert page["text"].split() == make_text(60).decode().split()
    check_positions(shared_stack, path, [page])


def test_a_format_without_pages_has_one_page_without_a_number(shared_stack: Stack, agent: int) -> None:
    path = put(shared_stack, agent, "a.md", b"# Heron\n\nIt stands.")
    [page] = read_all(shared_stack, path, 5)
    assert (page["page"], page["text"], page["start"]) == (None, "# Heron\n\nIt stands.", 0)
    assert shared_stack.get(f"{path}/text", page=1)["pages"] == [page]
    assert shared_stack.get(f"{path}/text", after=1)["pages"] == []


def test_a_document_that_is_not_read_has_no_pages(shared_stack: Stack, agent: int) -> None:
    accepted = shared_stack.upload(agent, "a.pdf", b"%PDF-1.7\nbroken")
    shared_stack.finish([accepted["task_id"]])
    path = f"/documents/{accepted['document_id']}/text"
    assert shared_stack.get(path) == {"pages": [], "total": 0, "next": None}
    check_problem(shared_stack.client.get(path, params={"page": 1}), 404, "not_found")
    check_problem(shared_stack.client.get("/documents/999999/text"), 404, "not_found")
    check_problem(shared_stack.client.get(path, params={"page": 0}), 422, "invalid_request")
