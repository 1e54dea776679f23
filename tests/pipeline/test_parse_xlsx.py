import tracemalloc
from pathlib import Path

import pytest

from app.domain.errors import NoExtractableTextError, ParseLimitExceededError
from app.domain.media import XLSX
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.office.number_formats import find_format
from tests.pipeline.packages import R, S, make_xlsx


def cell(place: str, value: str, kind: str = "n", style: int = 0) -> str:
    return f'<c r="{place}" t="{kind}" s="{style}"><v>{value}</v></c>'


def read(path: Path) -> list[str]:
    return [page.text for page in parse(path, XLSX).pages]


def test_sheets_are_pages_in_the_order_of_their_tabs(tmp_path: Path) -> None:
    sheets = {"Tolls": f"<row>{cell('A1', '5')}</row>", "Empty": "", "Ice": f"<row>{cell('A1', '7')}</row>"}
    parsed = parse(make_xlsx(tmp_path / "a", sheets), XLSX)
    assert [(page.number, page.text) for page in parsed.pages] == [(1, "Tolls\n\n5"), (3, "Ice\n\n7")]
    assert parsed.metadata == {"title": "Barges", "author": "Ada", "date": "2026-02-03", "page_count": 3}


def test_strings_shared_inline_and_computed_are_read(tmp_path: Path) -> None:
    strings = ["<t>shared</t>", "<r><t>ri</t></r><r><t>ch</t></r><rPh><t>guide</t></rPh>"]
    row = (
        f"<row>{cell('A1', '0', 's')}{cell('B1', '1', 's')}"
        '<c r="C1" t="inlineStr"><is><t>in</t><rPh><t>guide</t></rPh></is></c>'
        '<c r="D1" t="str"><f>CONCAT("f")</f><v>made</v></c><c r="E1"><f>1+1</f><v>2</v></c>'
        f"{cell('F1', '1', 'b')}{cell('G1', '#N/A', 'e')}{cell('H1', '99', 's')}</row>"
    )
    assert read(make_xlsx(tmp_path / "a", {"S": row}, strings=strings)) == [
        "S\n\nshared | rich | in | made | 2 | TRUE | #N/A"
    ]


def test_superscripts_and_subscripts_that_change_a_value_are_marked(tmp_path: Path) -> None:
    def run(text: str, position: str) -> str:
        return f'<r><rPr><vertAlign val="{position}"/><sz val="9"/></rPr><t xml:space="preserve">{text}</t></r>'

    powers = f"<r><t>10</t></r>{run('6', 'superscript')}{run(' ohm', 'baseline')}"
    formulas = f"<r><t>H</t></r>{run('2', 'subscript')}<r><t>O, x</t></r>{run('1', 'subscript')}"
    row = f"<row>{cell('A1', '0', 's')}{cell('B1', '1', 's')}<c r='C1' t='inlineStr'><is>{powers}</is></c></row>"
    text = read(make_xlsx(tmp_path / "a", {"S": row}, strings=[powers, formulas]))
    assert text == ["S\n\n10^6 ohm | H2O, x_1 | 10^6 ohm"]


def test_columns_keep_their_place_and_blank_rows_part_tables(tmp_path: Path) -> None:
    rows = (
        f"<row>{cell('A1', '1')}{cell('C1', '3')}</row><row/><row/><row>{cell('B4', '2')}</row>"
        f"<row><c><v>4</v></c><c><v>5</v></c></row><row>{cell('XFD6', '6')}</row>"
    )
    lines = read(make_xlsx(tmp_path / "a", {"S": rows}))[0].split("\n")
    assert lines[:-1] == ["S", "", "1 |  | 3", "", " | 2", "4 | 5"]
    assert lines[-1].endswith(" | 6")
    assert len(lines[-1]) < 400


@pytest.mark.parametrize(
    ("number", "code", "value", "shown"),
    [
        (14, None, "45000", "2023-03-15"),
        (22, None, "45000.75", "2023-03-15 18:00"),
        (21, None, "0.5", "12:00:00"),
        (46, None, "1.5", "36:00:00"),
        (164, "yyyy\\-mm\\-dd", "1", "1900-01-01"),
        (164, "[$-409]d\\ mmm;@", "59", "28 Feb"),
        (164, "[h]:mm", "2", "48:00"),
        (164, "h:mm AM/PM", "0.25", "6:00 AM"),
        (164, '0.00" days"', "2", "2.00 days"),
        (164, "General", "0.30000000000000004", "0.3"),
        (164, "0.0%", "0.125", "12.5%"),
        (10, None, "0.5", "50.00%"),
        (0, None, "1E+3", "1000"),
        (0, None, "12345678901234", "12345678901234"),
        (14, None, "-1", "-1"),
        (14, None, "1e300", "1E+300"),
        (14, None, "nan", "nan"),
        (14, None, "text", "text"),
    ],
)
def test_a_number_is_shown_as_its_format_says(number: int, code: str | None, value: str, shown: str) -> None:
    assert find_format(number, code).show(value) == shown


