"""Presentations of the format before 2007 are read slide by slide."""

import struct
from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.errors import (
    DocumentDamagedError,
    DocumentEncryptedError,
    NoExtractableTextError,
    ParseLimitExceededError,
)
from app.domain.media import PPT
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.legacy_files import atom, link_records, make_ppt, record, shape, slide, table_group, text_records


def read(tmp_path: Path, content: bytes, limits: Limits | None = None) -> Parsed:
    path = tmp_path / "a.ppt"
    path.write_bytes(content)
    assert detect(path, "a.ppt") == PPT
    return parse(path, PPT, limits=limits)


def text(parsed: Parsed, number: int = 1) -> list[str]:
    (page,) = (page for page in parsed.pages if page.number == number)
    return [line for line in page.text.splitlines() if line]


def test_slides_are_pages_in_the_order_of_the_presentation(tmp_path: Path) -> None:
    slides = [slide(shape(text_records(f"Slide {name}", kind=0), 0, 0)) for name in ("one", "two", "three")]
    parsed = read(tmp_path, make_ppt(slides))
    assert [(page.number, page.text) for page in parsed.pages] == [
        (1, "Slide one"),
        (2, "Slide two"),
        (3, "Slide three"),
    ]
    assert [mark.level for page in parsed.pages for mark in page.marks] == [1, 1, 1]
    assert parsed.metadata["page_count"] == 3


@pytest.mark.parametrize("narrow", [False, True])
def test_shapes_are_read_from_top_to_bottom_the_title_first(tmp_path: Path, narrow: bool) -> None:
    made = slide(
        shape(text_records("Third\rline", narrow=narrow), 0, 400, 900, 500),
        shape(text_records("Größe", narrow=narrow), 0, 200, 900, 300),
        shape(text_records("The title", kind=0, narrow=narrow), 0, 300, 900, 350),
        shape(text_records("*"), 800, 700, 900, 720),
    )
    assert text(read(tmp_path, make_ppt([made]))) == ["The title", "Größe", "Third", "line"]


def test_texts_that_the_outline_holds_are_read_at_their_shape(tmp_path: Path) -> None:
    outline = text_records("Weirs", kind=0) + text_records("First point\rSecond point", kind=1)
    made = slide(
        shape(atom(0x0F9E, struct.pack("<I", 1)), 0, 300, 900, 500), shape(atom(0x0F9E, struct.pack("<I", 0)), 0, 0)
    )
    assert text(read(tmp_path, make_ppt([made], outlines=[outline]))) == ["Weirs", "First point", "Second point"]
    assert text(read(tmp_path, make_ppt([slide()], outlines=[outline]))) == ["Weirs", "First point", "Second point"]


def test_tables_keep_their_rows_and_columns(tmp_path: Path) -> None:
    made = slide(table_group([["Lock", "Fall"], ["Alder", "2.4"], ["Birch", "3.1"]]))
    assert text(read(tmp_path, make_ppt([made]))) == ["Lock | Fall", "Alder | 2.4", "Birch | 3.1"]


def test_grouped_shapes_links_notes_and_comments_are_read(tmp_path: Path) -> None:
    group = record(
        0xF003,
        record(0xF004, atom(0xF010, struct.pack("<4h", 100, 0, 900, 200))),
        shape(text_records("Grouped"), 1, 1, 2, 2, child=True),
    )
    linked = shape(text_records("Read the report now") + link_records(7, 9, 15), 0, 300, 900, 400)
    comment = record(
        0x2EE0, atom(0x0FBA, "Ada".encode("utf-16-le")), atom(0x0FBA, "Check this".encode("utf-16-le"), instance=1)
    )
    tags = record(0x1388, record(0x138A, atom(0x138B, comment)))
    notes = slide(shape(text_records("Speak slowly", kind=2), 0, 0))
    made = slide(linked, group, notes=300, extra=tags)
    parsed = read(tmp_path, make_ppt([made], notes=[notes], links={7: "https://example.org/report"}))
    assert text(parsed) == [
        *("Grouped", "Read the report (https://example.org/report) now", "Notes: Speak slowly"),
        "Comment by Ada: Check this",
    ]


def test_a_password_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DocumentEncryptedError):
        read(tmp_path, make_ppt([slide()], encrypted=True))


def test_more_slides_than_allowed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParseLimitExceededError, match="3 slides"):
        read(tmp_path, make_ppt([slide()] * 3), Limits(pages=2))


@pytest.mark.timeout(60)
def test_damage_anywhere_ends_in_a_text_or_an_error_of_the_document(tmp_path: Path) -> None:
    outline = text_records("Weirs", kind=0)
    made = make_ppt([slide(shape(text_records("A lock"), 0, 0), table_group([["a", "b"]]))] * 2, outlines=[outline])
    path = tmp_path / "a.ppt"
    for at in range(512, len(made) - 4, 37):
        for wild in (0, 0xFFFFFFFF, 0x0000000F):
            path.write_bytes(made[:at] + struct.pack("<I", wild) + made[at + 4 :])
            try:
                parse(path, PPT)
            except (DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError, NoExtractableTextError):
                continue


@pytest.mark.timeout(20)
def test_records_of_hostile_depth_are_read_without_recursion(tmp_path: Path) -> None:
    deep = shape(text_records("The bottom"), 0, 0)
    for _ in range(3000):
        deep = record(0xF003, deep)
    assert "The bottom" in " ".join(text(read(tmp_path, make_ppt([slide(deep)]))))
