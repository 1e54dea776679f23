"""Merged cells, header rows, formulas, links, comments and drawings of XLSX."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.domain.media import XLSX
from app.pipeline.chunking.chunk import split
from app.pipeline.parse import parse
from app.pipeline.parse.sheets.formulas import shift_formula
from tests.pipeline.packages import A, R, S, make_xlsx, relate

_RELATIONS = "xl/worksheets/_rels/sheet9.xml.rels"
_EXTERNAL = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="a" '
    f'Type="{R}/hyperlink" Target="https://locks.example.org/alder" TargetMode="External"/></Relationships>'
)


def rows(*lines: Sequence[str | int | None], first: int = 1) -> str:
    """The XML of rows from number ``first``; None is an empty cell. The file leaves out empty lines."""
    written = []
    for number, line in enumerate(lines, first):
        cells = []
        for column, value in zip("ABCDEFGHIJ", line, strict=False):
            if isinstance(value, str) and value.startswith("<"):
                cells.append(f'<c r="{column}{number}">{value}</c>')
            elif value is not None:
                text = f"<is><t>{value}</t></is>" if isinstance(value, str) else f"<v>{value}</v>"
                kind = "inlineStr" if isinstance(value, str) else "n"
                cells.append(f'<c r="{column}{number}" t="{kind}">{text}</c>')
        written += [f'<row r="{number}">{"".join(cells)}</row>'] if line else []
    return "".join(written)


def read(folder: Path, sheet: str, **parts: Any) -> list[str]:
    """The lines of the first sheet, without its name."""
    text = parse(make_xlsx(folder / "a", {"S": sheet}, **parts), XLSX).pages[0].text
    return text.removeprefix("S\n\n").split("\n")


def find_context(folder: Path, sheet: str, **parts: Any) -> str:
    """The header that the last chunk of the first sheet carries."""
    pages = parse(make_xlsx(folder / "a", {"S": sheet}, **parts), XLSX).pages
    return list(split(pages))[-1].context.removeprefix("S\n")


def merge(*areas: str) -> str:
    return "<mergeCells>" + "".join(f'<mergeCell ref="{area}"/>' for area in areas) + "</mergeCells>"


DATA: list[list[str | int]] = [
    [f"Lock {number}", number, number * 2, number * 3, f"north bank {number}"] for number in range(60)
]
NAMES = ["Lock", "Fall", "Toll", "Days", "Place"]


def test_a_merged_cell_stands_in_each_row_that_it_spans(tmp_path: Path) -> None:
    sheet = rows(
        ["Area", "Lock", "Toll"], ["North", "Alder", 5], [None, "Birch", 6], [None, "Cedar", 7], ["South", "Elm", 8]
    )
    assert read(tmp_path, sheet, after=merge("A2:A4")) == [
        "Area | Lock | Toll",
        "North | Alder | 5",
        "North | Birch | 6",
        "North | Cedar | 7",
        "South | Elm | 8",
    ]


def test_a_merged_cell_across_columns_keeps_later_values_in_their_place(tmp_path: Path) -> None:
    sheet = rows(["Area", "Lock", "Toll"], ["Sum", None, 11], ["North", "Alder", 5])
    assert read(tmp_path, sheet, after=merge("A2:B2"))[1] == "Sum |  | 11"


def test_a_merged_title_is_written_once(tmp_path: Path) -> None:
    sheet = rows(["Tolls of the year"], [], [], NAMES, *DATA)
    assert read(tmp_path, sheet, after=merge("A1:E3"))[:3] == [
        "Tolls of the year",
        "",
        "Lock | Fall | Toll | Days | Place",
    ]
    assert find_context(tmp_path, sheet, after=merge("A1:E3")) == "Lock | Fall | Toll | Days | Place"


def test_names_of_groups_of_columns_are_carried_into_later_chunks(tmp_path: Path) -> None:
    sheet = rows(
        ["Lock", "2025", None, "2026", None], [None, "Fall", "Toll", "Fall", "Toll"], *([*row[:4], 1] for row in DATA)
    )
    context = find_context(tmp_path, sheet, after=merge("A1:A2", "B1:C1", "D1:E1"))
    assert context == "Lock | 2025 | 2025 | 2026 | 2026\nLock | Fall | Toll | Fall | Toll"


def test_hidden_values_below_a_merged_cell_are_left_out(tmp_path: Path) -> None:
    sheet = rows(["a", "b"], ["North", 1], ["hidden", 2], ["South", 3])
    assert read(tmp_path, sheet, after=merge("A2:A3"))[2] == "North | 2"


@pytest.mark.parametrize("above", [[["Tolls"], []], [["Account", "77"], ["From", "May"], []], [[], []]])
def test_lines_above_a_table_are_no_header(tmp_path: Path, above: list[list[str]]) -> None:
    assert find_context(tmp_path, rows(*above, NAMES, *DATA)) == "Lock | Fall | Toll | Days | Place"


def test_frozen_rows_are_header_rows(tmp_path: Path) -> None:
    pane = '<sheetViews><sheetView><pane ySplit="2" topLeftCell="A3" state="frozen"/></sheetView></sheetViews>'
    sheet = rows(["Lock", "Fall", "Toll", "Days", "Place"], ["name", "m", "EUR", "d", "bank"], *DATA)
    assert find_context(tmp_path, sheet, before=pane).split("\n")[1] == "name | m | EUR | d | bank"


def test_rows_that_are_printed_on_each_page_are_header_rows(tmp_path: Path) -> None:
    area = '<definedName name="_xlnm.Print_Titles" localSheetId="0">S!$A:$A,S!$1:$2</definedName>'
    names = f"<definedNames>{area}</definedNames>"
    sheet = rows(NAMES, ["name", "m", "EUR", "d", "bank"], *DATA)
    assert find_context(tmp_path, sheet, workbook=names).split("\n")[1] == "name | m | EUR | d | bank"


def test_a_defined_table_has_its_header_wherever_it_begins(tmp_path: Path) -> None:
    table = f'<table xmlns="{S}" ref="A3:E63"/>'
    parts = {_RELATIONS: relate(("t", "table", "/xl/tables/table1.xml")), "xl/tables/table1.xml": table}
    sheet = rows(["a", "b", "c", "d", "e"], ["f", "g", "h", "i", "j"], NAMES, *DATA)
    assert find_context(tmp_path, sheet, parts=parts) == "Lock | Fall | Toll | Days | Place"


def test_defined_tables_beside_each_other_are_not_torn_apart(tmp_path: Path) -> None:
    names = (("t", "table", "/xl/tables/table1.xml"), ("u", "table", "/xl/tables/table2.xml"))
    parts = {
        _RELATIONS: relate(*names),
        "xl/tables/table1.xml": f'<table xmlns="{S}" ref="A1:B4"/>',
        "xl/tables/table2.xml": f'<table xmlns="{S}" ref="D1:E3"/>',
    }
    sheet = rows(["a", "b", None, "c", "d"], [1, 2, None, 3, 4], [5, 6, None, 7, 8], [9, 10])
    assert read(tmp_path, sheet, parts=parts) == ["a | b |  | c | d", "1 | 2 |  | 3 | 4", "5 | 6 |  | 7 | 8", "9 | 10"]


def test_blank_rows_part_tables_but_not_the_rows_of_one(tmp_path: Path) -> None:
    second: list[list[str | int]] = [["Barge", "Load"], *[list[str | int]([f"Barge {n}", n]) for n in range(80)]]
    one = rows(NAMES, *DATA, [], *DATA, [], ["Sum", 5, 7])
    assert find_context(tmp_path, one) == "Lock | Fall | Toll | Days | Place"
    assert "" not in read(tmp_path, one)
    assert find_context(tmp_path, rows(NAMES, *DATA, [], *second)) == "Barge | Load"
    assert find_context(tmp_path, rows(NAMES, *DATA, [], ["Of barges"], *second)) == "Barge | Load"


def test_a_formula_without_a_value_is_shown(tmp_path: Path) -> None:
    sheet = rows(
        ["<f>SUM(B2:B3)</f>", "<f>1+1</f><v></v>", "<f>1+1</f><v>2</v>"],
        ["<f>_xlfn.XLOOKUP(A1,B:B,C:C)</f>", '<f t="array" ref="B2:B3">A1:A2*2</f>', '<f>"a"&amp;"b"</f><v/>'],
    )
    assert read(tmp_path, sheet) == ["=SUM(B2:B3) | =1+1 | 2", '=XLOOKUP(A1,B:B,C:C) | =A1:A2*2 | ="a"&"b"']


def test_a_formula_whose_value_is_an_empty_text_shows_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, f'<row><c t="str"><f>IF(A1,"x","")</f><v></v></c></row>{rows([None, 2], first=2)}') == [
        " | 2"
    ]


def test_a_zero_that_was_never_calculated_is_not_shown(tmp_path: Path) -> None:
    sheet = rows(["<f>SUM(B1:B3)</f><v>0</v>", "<f>2+3</f><v>5</v>"])
    assert read(tmp_path, sheet) == ["0 | 5"]
    assert read(tmp_path, sheet, workbook='<calcPr calcId="1" fullCalcOnLoad="1"/>') == ["=SUM(B1:B3) | 5"]


def test_a_shared_formula_is_shown_for_each_cell(tmp_path: Path) -> None:
    first = '<f t="shared" ref="C1:C3" si="0">A1*$B$1+SUM(A$1:A1)</f>'
    other = '<f t="shared" si="0"/>'
    assert [line.split(" | ")[2] for line in read(tmp_path, rows([1, 2, first], [3, 4, other], [5, 6, other]))] == [
        "=A1*$B$1+SUM(A$1:A1)",
        "=A2*$B$1+SUM(A$1:A2)",
        "=A3*$B$1+SUM(A$1:A3)",
    ]


@pytest.mark.parametrize(
    ("formula", "shifted"),
    [
        ("A1", "C2"),
        ("$A1+A$1", "$A2+C$1"),
        ("Sheet1!B2:C3", "Sheet1!D3:E4"),
        ("'Q1 A1'!B2&\"A1\"", "'Q1 A1'!D3&\"A1\""),
        ("LOG10(A1)", "LOG10(C2)"),
        ("RATE_A1+A1.B2", "RATE_A1+A1.B2"),
        ("XFD1", "#REF!"),
    ],
)
def test_references_of_a_shared_formula_move_with_their_cell(formula: str, shifted: str) -> None:
    assert shift_formula(formula, 1, 2) == shifted


def test_links_of_cells_keep_their_addresses(tmp_path: Path) -> None:
    links = (
        f'<hyperlinks><hyperlink ref="A2" xmlns:r="{R}" r:id="a"/><hyperlink ref="B2" location="S!A1"/></hyperlinks>'
    )
    call = '<f>HYPERLINK("https://tolls.example.org/5","Toll")</f>'
    sheet = rows(["Lock", "Toll", "More"], ["Alder", 5, call])
    found = read(tmp_path, sheet, after=links, parts={_RELATIONS: _EXTERNAL})
    assert found[1] == "Alder (https://locks.example.org/alder) | 5 | Toll (https://tolls.example.org/5)"


def test_a_link_of_several_cells_belongs_to_each(tmp_path: Path) -> None:
    links = f'<hyperlinks><hyperlink ref="A1:A1048576" xmlns:r="{R}" r:id="a"/></hyperlinks>'
    found = read(tmp_path, rows(["Alder"], ["Birch"]), after=links, parts={_RELATIONS: _EXTERNAL})
    assert found == [f"{name} (https://locks.example.org/alder)" for name in ("Alder", "Birch")]


def comment(ref: str, text: str, author: int = 0) -> str:
    return f'<comment ref="{ref}" authorId="{author}"><text><r><t>{text}</t></r></text></comment>'


def test_comments_follow_the_row_of_their_cell_with_their_authors(tmp_path: Path) -> None:
    listed = comment("B2", "Ada:\nRaised in May") + comment("A3", "Closed", 1) + comment("D9", "Check", 2)
    authors = "<authors><author>Ada</author><author></author></authors>"
    comments = f'<comments xmlns="{S}">{authors}<commentList>{listed}</commentList></comments>'
    parts = {_RELATIONS: relate(("c", "comments", "/xl/comments1.xml")), "xl/comments1.xml": comments}
    assert read(tmp_path, rows(["Lock", "Toll"], ["Alder", 5], ["Birch", 6]), parts=parts) == [
        "Lock | Toll",
        "Alder | 5 | Comment on B2 by Ada: Raised in May",
        "Birch | 6 | Comment on A3: Closed",
        "",
        "Comment on D9: Check",
    ]


def test_a_thread_of_comments_is_written_instead_of_its_substitute(tmp_path: Path) -> None:
    authors = "<authors><author>tc={1}</author></authors>"
    old = f'<comments xmlns="{S}">{authors}<commentList>{comment("A1", "[Threaded comment]")}</commentList></comments>'
    thread = (
        '<ThreadedComments xmlns="t"><threadedComment ref="A1" personId="p"><text>Why so much?</text></threadedComment>'
        '<threadedComment ref="A1" personId="q"><text>Ice.</text></threadedComment></ThreadedComments>'
    )
    people = '<personList xmlns="t"><person id="p" displayName="Ada"/><person id="q" displayName="Bo"/></personList>'
    relations = (("s", "worksheet", "worksheets/sheet9.xml"), ("r0", "worksheet", "worksheets/sheet9.xml"))
    parts = {
        _RELATIONS: relate(("c", "comments", "/xl/c.xml"), ("t", "threadedComment", "/xl/t.xml")),
        "xl/c.xml": old,
        "xl/t.xml": thread,
        "xl/p.xml": people,
        "xl/_rels/workbook.xml.rels": relate(*relations, ("p", "person", "p.xml")),
    }
    assert read(tmp_path, rows([5]), parts=parts) == [
        "5 | Comment on A1 by Ada: Why so much? | Comment on A1 by Bo: Ice."
    ]


def test_text_boxes_pictures_and_charts_are_read_from_top_to_bottom(tmp_path: Path) -> None:
    def anchor(row: int, content: str) -> str:
        return f"<x:twoCellAnchor><x:from><x:col>1</x:col><x:row>{row}</x:row></x:from>{content}</x:twoCellAnchor>"

    box = "<x:sp><x:txBody><a:p><a:r><a:t>Closed in </a:t></a:r><a:r><a:t>winter</a:t></a:r></a:p></x:txBody></x:sp>"
    picture = '<x:pic><x:nvPicPr><x:cNvPr id="2" name="Picture 1" descr="A lock gate"/></x:nvPicPr></x:pic>'
    drawing = f'<x:wsDr xmlns:x="x" xmlns:a="{A}">{anchor(9, box)}{anchor(2, picture)}</x:wsDr>'
    points = (
        '<c:ser><c:tx><c:v>Tolls</c:v></c:tx><c:cat><c:strLit><c:pt idx="0"><c:v>May</c:v></c:pt></c:strLit></c:cat>'
    )
    values = '<c:val><c:numLit><c:pt idx="0"><c:v>412</c:v></c:pt></c:numLit></c:val></c:ser>'
    title = "<c:title><c:tx><c:rich><a:p><a:r><a:t>Tolls by month</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    plot = f"<c:plotArea><c:barChart>{points}{values}</c:barChart></c:plotArea>"
    chart = f'<c:chartSpace xmlns:c="c" xmlns:a="{A}"><c:chart>{title}{plot}</c:chart></c:chartSpace>'
    parts = {
        _RELATIONS: relate(("d", "drawing", "/xl/drawings/drawing1.xml")),
        "xl/drawings/drawing1.xml": drawing,
        "xl/drawings/_rels/drawing1.xml.rels": relate(("c", "chart", "/xl/charts/chart1.xml")),
        "xl/charts/chart1.xml": chart,
    }
    text = "\n".join(read(tmp_path, rows([5]), parts=parts))
    places = [text.index(words) for words in ("5", "A lock gate", "Closed in winter", "Tolls by month", "May | 412")]
    assert places == sorted(places)


def test_characters_that_xml_cannot_hold_are_decoded(tmp_path: Path) -> None:
    assert read(tmp_path, rows(["one_x000D_\ntwo", "_x005F_x0041_"])) == ["one two | _x0041_"]


def test_phonetic_guides_of_inline_text_are_left_out(tmp_path: Path) -> None:
    guided = (
        '<row><c t="inlineStr"><is><r><t>水</t></r><r><t>門</t></r><rPh sb="0" eb="1"><t>すい</t></rPh></is></c></row>'
    )
    assert read(tmp_path, guided) == ["水門"]
