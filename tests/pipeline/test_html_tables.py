"""Tables of web pages: each row is a line with its values under their headers."""

from pathlib import Path

import pytest

from tests.pipeline.pages import read_article, read_body

_ROLES = (
    "<div role=table><div role=row><span role=columnheader>Dock</span><span role=columnheader>Tons</span></div>"
    "<div role=rowgroup><div role=row><span role=cell>West</span><span role=cell>4</span></div></div></div>"
)
_LIST = "<table><tr><td>Sat<td><ul><li>07:30 - 21:00</ul><tr><td>Sun<td><ul><li>Shut all day</ul></table>"


@pytest.mark.parametrize(
    ("markup", "lines"),
    [
        ("<tr><th>Dock<th>Boat<tr><td rowspan=2>West<td>Ida<tr><td>Eva", ["Dock | Boat", "West | Ida", "West | Eva"]),
        ("<tr><th>a<th>b<th>c<tr><td colspan=2>Sum<td>9", ["a | b | c", "Sum |  | 9"]),
        ("<tr><td rowspan=0>All<td>1<tr><td>2<tr><td>3", ["All | 1", "All | 2", "All | 3"]),
        ("<tbody><tr><td rowspan=9>A<td>1</tbody><tbody><tr><td>B<td>2</tbody>", ["A | 1", "B | 2"]),
        ("<tr><td colspan=0>a<td colspan=-3>b<tr><td rowspan=x>c<td>d", ["a | b", "c | d"]),
        ("<tr><td rowspan=2>a<td>b<td rowspan=3>c<tr><td colspan=2>w<tr><td>p", ["a | b | c", "a | w | c", "p |  | c"]),
        (
            "<thead><tr><th rowspan=2>Dock<th colspan=2>Tons<tr><th>2022<th>2023</thead><tr><td>West<td>1<td>2",
            ["Dock | Tons | Tons", "Dock | 2022 | 2023", "West | 1 | 2"],
        ),
        ("<tfoot><tr><td>Sum<td>3</tfoot><tr><th>a<th>b<tr><td>x<td>1", ["a | b", "x | 1", "Sum | 3"]),
        ("<caption>Loads</caption><tr><td>a<td>b<tr><td>c<td>d", ["Loads", "a | b", "c | d"]),
    ],
    ids=[
        "rowspan",
        "colspan",
        "rowspan 0",
        "a span ends with its section",
        "invalid spans",
        "overlapping spans",
        "two header rows",
        "a footer written first",
        "caption",
    ],
)
def test_cells_stay_in_the_columns_that_a_browser_shows(tmp_path: Path, markup: str, lines: list[str]) -> None:
    assert read_body(tmp_path, f"<table>{markup}</table>").split("\n") == lines


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<p>first</p><p>second</p>", "first second"),
        ("<div>first</div>second", "first second"),
        ("first<br>second<br/>third", "first second third"),
        ("<ul><li>one<li>two</ul>", "one; two"),
        ("<ol><li>open<li>close.<li>wait</ol>", "1. open; 2. close. 3. wait"),
        ("<ul><li>one<ul><li>inner</ul><li>two</ul>", "one; inner; two"),
        ("<dl><dt>Draught<dd>2 m</dl>", "Draught; 2 m"),
        ("<h4>Head</h4>rest", "Head rest"),
        ("<img src=x alt='red buoy'>", "red buoy"),
        ("<form><select><option>low<option selected>high</select> <input value=7></form>", "high 7"),
        ("<pre>x = 1</pre>", "x = 1"),
        ("<table><tr><td>length<td>9 m<tr><td>beam<td>3 m</table>", "length, 9 m; beam, 3 m"),
        ("a | b", "a|b"),
    ],
)
def test_blocks_within_a_cell_leave_the_row_on_one_line(tmp_path: Path, cell: str, text: str) -> None:
    markup = f"<table><tr><th>Name<th>Value</tr><tr><td>Barge<td>{cell}</td></tr><tr><td>Tug<td>x</td></tr></table>"
    assert read_body(tmp_path, markup).split("\n") == ["Name | Value", f"Barge | {text}", "Tug | x"]


