"""Documents are found by the words of their file name, of their title, of their headings, and by names with signs."""

from typing import Any

import pytest

from tests.flows.test_large_documents import count_wrong_words, make_book
from tests.running import Stack

FILES = {
    "regatta-2023-tamarind.txt": b"Crews sign the list on the day before the start.",
    "crane.txt": b"The crane lifts forty tons at the eastern quay.",
    "toll.txt": b"The toll for a barge is nine coins in 2023.",
}
PAGE = b"""<!doctype html><html><head><title>Tamarind pier closing times</title></head>
<body><p>Visitors leave by the western stairs after the bell.</p></body></html>"""


def search(stack: Stack, agent: int, query: str, mode: str = "hybrid") -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = stack.post(f"/agents/{agent}/search", {"query": query, "mode": mode})["results"]
    return results


def add(stack: Stack, agent: int, files: dict[str, bytes], **fields: str) -> list[dict[str, Any]]:
    """Upload files, wait for their tasks, and return the answers to the uploads."""
    uploads = [stack.upload(agent, name, content, **fields) for name, content in files.items()]
    stack.finish([upload["task_id"] for upload in uploads])
    return uploads


@pytest.mark.parametrize("mode", ["hybrid", "text"])
def test_a_files_name_finds_it_first(shared_stack: Stack, agent: int, mode: str) -> None:
    add(shared_stack, agent, FILES)
    for query in (
        "regatta-2023-tamarind.txt",
        "regatta 2023 tamarind",
        "Regatta_2023",
        "where is the tamarind list",
        "tamarind",
    ):
        assert search(shared_stack, agent, query, mode)[0]["filename"] == "regatta-2023-tamarind.txt", query
    hit = search(shared_stack, agent, "tamarind", mode)[0]
    text = FILES["regatta-2023-tamarind.txt"].decode()
    assert (hit["text"], hit["start"], hit["end"], hit["context"]) == (text, 0, len(text), "")
    assert (hit["snippet"], hit["highlights"]) == (text, [])
    assert count_wrong_words(shared_stack, agent) == 0


def test_words_of_a_title_alone_find_a_page(shared_stack: Stack, agent: int) -> None:
    add(shared_stack, agent, {**FILES, "a.html": PAGE})
    [hit] = search(shared_stack, agent, "closing", "text")
    assert hit["filename"] == "a.html"
    assert "closing" not in hit["text"] + hit["snippet"]
    add(shared_stack, agent, {"b.txt": b"Ropes are kept dry."}, metadata='{"title": "Marlinspike manual"}')
    assert [hit["filename"] for hit in search(shared_stack, agent, "marlinspike", "text")] == ["b.txt"]
    add(shared_stack, agent, {"c.txt": b"Sails are kept dry."}, metadata='{"title": ["no", "text"]}')
    assert search(shared_stack, agent, "sails", "text")[0]["filename"] == "c.txt"


def test_words_of_the_headings_above_find_a_chunk(shared_stack: Stack, agent: int) -> None:
    shared_stack.client.patch(f"/agents/{agent}", json={"settings": {"chunk_size": 200, "chunk_overlap": 0}})
    body = "The keeper opens the sluice at dawn and notes the level. " * 8
    text = f"# Harbour\n\n{body}\n\n## Lanterns\n\n{body}\n\n## Ropes\n\n{body}"
    add(shared_stack, agent, {"guide.md": text.encode()})
    hits = [hit for hit in search(shared_stack, agent, "lanterns", "text") if "Lanterns" not in hit["text"]]
    assert hits
    assert {hit["context"] for hit in hits} == {"Harbour > Lanterns"}


def test_new_content_is_found_by_its_own_name(shared_stack: Stack, agent: int) -> None:
    content = b"The ferry leaves every hour."
    add(shared_stack, agent, {"old-gannet.txt": content})
    add(shared_stack, agent, {"new-puffin.txt": content}, on_duplicate="replace")
    assert search(shared_stack, agent, "gannet", "text") == []
    assert [hit["filename"] for hit in search(shared_stack, agent, "puffin", "text")] == ["new-puffin.txt"]
    assert count_wrong_words(shared_stack, agent) == 0