def test_dates_follow_the_style_and_the_calendar_of_the_workbook(tmp_path: Path) -> None:
    styles = (
        '<numFmts><numFmt numFmtId="170" formatCode="dd/mm/yyyy"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs>'
    )
    row = f"<row>{cell('A1', '1', style=1)}{cell('B1', '1')}{cell('C1', '2026-01-02', 'd')}</row>"
    for calendar, first in (("", "01/01/1900"), ('date1904="1"', "02/01/1904")):
        path = make_xlsx(tmp_path / "a", {"S": row}, styles=styles, properties=calendar)
        assert read(path) == [f"S\n\n{first} | 1 | 2026-01-02"]


def test_few_bytes_that_stand_for_much_text_are_refused(tmp_path: Path) -> None:
    rows = f"<row>{cell('A1', '0', 's')}</row>" * 1000
    path = make_xlsx(tmp_path / "a", {"S": rows}, strings=[f"<t>{'x' * 10_000}</t>"])
    with pytest.raises(ParseLimitExceededError):
        parse(path, XLSX, limits=Limits(characters=1_000_000))


def test_memory_follows_the_text_not_the_markup(tmp_path: Path) -> None:
    blank = '<c r="A1" s="3" t="n"/>' * 20
    path = make_xlsx(tmp_path / "a", {"S": f"<row>{blank}</row>" * 20_000 + f"<row>{cell('A1', '1')}</row>"})
    tracemalloc.start()
    try:
        assert read(path) == ["S\n\n1"]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_workbook_of_empty_sheets_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(NoExtractableTextError):
        read(make_xlsx(tmp_path / "a", {"Sheet1": "<row/>"}))


@pytest.mark.parametrize(
    "blank",
    [
        '<c r="{}" s="1"/>',
        '<c r="{}" s="1"></c>',
        '<c r="{}" s="1"><v/></c>',
        '<c r="{}" s="1"><v></v></c>',
        '<c s="1" r="{}"/>',
        '<c r="{}" s="1" t="n" />\n',
    ],
)
def test_empty_cells_do_not_count_as_content_however_many_there_are(tmp_path: Path, blank: str) -> None:
    middle = "".join(
        f'<row r="{row}" spans="1:6">{"".join(blank.format(f"{column}{row}") for column in "ABCDEF")}</row>'
        for row in range(2, 30_000)
    )
    wide = f'<row r="30000">{blank.format("A30000") * 50_000}{cell("C30000", "7")}</row>'
    sheet = f'<row r="1">{cell("A1", "5")}</row>{middle}{wide}'
    path = make_xlsx(tmp_path / "a", {"S": sheet}, before='<dimension ref="A1:XFD1048576"/>')
    parsed = parse(path, XLSX, limits=Limits(inflated_bytes=1_000_000))
    assert [page.text for page in parsed.pages] == ["S\n\n5\n\n |  | 7"]


def test_the_unpacked_size_of_empty_cells_is_limited_too(tmp_path: Path) -> None:
    path = make_xlsx(tmp_path / "a", {"S": '<row r="1"><c r="A1"/></row>' * 50_000 + f"<row>{cell('A1', '1')}</row>"})
    with pytest.raises(ParseLimitExceededError):
        parse(path, XLSX, limits=Limits(streamed_bytes=1_000_000))


def test_cells_are_read_in_the_order_of_their_columns(tmp_path: Path) -> None:
    row = f"<row>{cell('C1', '3')}{cell('A1', '1')}{cell('B1', '2')}</row>"
    assert read(make_xlsx(tmp_path / "a", {"S": row})) == ["S\n\n1 | 2 | 3"]


def test_a_sheet_with_prefixes_of_its_namespace_is_read(tmp_path: Path) -> None:
    rows = '<x:row r="1"><x:c r="A1" s="1"/><x:c r="B1"><x:v>5</x:v></x:c></x:row><x:row r="2"/>'
    sheet = f'<x:worksheet xmlns:x="{S}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'
    path = make_xlsx(tmp_path / "a", {"S": ""}, parts={"xl/worksheets/sheet9.xml": sheet})
    assert read(path) == ["S\n\n | 5"]


def test_hidden_sheets_are_read_and_listed(tmp_path: Path) -> None:
    sheet = f"<row>{cell('A1', '5')}</row>"
    listed = "".join(
        f'<sheet name="{name}" sheetId="{place}" r:id="r{place}" state="{state}"/>'
        for place, (name, state) in enumerate((("Open", "visible"), ("Lists", "hidden"), ("Codes", "veryHidden")))
    )
    workbook = f'<workbook xmlns="{S}" xmlns:r="{R}"><sheets>{listed}</sheets></workbook>'
    sheets = dict.fromkeys(("Open", "Lists", "Codes"), sheet)
    parsed = parse(make_xlsx(tmp_path / "a", sheets, parts={"xl/workbook.xml": workbook}), XLSX)
    assert [page.text for page in parsed.pages] == ["Open\n\n5", "Lists\n\n5", "Codes\n\n5"]
    assert parsed.metadata["hidden_sheets"] == [2, 3]
