"""Workbooks in the XML format of Excel 2003."""

from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.domain.media import XLS
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits

_S = "urn:schemas-microsoft-com:office:spreadsheet"


def make(folder: Path, rows: str, styles: str = "") -> Path:
    path = folder / "a.xls"
    path.write_text(
        f'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="{_S}" xmlns:ss="{_S}" '
        f'xmlns:html="http://www.w3.org/TR/REC-html40"><Styles>{styles}</Styles>'
        f'<Worksheet ss:Name="S"><Table>{rows}</Table></Worksheet></Workbook>'
    )
    return path


def cell(text: str, kind: str = "String", more: str = "") -> str:
    return f'<Cell {more}><Data ss:Type="{kind}">{text}</Data></Cell>'


def read(path: Path) -> list[str]:
    """The lines of the first sheet, without its name."""
    return parse(path, XLS).pages[0].text.split("\n")[2:]


def test_cells_are_shown_by_their_styles(tmp_path: Path) -> None:
    styles = (
        '<Style ss:ID="a"><NumberFormat ss:Format="00000"/></Style>'
        '<Style ss:ID="b"><NumberFormat ss:Format="Percent"/></Style>'
        '<Style ss:ID="c"><NumberFormat ss:Format="dd/mm/yyyy"/></Style>'
    )
    cells = (
        cell("1234", "Number", 'ss:StyleID="a"')
        + cell("0.125", "Number", 'ss:StyleID="b"')
        + cell("2023-03-15T00:00:00.000", "DateTime", 'ss:StyleID="c"')
        + cell("2023-03-15T00:00:00.000", "DateTime")
        + cell("1", "Boolean")
        + cell("<html:B>bold</html:B> words")
        + cell("7", "Number", 'ss:Index="8"')
    )
    shown = "01234 | 12.50% | 15/03/2023 | 2023-03-15 | TRUE | bold words |  | 7"
    assert read(make(tmp_path, f"<Row>{cells}</Row>", styles)) == [shown]


def test_merged_cells_links_comments_and_row_numbers_are_read(tmp_path: Path) -> None:
    comment = '<Cell><Data ss:Type="Number">5</Data><Comment ss:Author="Ada"><ss:Data>Why?</ss:Data></Comment></Cell>'
    north = cell("North", more='ss:MergeDown="1"') + cell("Alder", more='ss:HRef="https://a.example.org"')
    across = 'ss:MergeAcross="1"'
    birch = cell("Birch", more='ss:Index="2"') + cell("6", "Number")
    rows = (
        f"<Row>{cell('Area')}{cell('Lock')}{cell('Toll')}</Row><Row>{north}{comment}</Row><Row>{birch}</Row>"
        f'<Row ss:Index="9">{cell("Sum", more=across)}{cell("11", "Number")}</Row>'
    )
    assert read(make(tmp_path, rows)) == [
        "Area | Lock | Toll",
        "North | Alder (https://a.example.org) | 5 | Comment on C2 by Ada: Why?",
        "North | Birch | 6",
        "Sum |  | 11",
    ]


def test_the_type_is_detected_by_the_content(tmp_path: Path) -> None:
    path = make(tmp_path, f"<Row>{cell('a')}</Row>")
    assert {detect(path, name) for name in ("a.xls", "a.xml", "a")} == {XLS}


def test_a_damaged_or_too_large_workbook_gives_a_code(tmp_path: Path) -> None:
    path = make(tmp_path, f"<Row>{cell('x' * 900)}</Row>" * 100)
    with pytest.raises(ParseLimitExceededError):
        parse(path, XLS, limits=Limits(characters=50_000))
    with pytest.raises(ParseLimitExceededError):
        parse(path, XLS, limits=Limits(pages=0))
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(DocumentDamagedError):
        parse(path, XLS)
