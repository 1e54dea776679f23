"""Word documents of the format before 2007 are read as Word shows them."""

import struct
from pathlib import Path
from typing import Any

import pytest

from app.domain.documents import Parsed
from app.domain.errors import (
    DocumentDamagedError,
    DocumentEncryptedError,
    NoExtractableTextError,
    ParseLimitExceededError,
)
from app.domain.media import DOC
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.compound_files import make_compound
from tests.pipeline.legacy_files import IN_CELL, make_doc, row_shape


def read(tmp_path: Path, content: bytes, limits: Limits | None = None) -> Parsed:
    path = tmp_path / "a.doc"
    path.write_bytes(content)
    assert detect(path, "a.doc") == DOC
    return parse(path, DOC, limits=limits)


def lines(tmp_path: Path, text: str, **options: Any) -> list[str]:
    (page,) = read(tmp_path, make_doc({0: text}, **options)).pages
    return [line for line in page.text.splitlines() if line]


@pytest.mark.parametrize("narrow", [False, True])
def test_paragraphs_are_read_in_either_width_of_characters(tmp_path: Path, narrow: bool) -> None:
    text = "Größe, the café\rline\x0bbreak\rnon\x1ebreaking, soft\x1fhyphen\x0cnext page\r"
    assert lines(tmp_path, text, narrow=narrow) == [
        *("Größe, the café", "line", "break", "non-breaking, softhyphen", "next page"),
    ]


def test_headings_are_marked_by_their_style(tmp_path: Path) -> None:
    text = "Locks\rA canal has locks.\rGates\rEach has two.\r"
    parsed = read(tmp_path, make_doc({0: text}, paragraphs={5: (1, b""), 30: (2, b"")}))
    assert [(mark.level, parsed.pages[0].text[mark.start :].split("\n")[0]) for mark in parsed.pages[0].marks] == [
        (1, "Locks"),
        (2, "Gates"),
    ]


def make_table(*rows: tuple[str, ...], shapes: dict[int, bytes] | None = None) -> bytes:
    text = "Before\r"
    properties: dict[int, tuple[int, bytes]] = {}
    for index, row in enumerate(rows):
        for cell in row:
            text += cell
            for at, char in enumerate(cell, len(text) - len(cell)):
                if char == "\r":
                    properties[at] = (0, IN_CELL)
            properties[len(text)] = (0, IN_CELL)
            text += "\x07"
        properties[len(text)] = (0, (shapes or {}).get(index) or row_shape(*range(0, 1000 * len(row) + 1, 1000)))
        text += "\x07"
    return make_doc({0: f"{text}After\r"}, paragraphs=properties)


def test_cells_and_rows_of_a_table_are_kept_also_empty_ones(tmp_path: Path) -> None:
    content = make_table(
        ("Lock", "Fall", "Built"), ("Alder", "", "1893"), ("", "", ""), ("Birch", "two\rlines", "1901")
    )
    text = read(tmp_path, content).pages[0].text
    assert [line for line in text.splitlines() if line] == [
        *("Before", "Lock | Fall | Built", "Alder |  | 1893", "Birch | two lines | 1901", "After"),
    ]


def test_merged_cells_span_columns_and_rows(tmp_path: Path) -> None:
    shapes = {0: row_shape(0, 1000, 3000), 2: row_shape(0, 1000, 2000, 3000, continued=[0])}
    content = make_table(("Lock", "Fall"), ("Alder", "2.4", "2.5"), ("", "3.1", "3.2"), shapes=shapes)
    text = read(tmp_path, content).pages[0].text
    assert "Alder | 2.4 | 2.5\nAlder | 3.1 | 3.2" in text
    assert "Lock | Fall | Fall" in text


def test_fields_show_their_result_and_links_their_address(tmp_path: Path) -> None:
    text = (
        'See \x13 HYPERLINK "https://example.org/locks" \x14the locks\x15 now.\r'
        "Page \x13 PAGE \x143\x15 of \x13 NUMPAGES \\* MERGEFORMAT \x149\x15\r"
        "\x13 TOC \\o \x14One\t\x13 PAGEREF _x \x141\x15\rTwo\t2\x15\r"
        '\x13 INCLUDETEXT "\x13 DATE \x14hidden\x15" \x14shown\x15\r'
    )
    assert lines(tmp_path, text) == [
        *("See the locks (https://example.org/locks) now.", "Page 3 of 9", "One\t1", "Two\t2", "shown"),
    ]


def test_deleted_revisions_are_left_out(tmp_path: Path) -> None:
    assert lines(tmp_path, "keep drop keep\r", deleted=(5, 10)) == ["keep keep"]


def test_headers_notes_comments_and_boxes_are_read_once_each(tmp_path: Path) -> None:
    separators = "\x03\r\x04\r\r\r\r\r"
    pages = ("Odd header\r", "Even header\r", "Foot 1\r", "Foot 2\r", "", "Foot 2\r")
    places, at = [0, 2, 4, 5, 6, 7, 8], 8
    for one in pages:
        at += len(one)
        places.append(at)
    stories = {
        0: "Body\x02 text\x05\r",
        1: "\x02 A footnote\r",
        2: separators + "".join(pages),
        4: "\x05A comment\r",
        5: "\x02An endnote\r",
        6: "In a box\r",
    }
    (page,) = read(tmp_path, make_doc(stories, headers=places)).pages
    assert [line for line in page.text.splitlines() if line] == [
        *("Odd header", "Even header", "Body text", "In a box", "A footnote", "An endnote", "A comment", "Foot 1"),
        "Foot 2",
    ]


@pytest.mark.parametrize(
    ("language", "text"), [(0x0409, "Größe"), (0x0419, "Шлюз"), (0x0415, "Łódź"), (0x0411, "水門")]
)
def test_word_6_and_95_are_read_in_the_encoding_of_their_language(tmp_path: Path, language: int, text: str) -> None:
    encoding = {0x0409: "cp1252", 0x0419: "cp1251", 0x0415: "cp1250", 0x0411: "cp932"}[language]
    raw = f"{text}\rA\x07B\x07\x07C\x07D\x07\x07\r".encode(encoding)
    stream = bytearray(1024) + raw
    struct.pack_into("<6H", stream, 0, 0xA5DC, 104, 0, language, 0, 0)
    struct.pack_into("<I", stream, 0x18, 1024)
    struct.pack_into("<8i", stream, 0x34, len(raw), *[0] * 7)
    (page,) = read(tmp_path, make_compound({"WordDocument": bytes(stream).ljust(4096, b"\0")})).pages
    assert page.text.split() == [text, "A", "|", "B", "C", "|", "D"]


def test_a_password_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DocumentEncryptedError):
        read(tmp_path, make_doc({0: "x\r"}, flags=0x0100))


def test_pieces_that_repeat_the_text_end_at_the_limit(tmp_path: Path) -> None:
    with pytest.raises(ParseLimitExceededError):
        read(tmp_path, make_doc({0: "word " * 1000 + "\r"}), Limits(characters=1000))


@pytest.mark.timeout(60)
def test_damage_anywhere_ends_in_a_text_or_an_error_of_the_document(tmp_path: Path) -> None:
    made = make_table(("Lock", "Fall"), ("Alder", "2.4"))
    path = tmp_path / "a.doc"
    for at in range(512, len(made) - 4, 61):
        for wild in (0, 0xFFFFFFFF, 0x40000000):
            path.write_bytes(made[:at] + struct.pack("<I", wild) + made[at + 4 :])
            try:
                parse(path, DOC)
            except (DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError, NoExtractableTextError):
                continue