def test_reindexing_brings_the_name_to_a_document_that_was_indexed_without_it(shared_stack: Stack, agent: int) -> None:
    [upload] = add(shared_stack, agent, {"a.txt": b"The ferry leaves every hour."})
    shared_stack.fetch("UPDATE documents SET filename = 'kittiwake.txt' WHERE id = $1", upload["document_id"])
    assert search(shared_stack, agent, "kittiwake", "text") == []
    accepted = shared_stack.post(f"/documents/{upload['document_id']}/reindex")
    shared_stack.finish([accepted["task_id"]])
    assert [hit["filename"] for hit in search(shared_stack, agent, "kittiwake", "text")] == ["kittiwake.txt"]


def test_every_batch_of_a_large_document_has_its_name(shared_stack: Stack, agent: int) -> None:
    [upload] = add(shared_stack, agent, {"logbook-heron.txt": make_book(150)})
    [row] = shared_stack.fetch(
        "SELECT count(*) AS all, count(*) FILTER (WHERE tsv @@ 'heron') AS named FROM chunks WHERE document_id = $1",
        upload["document_id"],
    )
    assert row["named"] == row["all"] > 120
    assert count_wrong_words(shared_stack, agent) == 0


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("F#", "fsharp.txt"),
        ("C++", "cpp.txt"),
        (".NET", "dotnet.txt"),
        ("QX-7001", "part.txt"),
        ("HTTP 503", "log.txt"),
    ],
)
def test_a_name_with_signs_or_digits_finds_its_text_first(
    shared_stack: Stack, agent: int, query: str, first: str
) -> None:
    files = {
        "fsharp.txt": b"The parser of the tide tables is written in F#, and tests are in plain scripts of the office.",
        "cpp.txt": b"The build of the harbour simulation needs C++17 and an hour of patience on the old machines.",
        "dotnet.txt": b"The clerks run the booking program on .NET, on the machines of the office near the quay.",
        "part.txt": b"Replace QX-7001 before the winter; the valve is in the box at the end of the eastern hall.",
        "log.txt": b"At dawn the gate's controller answered HTTP503 and the keeper called the service by phone.",
        "other.txt": b"Building C. Room F. Vitamin C. A net with 7001 knots. Grade F. Plan C. Section 503 of the quay.",
    }
    add(shared_stack, agent, files)
    hit = search(shared_stack, agent, query)[0]
    assert hit["filename"] == first
    assert hit["highlights"]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
@pytest.mark.parametrize("query", ["bread without eggs", "egg-free bread", "bread with no eggs"])
def test_a_search_for_what_lacks_something_finds_it_first(
    shared_stack: Stack, agent: int, mode: str, query: str
) -> None:
    add(shared_stack, agent, {"with.txt": b"The sweet bread has eggs and milk.", "none.txt": b"The bread has no eggs."})
    hits = search(shared_stack, agent, query, mode)
    assert [hit["filename"] for hit in hits] == ["none.txt", "with.txt"]
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


@pytest.mark.parametrize(
    ("query", "having", "lacking"),
    [
        ("chocolate that is milk-free", "Milk chocolate contains milk and sugar.", "Dark chocolate contains cocoa."),
        ("Suppe ohne Nüsse", "Suppe mit Nüssen: Nüsse, Sahne.", "Suppe: Karotten, Wasser."),
        ("flights without stopover", "The flight to Oslo has one stopover in Bergen.", "The flight to Rome is direct."),
    ],
)
def test_a_text_that_does_not_name_what_shall_be_absent_comes_first(
    shared_stack: Stack, agent: int, query: str, having: str, lacking: str
) -> None:
    files = {"having.txt": having.encode(), "lacking.txt": lacking.encode(), "other.txt": b"The parcel weighs 4 kg."}
    add(shared_stack, agent, files)
    assert [hit["filename"] for hit in search(shared_stack, agent, query)] == ["lacking.txt", "having.txt", "other.txt"]
