"""A chunk carries the headings above it, from the marks of the reader or from Markdown and plain text itself."""

from pathlib import Path

import pytest

from app.domain.documents import Chunk, Mark, Page
from app.domain.media import MARKDOWN, SOURCE, TEXT
from app.pipeline.chunking.chunk import split
from app.pipeline.chunking.headings import find_headings
from app.pipeline.parse import parse
from tests.growth import check_linear

BODY = "The keeper opens the gate at dawn and notes the level of the water. " * 8


def find_titles(text: str) -> list[tuple[int, str]]:
    return [(mark.level, text[mark.start :].split("\n", maxsplit=1)[0]) for mark in find_headings(text)]


def cut(*pages: Page) -> list[Chunk]:
    return list(split(pages, 300, 60))


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("# One\ntext\n## Two", [(1, "# One"), (2, "## Two")]),
        ("###### Deep ######\n####### no heading", [(6, "###### Deep ######")]),
        ("#no space\n#\n# \n  # Three", [(1, "  # Three")]),
        ("Title\n=====\n\nPart\n----\nText", [(1, "Title"), (2, "Part")]),
        ("=====\nTitle\n=====\n", [(1, "Title")]),
        ("two lines\nof text\n----\n", []),
        ("- item\n---\n\n1. item\n---\n\n> quote\n---\n\na | b\n---|---\n\n| a |\n---\n", []),
        ("text\n\n---\n\ntext\n\n***\n", []),
        ("---\ntitle: A\ntags: b\n---\n# Real", [(1, "# Real")]),
        ("---\ntitle: A\n...\nReal\n====", [(1, "Real")]),
        ("```\n# code\n```\n# Real", [(1, "# Real")]),
        ("~~~ python\n# code\n```\n# code\n~~~~\n# Real", [(1, "# Real")]),
        ("1. step\n   ```sh\n   # code\n   ```\n# Real", [(1, "# Real")]),
        ("````\n```\n# code\n```\n````\n# Real", [(1, "# Real")]),
        ("``` never closed\n# code\n", []),
        ("    # indented code\n\ttext\n", []),
        ("a --\n-- b\n", []),
        ("", []),
    ],
)
def test_the_headings_of_markdown_and_plain_text_are_found(text: str, titles: list[tuple[int, str]]) -> None:
    assert find_titles(text) == titles


def test_a_chunk_carries_the_headings_above_it_and_not_those_in_it() -> None:
    text = f"# Guide\n\n{BODY}\n\n## Gates ##\n\n{BODY}\n\n### Alder\n\n{BODY}\n\n## Locks\n\n{BODY}"
    chunks = cut(Page(None, text, find_headings(text)))
    assert chunks[0].context == ""
    assert {chunk.context for chunk in chunks} == {
        "", "Guide", "Guide > Gates", "Guide > Gates > Alder", "Guide > Locks"
    }  # fmt: skip
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        if chunk.text.startswith("### Alder"):
            assert chunk.context == "Guide > Gates"
        if chunk.text.startswith("## Locks"):
            assert chunk.context == "Guide"


def test_marks_of_a_reader_count_and_their_headings_hold_on_later_pages() -> None:
    first = Page(1, f"Chapter one\n{BODY}", [Mark(0, 1)])
    third = Page(3, f"{BODY}Chapter two\n{BODY}", [Mark(len(BODY), 1)])
    chunks = cut(first, Page(2, BODY), third)
    assert next(chunk.context for chunk in chunks if chunk.page == 1) == ""
    assert {chunk.context for chunk in chunks if chunk.page == 2} == {"Chapter one"}
    assert next(chunk.context for chunk in chunks if chunk.page == 3) == "Chapter one"
    assert chunks[-1].context == "Chapter two"


def test_headings_stand_above_the_header_of_a_table() -> None:
    rows = [f"Barge {number} | {number * 37} tons" for number in range(60)]
    text = "\n".join(["# Fleet", "", "Name | Load", *rows])
    chunk = cut(Page(None, text, [*find_headings(text), Mark(text.index("Barge 0"), 0)]))[-1]
    assert chunk.context == "Fleet\nName | Load"
    assert chunk.indexed_text == f"Fleet\nName | Load\n{chunk.text}"


def test_a_long_heading_is_shortened_at_a_word() -> None:
    text = f"# {'heron ' * 60}\n\n{BODY}"
    context = cut(Page(None, text, find_headings(text)))[-1].context
    assert context.endswith("heron…")
    assert len(context) <= 81


@pytest.mark.parametrize(("media_type", "expected"), [(MARKDOWN, [Mark(0, 1)]), (TEXT, [Mark(0, 1)]), (SOURCE, [])])
def test_only_markdown_and_plain_text_are_searched_for_headings(
    tmp_path: Path, media_type: str, expected: list[Mark]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"# One\n\nSome text.")
    assert list(parse(path, media_type).pages[0].marks) == expected


@pytest.mark.parametrize(
    "line", ["#\n", "---\n", "a\n---\n", "\na\n---\n", "```\n", "# a\n", " " * 50 + "\n", "- " * 9]
)
def test_finding_headings_takes_linear_time(line: str) -> None:
    check_linear(lambda size: find_headings(line * size), 20_000)


def test_chunks_of_a_text_with_many_headings_take_linear_time() -> None:
    check_linear(lambda size: cut(Page(None, "# a b\n" * size, [Mark(6 * n, n % 6 + 1) for n in range(size)])), 10_000)
