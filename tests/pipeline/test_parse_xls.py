"""Workbooks of Excel 97 to 2003 (XLS), written record by record."""

import struct
from pathlib import Path

import pytest

from app.domain.documents import Page, Parsed
from app.domain.errors import (
    DocumentDamagedError,
    DocumentEncryptedError,
    ParseLimitExceededError,
    UnsupportedTypeError,
)
from app.domain.media import CSV, HTML, XLS
from app.pipeline.chunking.chunk import split
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.sheets import calamine
from tests.pipeline.binary_workbooks import cell, label, make_xls, number, record, text


def read(path: Path) -> list[str]:
    """The lines of the first sheet, without its name."""
    return parse(path, XLS).pages[0].text.split("\n")[2:]


def share(*texts: bytes) -> bytes:
    """The table of shared texts."""
    return record(0xFC, struct.pack("<II", len(texts), len(texts)) + b"".join(texts))


def shared(row: int, column: int, index: int) -> bytes:
    return cell(0xFD, row, column, struct.pack("<I", index))


def rk(value: int) -> bytes:
    return struct.pack("<I", value)


def test_numbers_of_every_kind_are_shown_by_their_formats(tmp_path: Path) -> None:
    many = record(
        0xBD, struct.pack("<HH", 1, 0) + b"".join(struct.pack("<HI", 1, n << 2 | 2) for n in (7, 8)) + b"\1\0"
    )
    cells = [
        cell(0x27E, 0, 0, rk(1234 << 2 | 2), 1),
        cell(0x27E, 0, 1, rk(123450 << 2 | 3), 2),
        cell(0x27E, 0, 2, rk((-5 << 2 | 2) & 0xFFFFFFFF), 0),
        cell(0x27E, 0, 3, rk(0x40290000), 0),
        number(0, 4, 45000.75, 3),
        number(0, 5, 0.1 + 0.2),
    ]
    path = make_xls(tmp_path / "a", {"S": b"".join(cells) + many}, formats=["00000", "$#,##0.00", "dd/mm/yyyy h:mm"])
    assert read(path) == ["01234 | $1,234.50 | -5 | 12.5 | 15/03/2023 18:00 | 0.3", "00007 | 00008"]


def test_dates_may_count_from_1904(tmp_path: Path) -> None:
    path = make_xls(tmp_path / "a", {"S": number(0, 0, 0, 1)}, formats=["yyyy-mm-dd"], before=record(0x22, b"\1\0"))
    assert read(path) == ["1904-01-01"]


def test_texts_in_one_and_two_bytes_with_runs_and_guides_are_read(tmp_path: Path) -> None:
    rich = struct.pack("<HBH", 4, 8, 1) + b"rich" + bytes(4)
    guided = struct.pack("<HBI", 2, 5, 6) + "水門".encode("utf-16-le") + b"guides"
    texts = share(text("Größe"), text("鷺 heron"), rich, guided)
    cells = b"".join(shared(0, column, column) for column in range(4)) + shared(0, 4, 99) + label(0, 5, "own")
    assert read(make_xls(tmp_path / "a", {"S": cells}, before=texts)) == ["Größe | 鷺 heron | rich | 水門 |  | own"]


