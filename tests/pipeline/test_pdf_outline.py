"""Lines that are titles of the outline (bookmarks) are headings of the text."""

from pathlib import Path

import pytest

from app.domain.documents import Page
from app.domain.media import PDF
from app.pipeline.parse import parse
from tests.pipeline.documents import draw_line
from tests.pipeline.pdf_files import FIRST_FREE, build_pdf, write_text_string


def make_outline(*titles: tuple[int, str]) -> tuple[str, dict[int, str]]:
    """The catalog entry and the objects of an outline of two levels, all on the first page."""
    numbers = range(FIRST_FREE + 1, FIRST_FREE + 1 + len(titles))
    tops = [number for number, (level, _) in zip(numbers, titles, strict=True) if level == 1]
    objects = {FIRST_FREE: f"<< /Type /Outlines /First {tops[0]} 0 R /Last {tops[-1]} 0 R >>"}
    for number, (level, title) in zip(numbers, titles, strict=True):
        same = [other for other in (tops if level == 1 else set(numbers) - set(tops)) if other > number]
        follows = f"/Next {min(same)} 0 R" if same else ""
        below = f"/First {number + 1} 0 R /Last {number + 1} 0 R" if number + 1 in set(numbers) - set(tops) else ""
        parent = FIRST_FREE if level == 1 else max(top for top in tops if top < number)
        objects[number] = (
            f"<< /Title {write_text_string(title)} /Parent {parent} 0 R /Dest [3 0 R /Fit] {follows} {below} >>"
        )
    return f"/Outlines {FIRST_FREE} 0 R", objects


def read(folder: Path, lines: list[str], *titles: tuple[int, str]) -> Page:
    content = "".join(draw_line(72, 700 - 14 * row, line) for row, line in enumerate(lines))
    catalog, objects = make_outline(*titles)
    (folder / "outline.pdf").write_bytes(build_pdf(content, catalog=catalog, objects=objects))
    return parse(folder / "outline.pdf", PDF).pages[0]


def list_headings(page: Page) -> list[tuple[int, str]]:
    return [(mark.level, page.text[mark.start :].partition("\n")[0]) for mark in page.marks]


@pytest.mark.parametrize("title", ["2 The tolls", "The tolls", "2. The  tolls", "THE TOLLS"])
def test_a_line_that_is_a_title_is_a_heading_with_or_without_its_number(tmp_path: Path, title: str) -> None:
    page = read(tmp_path, ["2 The tolls", "The tolls are high."], (1, title))
    assert list_headings(page) == [(1, "2 The tolls")]
    assert page.text == "2 The tolls\nThe tolls are high."


def test_levels_follow_the_outline(tmp_path: Path) -> None:
    page = read(tmp_path, ["Locks", "Their keepers", "He counts barges."], (1, "Locks"), (2, "Their keepers"))
    assert list_headings(page) == [(1, "Locks"), (2, "Their keepers")]


def test_a_title_over_two_lines_is_one_heading(tmp_path: Path) -> None:
    page = read(
        tmp_path,
        ["What the company writes", "to travellers", "He counts barges."],
        (1, "What the company writes to travellers"),
    )
    assert list_headings(page) == [(1, "What the company writes to travellers")]
    assert page.text == "What the company writes to travellers\nHe counts barges."


def test_a_running_header_in_capitals_is_not_taken_for_the_heading(tmp_path: Path) -> None:
    page = read(tmp_path, ["12 1.1. LOCKS", "He counts barges.", "1.1 Locks", "They are old."], (1, "Locks"))
    assert list_headings(page) == [(1, "1.1 Locks")]


def test_titles_that_the_page_does_not_show_mark_nothing(tmp_path: Path) -> None:
    page = read(tmp_path, ["He counts the locks."], (1, "Locks"), (1, "Cover"))
    assert not page.marks