@pytest.mark.parametrize(
    "markup",
    [
        _ROLES,
        "<tr><th>Dock<th>Tons</tr><tr><td>West<td>4</tr>",
        "<table><td>Dock<td>Tons<tr><td>West<td>4",
        "<table><tr><td>Dock</td><td>Tons</td></tr><td>West</td><td>4</td></table>",
    ],
    ids=["roles", "no table", "no first row", "no second row"],
)
def test_tables_in_other_markup_are_tables(tmp_path: Path, markup: str) -> None:
    assert read_body(tmp_path, markup) == "Dock | Tons\nWest | 4"


def test_hidden_cells_and_rows_are_left_out(tmp_path: Path) -> None:
    markup = (
        "<table><tr><td style='display: none'>id<td>Boat<td>Tons<tr hidden><td>h<td>h<td>h"
        "<tr><td style='DISPLAY:none'>7<td>Ida<td>40</table>"
    )
    assert read_body(tmp_path, markup) == "Boat | Tons\nIda | 40"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<table role=presentation><tr><td>left<td>right</table>", "left\nright"),
        ("<table><tr><td>one<tr><td>two</table>", "one\ntwo"),
        ("<table><tr><td><h1>Locks</h1><p>How they work.</p><td>Menu</table>", "Locks\n\nHow they work.\nMenu"),
        (
            "<table><tr><td>Menu<td><table><tr><th>a<th>b<tr><td>1<td>2<tr><td>3<td>4<tr><td>5<td>6</table></table>",
            "Menu\n\na | b\n1 | 2\n3 | 4\n5 | 6",
        ),
    ],
    ids=["declared", "one column", "headings", "a table within"],
)
def test_the_cells_of_a_layout_follow_each_other_as_blocks(tmp_path: Path, markup: str, text: str) -> None:
    assert read_body(tmp_path, markup) == text


def test_a_list_within_a_table_stays_in_an_article(tmp_path: Path) -> None:
    text = read_article(tmp_path, _LIST)
    assert "Sat | 07:30 - 21:00\nSun | Shut all day" in text
    assert "Part a" not in text


def test_a_table_that_the_article_search_loses_stays_with_its_spans(tmp_path: Path) -> None:
    table = "<table><tr><th>Dock<th>Tons<tr><td rowspan=2>West<td>4<tr><td>5</table>"
    text = read_article(tmp_path, f"<div class='related-post'><details><summary>Data</summary>{table}</details></div>")
    assert "Dock | Tons\nWest | 4\nWest | 5" in text


def test_a_table_of_links_beside_an_article_is_no_part_of_it(tmp_path: Path) -> None:
    links = "".join(f"<tr><td><a href='/{n}'>Story {n}</a><td><a href='/x{n}'>Comments</a>" for n in range(4))
    assert "Story 2" not in read_article(tmp_path, f"<div class=related><table>{links}</table></div>")


def test_a_cell_that_is_one_heading_is_a_value_of_its_row(tmp_path: Path) -> None:
    markup = "<table><tr><td><h4>Barge</h4><td>40 tons<tr><td><h4>Tug</h4><td><ul><li>red<li>blue</ul></table>"
    assert read_body(tmp_path, markup).split("\n") == ["Barge | 40 tons", "Tug | red; blue"]


@pytest.mark.parametrize("section", ["thead", "tfoot"])
def test_a_section_within_a_cell_that_is_never_closed_loses_no_text(tmp_path: Path, section: str) -> None:
    text = read_body(tmp_path, f"<table><tr><td>Dock<td>Tons<{section}><tr><th>West<th>4</table>")
    assert sorted(text.replace("|", " ").split()) == ["4", "Dock", "Tons", "West"]
