"""Binary workbooks of Excel 2007 and later (XLSB), written record by record."""

import struct
from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.domain.media import XLSB
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.binary_workbooks import make_xlsb, part, row, words
from tests.pipeline.packages import R, relate

_RELATIONS = "xl/worksheets/_rels/sheet0.bin.rels"


def read(path: Path) -> list[str]:
    """The lines of the first sheet, without its name."""
    return parse(path, XLSB).pages[0].text.split("\n")[2:]


def area(top: int, bottom: int, left: int, right: int) -> bytes:
    return struct.pack("<4I", top, bottom, left, right)


def test_cells_of_every_kind_are_shown_by_their_formats(tmp_path: Path) -> None:
    cells = row(
        0,
        (2, 0, struct.pack("<I", 1234 << 2 | 2), 1),
        (5, 1, struct.pack("<d", 1234.5), 2),
        (7, 2, struct.pack("<I", 1)),
        (6, 3, words("own 鷺")),
        (4, 4, b"\1"),
        (3, 5, b"\x2a"),
        (8, 6, words("made")),
        (9, 7, struct.pack("<d", 45000), 3),
        (10, 8, b"\0"),
        (11, 9, b"\7"),
        (62, 10, b"\0" + words("rich")),
        (1, 11, b""),
    )
    formats = ["00000", "$#,##0.00", "d mmm yyyy"]
    path = make_xlsb(tmp_path / "a", {"S": cells}, formats=formats, strings=["zero", "one"])
    assert read(path) == [
        "01234 | $1,234.50 | one | own 鷺 | TRUE | #N/A | made | 15 Mar 2023 | FALSE | #DIV/0! | rich"
    ]


def test_dates_may_count_from_1904(tmp_path: Path) -> None:
    cells = row(0, (5, 0, struct.pack("<d", 0), 1))
    assert read(make_xlsb(tmp_path / "a", {"S": cells}, formats=["yyyy-mm-dd"], properties=1)) == ["1904-01-01"]


def test_merged_cells_links_comments_and_tables_are_read(tmp_path: Path) -> None:
    cells = (
        row(0, (6, 0, words("Area")), (6, 1, words("Lock")))
        + row(1, (6, 0, words("North")), (6, 1, words("Alder")))
        + row(2, (6, 1, words("Birch")))
        + part(176, area(1, 2, 0, 0))
        + part(494, area(1, 1, 1, 1) + words("a") + words("") * 3)
    )
    link = f'<Relationship Id="a" Type="{R}/hyperlink" Target="https://a.example.org" TargetMode="External"/>'
    relations = relate(("c", "comments", "/xl/comments1.bin"), ("t", "table", "/xl/tables/table1.bin"))
    relations = relations.replace("</Relationships>", f"{link}</Relationships>")
    comments = (
        part(632, words("Ada")) + part(635, struct.pack("<I", 0) + area(2, 2, 1, 1)) + part(637, b"\0" + words("Why?"))
    )
    table = part(343, area(0, 2, 0, 1) + struct.pack("<III", 0, 1, 1))
    parts: dict[str, str | bytes] = {_RELATIONS: relations, "xl/comments1.bin": comments, "xl/tables/table1.bin": table}
    assert read(make_xlsb(tmp_path / "a", {"S": cells}, parts=parts)) == [
        "Area | Lock",
        "North | Alder (https://a.example.org)",
        "North | Birch | Comment on B3 by Ada: Why?",
    ]


def test_records_that_are_cut_off_give_text_or_a_code(tmp_path: Path) -> None:
    cells = row(0, (6, 0, words("one"))) + part(5, b"\0\0")
    with pytest.raises(DocumentDamagedError):
        parse(make_xlsb(tmp_path / "a", {"S": cells}), XLSB)
    assert read(make_xlsb(tmp_path / "b", {"S": row(0, (6, 0, words("one"))) + b"\0\xff\xff"})) == ["one"]


def test_limits_hold(tmp_path: Path) -> None:
    cells = b"".join(row(at, (7, 0, struct.pack("<I", 0))) for at in range(500))
    path = make_xlsb(tmp_path / "a", {"S": cells}, strings=["x" * 900])
    for limits in (Limits(characters=50_000), Limits(inflated_bytes=5_000), Limits(pages=0)):
        with pytest.raises(ParseLimitExceededError):
            parse(path, XLSB, limits=limits)


def test_the_type_is_detected_by_the_parts(tmp_path: Path) -> None:
    path = make_xlsb(tmp_path / "a", {"S": row(0, (6, 0, words("one")))})
    for name in ("a.xlsb", "a.xlsx", "a"):
        assert detect(path, name) == XLSB
