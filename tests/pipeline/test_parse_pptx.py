from pathlib import Path

import pytest

from app.domain.errors import NoExtractableTextError, ParseLimitExceededError
from app.domain.media import PPTX
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.packages import make_pptx, make_zip, relate, shape, slide


def cell(text: str) -> str:
    return f"<a:tc><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"


def test_slides_are_pages_in_the_order_they_are_shown(tmp_path: Path) -> None:
    slides = [slide(shape(f"Slide {number}")) for number in range(1, 13)]
    seen: list[tuple[int, int]] = []
    parsed = parse(make_pptx(tmp_path / "a", slides), PPTX, lambda done, total: seen.append((done, total)))
    assert [(page.number, page.text) for page in parsed.pages] == [(n, f"Slide {n}") for n in range(1, 13)]
    assert seen[-1] == (12, 12)
    assert parsed.metadata == {"title": "Barges", "author": "Ada", "date": "2026-02-03", "page_count": 12}


def test_a_title_comes_first_and_what_powerpoint_counts_is_left_out(tmp_path: Path) -> None:
    body = slide(shape("7", place="sldNum"), shape("one", "two", place="body"), shape("Locks", place="title"))
    assert parse(make_pptx(tmp_path / "a", [body]), PPTX).pages[0].text == "Locks\n\none\ntwo"


def test_tables_groups_and_line_breaks_are_read(tmp_path: Path) -> None:
    table = f"<a:tbl><a:tr>{cell('a')}{cell('b')}</a:tr><a:tr>{cell('')}{cell('d')}</a:tr></a:tbl>"
    broken = shape("x</a:t></a:r><a:br/><a:r><a:t>y")
    body = slide(f"<p:grpSp>{broken}</p:grpSp><p:graphicFrame>{table}</p:graphicFrame>")
    assert parse(make_pptx(tmp_path / "a", [body]), PPTX).pages[0].text == "x y\n\na | b\n | d"


def test_what_the_speaker_says_follows_its_slide(tmp_path: Path) -> None:
    notes = slide(shape("12", place="sldNum"), shape("Mention the ice.", place="body"), root="notes")
    parts = {
        "ppt/slides/_rels/slide1.xml.rels": relate(
            ("n", "notesSlide", "../notesSlides/n.xml"), ("d", "diagramData", "../diagrams/d.xml")
        ),
        "ppt/notesSlides/n.xml": notes,
        "ppt/diagrams/d.xml": slide(shape("In a diagram")),
    }
    path = make_pptx(tmp_path / "a", [slide(shape("Winter"))], parts)
    assert parse(path, PPTX).pages[0].text == "Winter\n\nIn a diagram\n\nNotes: Mention the ice."


def test_a_slide_that_is_only_pictures_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(NoExtractableTextError):
        parse(make_pptx(tmp_path / "a", [slide(shape("3", place="sldNum"))]), PPTX)


def test_too_many_slides_are_refused_not_cut(tmp_path: Path) -> None:
    path = make_pptx(tmp_path / "a", [slide(shape("x"))] * 3)
    with pytest.raises(ParseLimitExceededError):
        parse(path, PPTX, limits=Limits(pages=2))


def test_a_presentation_that_names_no_main_part_is_found_where_it_usually_lies(tmp_path: Path) -> None:
    with pytest.raises(NoExtractableTextError):
        parse(make_zip(tmp_path / "a", {"ppt/presentation.xml": "<presentation/>"}), PPTX)
