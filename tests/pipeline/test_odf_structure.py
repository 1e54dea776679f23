"""Tables, lists, links, objects and slides of OpenDocument files."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from app.domain.documents import Page
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.domain.media import ODP, ODS, ODT
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.packages import make_flat_odf, make_odf
from tests.pipeline.test_parse_cost import check_linear

MATH = (
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mfrac><mn>1</mn><mn>2</mn></mfrac>'
    "<annotation>1 over 2</annotation></semantics></math>"
)


def paragraph(text: str, attributes: str = "") -> str:
    return f"<text:p {attributes}>{text}</text:p>"


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}>{paragraph(text)}</table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def table(*rows: str) -> str:
    return f'<table:table table:name="T">{"".join(rows)}</table:table>'


COVERED = "<table:covered-table-cell/>"


def read_page(folder: Path, body: str, parts: Mapping[str, str] | None = None) -> Page:
    return parse(make_odf(folder / "a", ODT, f"<office:text>{body}</office:text>", parts), ODT).pages[0]


def read(folder: Path, body: str, parts: Mapping[str, str] | None = None) -> str:
    return read_page(folder, body, parts).text


def styles(*content: str) -> dict[str, str]:
    written = "".join(content)
    root = "office:document-styles"
    return {"styles.xml": f"<{root} SPACES><office:styles>{written}</office:styles></{root}>"}


def test_merged_cells_keep_the_columns(tmp_path: Path) -> None:
    across = 'table:number-columns-spanned="2"'
    body = table(
        row(cell("Port"), cell("Berth"), cell("Tons")),
        row(cell("Hull", 'table:number-rows-spanned="2"'), cell("1"), cell("20")),
        row(COVERED, cell("2"), cell("30")),
        row(cell("Sum", across), COVERED, cell("50")),
    )
    assert read(tmp_path, body).splitlines() == ["Port | Berth | Tons", "Hull | 1 | 20", "Hull | 2 | 30", "Sum |  | 50"]


def test_several_header_rows_name_their_columns(tmp_path: Path) -> None:
    head = row(cell("Port", 'table:number-rows-spanned="2"'), cell("2025", 'table:number-columns-spanned="2"'), COVERED)
    below = row(COVERED, cell("in"), cell("out"))
    body = table(
        f"<table:table-header-rows>{head}{below}</table:table-header-rows>", row(cell("Hull"), cell("1"), cell("2"))
    )
    page = read_page(tmp_path, body)
    assert page.text.splitlines() == ["Port | 2025 | 2025", "Port | in | out", "Hull | 1 | 2"]
    assert [page.text[mark.start :] for mark in page.marks] == ["Hull | 1 | 2"]


def test_a_table_in_a_cell_stays_within_its_row_and_a_frame_flows_as_text(tmp_path: Path) -> None:
    inner = table(row(cell("bow"), cell("2")), row(cell("stern"), cell("3")))
    holder = f"<table:table-cell>{paragraph('Lines:')}{inner}</table:table-cell>"
    body = table(row(cell("Ship"), cell("Crew")), row(cell("Ouse"), holder), row(cell("Trent"), cell("none")))
    framed = table(row(f"<table:table-cell>{paragraph('One.')}{paragraph('Two.')}</table:table-cell>"))
    assert read(tmp_path, body + framed) == "Ship | Crew\nOuse | Lines: bow, 2; stern, 3\nTrent | none\n\nOne.\n\nTwo."


def test_links_of_words_and_pictures_keep_their_addresses(tmp_path: Path) -> None:
    link = '<text:a xlink:href="https://tolls.example.org">the <text:span>rates</text:span></text:a>'
    inner = '<text:a xlink:href="#top">above</text:a>'
    picture = "<draw:frame><draw:image/><svg:title>Logo</svg:title></draw:frame>"
    linked = f'<draw:a xlink:href="https://canal.example.org">{picture}</draw:a>'
    assert read(tmp_path, paragraph(f"See {link}, {inner}.") + paragraph(linked)) == (
        "See the rates (https://tolls.example.org), above.\n\nLogo (https://canal.example.org)"
    )


def list_style(name: str, *levels: str) -> str:
    return f'<text:list-style style:name="{name}">{"".join(levels)}</text:list-style>'


def level(depth: int, form: str = "1", more: str = 'style:num-suffix="."', kind: str = "number") -> str:
    return f'<text:list-level-style-{kind} text:level="{depth}" style:num-format="{form}" {more}/>'


def items(*contents: str, attributes: str = 'text:style-name="L"') -> str:
    inner = "".join(
        item if item.startswith("<text:list-") else f"<text:list-item>{item}</text:list-item>" for item in contents
    )
    return f"<text:list {attributes}>{inner}</text:list>"


def test_lists_have_their_numbers_and_continue_where_they_say(tmp_path: Path) -> None:
    named = styles(
        list_style("L", level(1), level(2, "a", 'style:num-suffix=")"'), level(3, "1", 'text:display-levels="3"')),
        list_style("B", level(1, "", "", "bullet")),
    )
    deepest = items(paragraph("c"), attributes="")
    body = (
        items(
            paragraph("a") + paragraph("more"),
            paragraph("b") + items(paragraph("x") + deepest, paragraph("y"), attributes=""),
        )
        + paragraph("between")
        + items(paragraph("d"), attributes='text:style-name="L" text:continue-numbering="true" xml:id="one"')
        + items(paragraph("e"), attributes='text:style-name="B"')
        + items(paragraph("f"), attributes='text:style-name="L" text:continue-list="one"')
        + items("<text:list-header><text:p>head</text:p></text:list-header>", paragraph("g"))
        + items(f'<text:list-item text:start-value="7">{paragraph("h")}</text:list-item>', paragraph("i"))
    )
    lines = [line for line in read(tmp_path, body, named).splitlines() if line]
    assert lines == [
        *("1. a", "more", "2. b", "a) x", "2.a.1 c", "b) y", "between", "3. d", "- e", "4. f", "head", "1. g"),
        *("7. h", "8. i"),
    ]


def test_headings_have_the_numbers_of_the_outline(tmp_path: Path) -> None:
    outline = "".join(
        f'<text:outline-level-style text:level="{depth}" style:num-format="{form}" text:display-levels="{depth}"/>'
        for depth, form in ((1, "1"), (2, "A"), (3, ""))
    )
    body = "".join(
        f'<text:h text:outline-level="{depth}" {more}>{text}</text:h>'
        for text, depth, more in (
            *(("a", 1, ""), ("b", 2, ""), ("c", 2, ""), ("plain", 3, ""), ("none", 1, 'text:is-list-header="true"')),
            *(("d", 1, ""), ("e", 2, 'text:restart-numbering="true" text:start-value="4"')),
        )
    )
    page = read_page(tmp_path, body, styles(f"<text:outline-style>{outline}</text:outline-style>"))
    assert page.text.split("\n\n") == ["1 a", "1.A b", "1.B c", "plain", "none", "2 d", "2.D e"]
    assert [mark.level for mark in page.marks] == [1, 2, 2, 3, 1, 1, 2]


def test_a_marker_may_be_given_by_a_template(tmp_path: Path) -> None:
    named = styles(list_style("L", level(1, "I", 'loext:num-list-format="Part %1%:" xmlns:loext="l"')))
    assert read(tmp_path, items(paragraph("a"), paragraph("b")), named).splitlines() == ["Part I: a", "Part II: b"]


def test_formulas_stand_in_their_line_and_charts_after_their_paragraph(tmp_path: Path) -> None:
    def framed(name: str) -> str:
        shown = f'<draw:object xlink:href="./{name}"/><draw:image xlink:href="x"/>'
        return f"<draw:frame>{shown}</draw:frame>"

    head = row(cell(""), cell("2025"))
    rows = f"<table:table-header-rows>{head}</table:table-header-rows>{row(cell('Hull'), cell('3'))}"
    title = f"<chart:title>{paragraph('Tolls')}</chart:title>"
    axes = f"<chart:plot-area><chart:axis><chart:title>{paragraph('Port')}</chart:title></chart:axis></chart:plot-area>"
    chart = f"<office:chart><chart:chart>{title}{axes}{table(rows)}</chart:chart></office:chart>"
    parts = {
        "Object 1/content.xml": MATH,
        "Object 2/content.xml": (
            f"<office:document-content SPACES><office:body>{chart}</office:body></office:document-content>"
        ),
        "Object 3/content.xml": "<broken",
    }
    body = paragraph(f"Take 2{framed('Object 1')} cups{framed('Object 2')}{framed('Object 3')}.") + paragraph("End.")
    assert read(tmp_path, body, parts) == ("Take 2 1/2 cups.\n\nTolls\n\nAxes: Port\n\n | 2025\nHull | 3\n\nEnd.")


def test_notes_comments_and_descriptions_follow_their_paragraph(tmp_path: Path) -> None:
    below = f"<text:note-body>{paragraph('Below.')}</text:note-body>"
    note = f"<text:note><text:note-citation>i</text:note-citation>{below}</text:note>"
    author = "<dc:creator>Ada</dc:creator><dc:date>2026</dc:date>"
    comment = f"<office:annotation>{author}{paragraph('Check.')}</office:annotation>"
    picture = (
        "<draw:frame><draw:image/><svg:title>Lock</svg:title><svg:desc>A lock with two gates</svg:desc></draw:frame>"
    )
    body = paragraph(f"Text{note}{comment}{picture} here.") + table(row(cell(f"a{note}"), cell("b")))
    assert read(tmp_path, body) == (
        "Text[i] here.\n\nLock. A lock with two gates\n\n[i] Below.\n\nComment by Ada: Check.\n\na[i] | b\n\n[i] Below."
    )


def test_hidden_text_readings_and_sources_of_indexes_are_left_out(tmp_path: Path) -> None:
    named = styles('<style:style style:name="H"><style:text-properties text:display="none"/></style:style>')
    body = (
        paragraph('a<text:span text:style-name="H">unseen</text:span>b')
        + paragraph("unseen", 'text:style-name="H"')
        + f'<text:section text:display="none">{paragraph("unseen")}</text:section>'
        + paragraph("<text:ruby><text:ruby-base>東</text:ruby-base><text:ruby-text>とう</text:ruby-text></text:ruby>")
        + "<text:alphabetical-index><text:alphabetical-index-source>unseen</text:alphabetical-index-source>"
        + f"<text:index-body>{paragraph('Index')}</text:index-body></text:alphabetical-index>"
    )
    assert read(tmp_path, body, named) == "ab\n\n東\n\nIndex"


def test_scripts_that_change_a_value_are_marked(tmp_path: Path) -> None:
    named = styles(
        *(
            f'<style:style style:name="{name}"><style:text-properties style:text-position="{position}"/></style:style>'
            for name, position in (("up", "super 58%"), ("raised", "33% 80%"), ("down", "sub 58%"), ("none", "0% 100%"))
        )
    )
    spans = (("10", "none"), ("6", "up"), (" m", "none"), ("2", "raised"), (" H", "none"), ("2", "down"), ("O", "none"))
    content = "".join(f'<text:span text:style-name="{name}">{text}</text:span>' for text, name in spans)
    assert read(tmp_path, paragraph(content), named) == "10^6 m^2 H2O"


def frame(text: str, x: float, y: float, attributes: str = "") -> str:
    place = f'svg:x="{x}cm" svg:y="{y}cm" svg:width="8cm" svg:height="2cm"'
    return f"<draw:frame {place} {attributes}><draw:text-box>{paragraph(text)}</draw:text-box></draw:frame>"


def test_slides_are_read_in_the_order_of_their_positions(tmp_path: Path) -> None:
    group = f"<draw:g>{frame('b', 1, 9)}{frame('a', 1, 6)}</draw:g>"
    shape = (
        f'<draw:custom-shape draw:transform="rotate (1) translate (1cm 3cm)">{paragraph("first")}</draw:custom-shape>'
    )
    shapes = (
        frame("last", 1, 12)
        + group
        + shape
        + frame("7", 20, 0, 'presentation:class="page-number"')
        + frame("Title", 1, 15, 'presentation:class="title"')
    )
    notes = f"<presentation:notes>{frame('Speak.', 0, 0)}</presentation:notes>"
    body = f"<office:presentation><draw:page>{shapes}{notes}</draw:page></office:presentation>"
    page = parse(make_odf(tmp_path / "a", ODP, body), ODP).pages[0]
    assert page.text == "Title\n\nfirst\n\na\n\nb\n\nlast\n\nNotes: Speak."
    assert [mark.level for mark in page.marks] == [1]


def test_what_lies_on_a_sheet_follows_its_rows(tmp_path: Path) -> None:
    comment = f"<office:annotation><dc:creator>Ada</dc:creator>{paragraph('Check.')}</office:annotation>"
    rows = row(cell("a"), f"<table:table-cell>{comment}{paragraph('b')}</table:table-cell>")
    shapes = f"<table:shapes>{frame('boxed', 1, 1)}</table:shapes>"
    body = f'<office:spreadsheet><table:table table:name="S">{shapes}{rows}</table:table></office:spreadsheet>'
    assert parse(make_odf(tmp_path / "a", ODS, body), ODS).pages[0].text == (
        "S\n\na | b\n\nComment by Ada: Check.\n\nboxed"
    )


@pytest.mark.parametrize(
    ("media_type", "body", "text"),
    [
        (
            ODT,
            f"<office:text>{paragraph('Take <draw:frame><draw:object>MATH</draw:object></draw:frame>.')}</office:text>",
            "Take 1/2.",
        ),
        (ODS, f"<office:spreadsheet>{table(row(cell('a'), cell('b')))}</office:spreadsheet>", "T\n\na | b"),
        (ODP, f"<office:presentation><draw:page>{paragraph('Slide')}</draw:page></office:presentation>", "Slide"),
    ],
)
def test_flat_files_are_recognised_and_read_like_zipped_ones(
    tmp_path: Path, media_type: str, body: str, text: str
) -> None:
    picture = f"<office:styles><x><office:binary-data>{'QUJD' * 3_000_000}</office:binary-data></x></office:styles>"
    path = make_flat_odf(tmp_path / "a", media_type, body.replace("MATH", MATH), picture)
    assert detect(path, "anything.xml") == media_type
    parsed = parse(path, media_type)
    assert (parsed.pages[0].text, parsed.metadata["title"]) == (text, "Barges")
    with pytest.raises(ParseLimitExceededError):
        parse(path, media_type, limits=Limits(inflated_bytes=1000))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DocumentDamagedError):
        parse(path, media_type)


def test_damaged_properties_do_not_damage_a_document(tmp_path: Path) -> None:
    parsed = parse(
        make_odf(tmp_path / "a", ODT, f"<office:text>{paragraph('x')}</office:text>", {"meta.xml": "<m"}), ODT
    )
    assert (parsed.pages[0].text, parsed.metadata) == ("x", {})


@pytest.mark.parametrize(
    ("body", "size"),
    [
        (table(row(cell("a", 'table:number-columns-spanned="900" table:number-rows-spanned="900"'), cell("b"))), 300),
        (items(paragraph("a")), 3_000),
        (paragraph("<text:note><text:note-body><text:p>n</text:p></text:note-body></text:note>"), 3_000),
        ("<text:list><text:list-item>" * 60 + paragraph("a") * 20 + "</text:list-item></text:list>" * 60, 20),
    ],
)
def test_a_text_of_any_form_is_read_in_linear_time(tmp_path: Path, body: str, size: int) -> None:
    def write(number: int) -> Path:
        return make_odf(tmp_path / "a", ODT, f"<office:text>{paragraph('x')}{body * number}</office:text>")

    check_linear(write, ODT, size)
