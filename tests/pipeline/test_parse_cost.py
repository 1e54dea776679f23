"""The processor time of parsing: four times the file takes four times as long, whatever its form."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import html as lxml_html

from app.domain.media import CSV, DOCX, HTML, MARKDOWN, XLSX
from app.pipeline.parse import parse
from app.pipeline.parse.web.article_cost import is_costly
from tests import growth
from tests.pipeline.documents import W, make_docx, paragraph
from tests.pipeline.packages import make_xlsx

pytestmark = pytest.mark.slow

_NAVIGATION = "<nav><a href='/'>Home</a></nav>"
_NESTED_LINKS = "<a href=x>link<span>" * 500 + "</span></a>" * 500
_SPANNED = "<td colspan=100 rowspan=100>cell"
_DEEP = "<div>" * 150 + "text" + "</div>" * 150

_PAGES: dict[str, tuple[Callable[[int], str], int]] = {
    "cells in rows": (lambda n: "<table>" + ("<tr>" + "<td>cell" * 10) * n, 300),
    "cells in one row": (lambda n: "<table><tr>" + "<td>cell" * n, 5_000),
    "cells without a row": (lambda n: "<table>" + "<td>cell" * n, 5_000),
    "empty cells": (lambda n: "<table><tr><td>one<td>two" + "<td>" * n, 20_000),
    "spans": (lambda n: "<table>" + f"<tr>{_SPANNED * 4}" * n, 100),
    "one wide row above many": (lambda n: "<table><tr><td colspan=100>wide" + "<tr><td>cell" * n, 1_000),
    "nested tables": (lambda n: "<table><tr><td>x" * n, 150),
    "links": (lambda n: "".join(f"<a href='/{number}'>link</a> " for number in range(n)), 13_000),
    "nested links": (lambda n: _NESTED_LINKS * n, 4),
    "deep elements": (lambda n: _DEEP * n, 8),
    "articles": (lambda n: "<article><p>One of many short texts.</p></article>" * n, 7_000),
    "headings": (lambda n: "<h2>A heading</h2>" * n, 2_000),
    "items": (lambda n: "<ul>" + "<li>item" * n, 2_000),
    "line ends": (lambda n: "<p>" + "text<br>" * n, 2_000),
    "superscripts": (lambda n: "<p>" + "a<sup>2</sup>" * n, 5_000),
    "nested deletions": (lambda n: "<p><del>a" * n, 1_000),
    "addresses": (lambda n: "".join(f"<a href='https://a.example.org/{i}'>a</a> " for i in range(n)), 3_000),
    "formulas": (lambda n: "<math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>" * n, 2_000),
    "nesting beyond the parser": (lambda n: "<div>" * n + "text", 10_000),
    "inline elements": (lambda n: "<p>" + "<b>bold</b> <i>word</i> " * n, 2_000),
}


def check_linear(write: Callable[[int], Path], media_type: str, size: int) -> None:
    """Write and parse a file and one of four times its size."""
    parse(write(1), media_type)  # imports
    growth.check_linear(lambda number: parse(write(number), media_type), size)


@pytest.mark.parametrize("form", _PAGES)
@pytest.mark.parametrize("before", ["", _NAVIGATION], ids=["plain", "navigation"])
def test_a_web_page_of_any_form_is_read_in_linear_time(tmp_path: Path, before: str, form: str) -> None:
    make, size = _PAGES[form]

    def write(number: int) -> Path:
        (tmp_path / "page.html").write_text(f"<body>Some text. {before}{make(number)}")
        return tmp_path / "page.html"

    check_linear(write, HTML, size)


def test_only_pages_of_an_unusual_form_are_read_without_a_search_for_their_article() -> None:
    text = "<div><div><div><p>A paragraph with <a href='/x'>a link</a> and <b>more</b>.</p></div></div></div>"
    table = "<table>" + ("<tr>" + "<td>cell" * 12) * 1_000 + "</table>"
    assert not is_costly(lxml_html.document_fromstring(text * 5_000 + table))
    assert is_costly(lxml_html.document_fromstring(text * 10_000))
    assert is_costly(lxml_html.document_fromstring("<table><tr>" + "<td>cell" * 12_000))


def test_tables_of_text_and_sheets_are_read_in_linear_time(tmp_path: Path) -> None:
    def write_csv(number: int) -> Path:
        (tmp_path / "wide.csv").write_text("one,two" + "," * number + "\n" + "a,b\n" * number)
        return tmp_path / "wide.csv"

    def write_markdown(number: int) -> Path:
        (tmp_path / "page.md").write_text("| a | b |\n" * number + "\n# Heading\n" * number + "|" * number)
        return tmp_path / "page.md"

    def write_xlsx(number: int) -> Path:
        cells = '<c t="str"><v>cell</v></c>' * number
        rows = '<row><c r="ZZZ1" t="str"><v>far</v></c><c r="A1" t="str"><v>back</v></c></row>' * number
        return make_xlsx(tmp_path / "wide.xlsx", {"Sheet": f"<row>{cells}</row>{rows}"})

    check_linear(write_csv, CSV, 20_000)
    check_linear(write_markdown, MARKDOWN, 10_000)
    check_linear(write_xlsx, XLSX, 2_500)


_SHEETS: dict[str, tuple[Callable[[int], tuple[str, str]], int]] = {
    "merged cells": (
        lambda n: (
            "".join(f'<row r="{2 * row + 1}"><c r="A{2 * row + 1}"><v>{row}</v></c></row>' for row in range(n)),
            "<mergeCells>"
            + "".join(f'<mergeCell ref="A{2 * row + 1}:Z{2 * row + 2}"/>' for row in range(n))
            + "</mergeCells>",
        ),
        2_000,
    ),
    "one merged cell above all": (
        lambda n: (
            "".join(f'<row r="{row}"><c r="ALL{row}"><v>{row}</v></c></row>' for row in range(1, n)),
            '<mergeCells><mergeCell ref="A1:ALK1048576"/></mergeCells>',
        ),
        300,
    ),
    "shared formulas": (
        lambda n: (
            '<row r="1"><c r="A1"><f t="shared" si="0" ref="A1:A9">SUM(B1:B2)</f></c></row>'
            + "".join(f'<row r="{row}"><c r="A{row}"><f t="shared" si="0"/></c></row>' for row in range(2, n)),
            "",
        ),
        5_000,
    ),
    "a long formula that cells share": (
        lambda n: (
            f'<row r="1"><c r="A1"><f t="shared" si="0">HYPERLINK("{"x" * 1000 * n}</f><v>1</v></c></row>'
            + "".join(f'<row r="{r}"><c r="A{r}"><f t="shared" si="0"/><v>1</v></c></row>' for r in range(2, n)),
            "",
        ),
        1_000,
    ),
    "rows between blank ones": (
        lambda n: ("".join(f'<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>' for row in range(1, 2 * n, 2)), ""),
        5_000,
    ),
    "empty cells": (lambda n: ('<row r="1">' + '<c r="B1" s="1"/>' * n + "</row>" + '<row r="2"/>' * n, ""), 100_000),
    "one endless tag": (lambda n: (f'<row r="1" x="{"c" * n}"><c r="A1"><v>1</v></c></row>', ""), 500_000),
}


@pytest.mark.parametrize("form", _SHEETS)
def test_a_sheet_of_any_form_is_read_in_linear_time(tmp_path: Path, form: str) -> None:
    make, size = _SHEETS[form]

    def write(number: int) -> Path:
        rows, after = make(number)
        first = '<row r="1"><c r="A1"><v>1</v></c></row>'
        return make_xlsx(tmp_path / "a.xlsx", {"Sheet": rows or first, "Other": first}, after=after)

    check_linear(write, XLSX, size)


@pytest.mark.parametrize("level", [8, 9_000, 999_999])
def test_a_numbered_paragraph_of_any_level_costs_the_same(tmp_path: Path, level: int) -> None:
    def read(level: int) -> None:
        numbered = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr>'
        levels = f'<w:lvl w:ilvl="{level}"><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
        numbering = (
            f'<w:numbering xmlns:w="{W}"><w:abstractNum w:abstractNumId="1">{levels}</w:abstractNum>'
            '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num></w:numbering>'
        )
        path = make_docx(tmp_path / "a.docx", paragraph("Text", numbered) * 500, {"numbering": numbering})
        parse(path, DOCX)

    growth.check_alike(lambda: read(0), lambda: read(level))
