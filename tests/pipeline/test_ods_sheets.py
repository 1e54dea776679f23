"""The tables on the sheets of ODS files."""

from pathlib import Path

from app.domain.media import ODS
from app.pipeline.chunking.chunk import split
from app.pipeline.parse import parse
from tests.pipeline.packages import make_odf


def cell(text: str, **attributes: str) -> str:
    names = "".join(f' {name.replace("_", ":", 1).replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f"<table:table-cell{names}>{f'<text:p>{text}</text:p>' if text else ''}</table:table-cell>"


def row(*texts: str) -> str:
    return f"<table:table-row>{''.join(map(cell, texts))}</table:table-row>"


def make(folder: Path, rows: str) -> Path:
    body = f'<office:spreadsheet><table:table table:name="S">{rows}</table:table></office:spreadsheet>'
    return make_odf(folder / "a", ODS, body)


def read(folder: Path, rows: str) -> list[str]:
    """The lines of the first sheet, without its name."""
    return parse(make(folder, rows), ODS).pages[0].text.split("\n")[2:]


def find_context(folder: Path, rows: str) -> str:
    """The header that the last chunk carries."""
    return list(split(parse(make(folder, rows), ODS).pages))[-1].context.rpartition("\n")[2]


BLANK = '<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>'
ROWS = "".join(row(f"Lock {number}", f"{number}", f"north bank {number}") for number in range(80))


def test_lines_above_a_table_are_no_header(tmp_path: Path) -> None:
    names = row("Lock", "Toll", "Place")
    assert find_context(tmp_path, row("Tolls") + BLANK + names + ROWS) == "Lock | Toll | Place"
    assert find_context(tmp_path, row("Account", "77") + BLANK + names + ROWS + BLANK + ROWS) == "Lock | Toll | Place"


def test_a_second_table_has_a_header_of_its_own(tmp_path: Path) -> None:
    barges = row("Barge", "Load") + "".join(row(f"Barge {number}", f"{number}") for number in range(80))
    assert find_context(tmp_path, row("Lock", "Toll", "Place") + ROWS + BLANK + barges) == "Barge | Load"


def test_a_cell_shows_its_text_and_its_value_only_where_it_has_none(tmp_path: Path) -> None:
    cells = (
        cell("$1,234.50", office_value_type="currency", office_value="1234.5")
        + cell("", office_value_type="float", office_value="5")
        + cell("", office_value_type="date", office_date_value="2026-01-02")
        + cell("", office_value_type="percentage", office_value="0.125")
        + cell("", office_value_type="boolean", office_boolean_value="true")
        + cell("", table_formula="of:=SUM([.B2:.B3];[$Costs.$A1])")
    )
    shown = "$1,234.50 | 5 | 2026-01-02 | 12.50% | TRUE | =SUM(B2:B3;$Costs!$A1)"
    assert read(tmp_path, f"<table:table-row>{cells}</table:table-row>") == [shown]