@pytest.mark.parametrize(("width", "more"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_a_text_may_continue_in_the_next_record_with_another_width(tmp_path: Path, width: int, more: int) -> None:
    def encode(words: str, wide: int) -> bytes:
        return words.encode("utf-16-le" if wide else "latin-1")

    first = struct.pack("<II", 2, 2) + struct.pack("<HB", 10, width) + encode("barge", width)
    second = bytes([more]) + encode("s home", more)[: 5 * (1 + more)] + text("next")
    table = record(0xFC, first) + record(0x3C, second)
    path = make_xls(tmp_path / "a", {"S": shared(0, 0, 0) + shared(0, 1, 1)}, before=table)
    assert read(path) == ["barges hom | next"]


def test_a_table_of_texts_that_is_cut_off_keeps_those_before(tmp_path: Path) -> None:
    table = record(0xFC, struct.pack("<II", 9, 9) + text("one") + text("two"))
    assert read(make_xls(tmp_path / "a", {"S": shared(0, 0, 1)}, before=table)) == ["two"]


def test_the_last_values_of_formulas_are_read(tmp_path: Path) -> None:
    def formula(column: int, result: bytes) -> bytes:
        return cell(0x06, 0, column, result + bytes(8))

    cells = (
        formula(0, struct.pack("<d", 2.5))
        + formula(1, b"\0" + bytes(5) + b"\xff\xff")
        + record(0x207, text("made"))
        + formula(2, b"\1\0\1" + bytes(3) + b"\xff\xff")
        + formula(3, b"\2\0\x07" + bytes(3) + b"\xff\xff")
        + formula(4, b"\3" + bytes(5) + b"\xff\xff")
        + cell(0x205, 0, 5, b"\0\0")
        + cell(0x205, 0, 6, b"\x2a\1")
    )
    assert read(make_xls(tmp_path / "a", {"S": cells})) == ["2.5 | made | TRUE | #DIV/0! |  | FALSE | #N/A"]


def test_merged_cells_and_blank_rows_are_as_in_new_workbooks(tmp_path: Path) -> None:
    rows = [label(0, 0, "Tolls"), label(2, 0, "Area"), label(2, 1, "Lock"), label(2, 2, "Toll")]
    for row in range(3, 90):
        rows += [label(row, 0, "North")] * (row == 3) + [label(row, 1, f"Lock {row}"), number(row, 2, row)]
    merged = record(0xE5, struct.pack("<9H", 2, 0, 0, 0, 2, 3, 89, 0, 0))
    pages = parse(make_xls(tmp_path / "a", {"S": b"".join(rows) + merged}), XLS).pages
    assert pages[0].text.split("\n")[2:7] == [
        "Tolls",
        "",
        "Area | Lock | Toll",
        "North | Lock 3 | 3",
        "North | Lock 4 | 4",
    ]
    assert list(split(pages))[-1].context == "S\nArea | Lock | Toll"


def test_links_and_comments_are_read(tmp_path: Path) -> None:
    address = "https://locks.example.org/alder\0".encode("utf-16-le")
    moniker = bytes.fromhex("e0c9ea79f9bace118c8200aa004ba90b") + struct.pack("<I", len(address)) + address
    link = record(0x1B8, struct.pack("<4H", 0, 0, 0, 0) + bytes(16) + struct.pack("<II", 2, 3) + moniker)
    comment = (
        record(0x5D, struct.pack("<HHHH", 0x15, 0x12, 0x19, 7).ljust(22, b"\0"))
        + record(0x1B6, bytes(10) + struct.pack("<H", 14) + bytes(6))
        + record(0x3C, b"\0Ada:\nToo high!")
        + record(0x3C, bytes(16))
        + record(0x1C, struct.pack("<4H", 0, 1, 0, 7) + text("Ada") + b"\0")
    )
    box = (
        record(0x5D, struct.pack("<HHHH", 0x15, 0x12, 0x06, 8).ljust(22, b"\0"))
        + record(0x1B6, bytes(10) + struct.pack("<H", 6) + bytes(6))
        + record(0x3C, b"\0Closed")
    )
    cells = label(0, 0, "Alder") + number(0, 1, 5)
    assert read(make_xls(tmp_path / "a", {"S": cells + link + comment + box})) == [
        "Alder (https://locks.example.org/alder) | 5 | Comment on B1 by Ada: Too high!",
        "",
        "Closed",
    ]


def test_charts_within_a_sheet_do_not_end_it(tmp_path: Path) -> None:
    chart = record(0x809, struct.pack("<HHHHII", 0x600, 32, 0, 0, 0, 0)) + number(9, 9, 99) + record(0x0A)
    path = make_xls(tmp_path / "a", {"S": label(0, 0, "one") + chart + label(1, 0, "two")})
    assert read(path) == ["one", "two"]


def test_hidden_sheets_are_read_and_listed(tmp_path: Path) -> None:
    parsed = parse(make_xls(tmp_path / "a", {"Open": label(0, 0, "a"), "鷺": label(0, 0, "b")}, states=[0, 1]), XLS)
    assert [page.text for page in parsed.pages] == ["Open\n\na", "鷺\n\nb"]
    assert parsed.metadata["hidden_sheets"] == [2]


def test_a_workbook_with_a_password_is_encrypted(tmp_path: Path) -> None:
    with pytest.raises(DocumentEncryptedError):
        parse(make_xls(tmp_path / "a", {"S": label(0, 0, "a")}, before=record(0x2F, bytes(6))), XLS)


def test_older_workbooks_are_left_to_the_fallback_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_xls(tmp_path / "a", {"S": label(0, 0, "a")}, version=0x500, stream="Book")
    found = Parsed([Page(1, "read by calamine")])
    monkeypatch.setattr(calamine, "read", lambda *_: found)
    assert [page.text for page in parse(path, XLS).pages] == ["read by calamine"]


def test_the_fallback_reader_reads_the_same_cells(tmp_path: Path) -> None:
    cells = label(3, 1, "Lock") + label(3, 2, "Toll") + label(4, 1, "Alder") + number(4, 2, 45000, 1)
    cells += number(5, 2, 7) + record(0xE5, struct.pack("<5H", 1, 4, 5, 1, 1))
    path = make_xls(tmp_path / "a.xls", {"S": cells}, formats=["yyyy-mm-dd"])
    assert parse(path, XLS, fallback=True).pages == parse(path, XLS).pages


def test_a_failed_assertion_of_the_fallback_reader_is_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):
        pass

    def fail(*_: object) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr(calamine, "_read", fail)
    with pytest.raises(DocumentDamagedError):
        parse(make_xls(tmp_path / "a.xls", {"S": label(0, 0, "a")}), XLS, fallback=True)


@pytest.mark.parametrize("length", [100, 600, 1100, 1700, 2300])
def test_a_workbook_that_is_cut_off_gives_text_or_a_code(tmp_path: Path, length: int) -> None:
    path = make_xls(tmp_path / "a", {"S": b"".join(label(row, 0, f"Lock {row}") for row in range(300))})
    path.write_bytes(path.read_bytes()[:length])
    for fallback in (False, True):
        with pytest.raises(DocumentDamagedError):
            parse(path, XLS, fallback=fallback)


def test_limits_hold(tmp_path: Path) -> None:
    path = make_xls(
        tmp_path / "a", {"S": b"".join(shared(row, 0, 0) for row in range(500))}, before=share(text("x" * 900))
    )
    for limits in (Limits(characters=50_000), Limits(inflated_bytes=5_000), Limits(pages=0)):
        with pytest.raises(ParseLimitExceededError):
            parse(path, XLS, limits=limits)


def test_the_type_is_detected_by_the_content_and_a_wrong_name_is_refused(tmp_path: Path) -> None:
    path = make_xls(tmp_path / "a", {"S": label(0, 0, "a")})
    for name in ("a.xls", "a.xlt", "a.bin", "a"):
        assert detect(path, name) == XLS
    with pytest.raises(UnsupportedTypeError):
        detect(path, "a.xlsx")


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        ("name\ttoll\nAda\t5\n", CSV),
        ("name;toll\nAda;5\n", CSV),
        ("<table><tr><td>Ada</td></tr></table>", HTML),
        ("<html><table><tr><td>Ada</td></tr></table></html>", HTML),
    ],
)
def test_a_text_with_the_name_of_a_workbook_is_read_as_what_it_is(
    tmp_path: Path, content: str, media_type: str
) -> None:
    (tmp_path / "a.xls").write_text(content)
    assert detect(tmp_path / "a.xls", "a.xls") == media_type
