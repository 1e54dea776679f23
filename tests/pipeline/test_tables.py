"""The table model: spans, titles, header rows."""

import pytest

from app.domain.documents import Page
from app.domain.errors import ParseLimitExceededError
from app.pipeline.chunking.chunk import split
from app.pipeline.parse.limits import Budget
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.rendering.marks import MARK_BODY, take_marks, write_heading
from app.pipeline.parse.rendering.tables import Cell, Table


def make(*rows: list[Cell | str], header: int = 0) -> str:
    table = Table(Budget(100_000, "too long"))
    for number, row in enumerate(rows):
        table.add_row(row, header=number < header)
    return table.write()


def lines(*rows: list[Cell | str], header: int = 0) -> list[str]:
    return make(*rows, header=header).replace(MARK_BODY, "").split("\n")


def test_a_cell_across_rows_stands_in_each_of_them() -> None:
    rows = lines(["Land", "City"], [Cell("Chile", rows=2), "Talca"], ["Arica"], ["Peru", "Tacna"])
    assert rows == ["Land | City", "Chile | Talca", "Chile | Arica", "Peru | Tacna"]


def test_a_cell_across_columns_keeps_later_cells_below_their_header() -> None:
    assert lines(["A", "B", "C"], [Cell("Sum", columns=2), "9"], ["1", "2", "3"])[1] == "Sum |  | 9"


def test_a_group_of_columns_is_named_for_each_of_them() -> None:
    text = make(["Site", Cell("2023", columns=2)], ["", "wet", "dry"], ["North", "1", "2"], ["South", "3", "4"])
    assert text == f"Site | 2023 | 2023\n | wet | dry\n{MARK_BODY}North | 1 | 2\nSouth | 3 | 4"


def test_a_header_cell_across_rows_makes_them_all_header_rows() -> None:
    text = make([Cell("Site", rows=2), "Rain", "Sun"], ["mm", "h"], ["North", "1", "2"])
    assert text.split(MARK_BODY) == ["Site | Rain | Sun\nSite | mm | h\n", "North | 1 | 2"]


def test_a_span_across_rows_and_columns_moves_the_cells_beside_it() -> None:
    rows = lines(["a", "b", "c", "d"], [Cell("x", columns=2, rows=2), "1", "2"], ["3", "4"], ["5", "6", "7", "8"])
    assert rows[1:] == ["x |  | 1 | 2", "x |  | 3 | 4", "5 | 6 | 7 | 8"]


def test_lines_above_a_table_are_titles_and_no_header() -> None:
    rows: list[list[Cell | str]] = [["Report of May"], ["Account", "77"], ["Day", "Payee", "Sum", "Of"]]
    data: list[list[Cell | str]] = [[str(day), f"P{day}", "5", "x"] for day in range(9)]
    assert make(*rows, *data).split(MARK_BODY)[0] == "Report of May\nAccount | 77\n\nDay | Payee | Sum | Of\n"


def test_a_marked_header_counts_as_far_as_it_is_marked() -> None:
    text = make(["a", "b"], ["c", "d"], ["1", "2"], ["3", "4"], header=2)
    assert text.split(MARK_BODY)[0] == "a | b\nc | d\n"


def test_names_of_rows_do_not_make_a_header() -> None:
    text = make(["a", "b"], [Cell("c", header=True), "1"], [Cell("d", header=True), "2"])
    assert text.split(MARK_BODY)[0] == "a | b\n"


def test_a_list_in_one_column_has_no_header() -> None:
    assert make(["one"], ["two"], ["three"]) == "one\ntwo\nthree"


def test_a_bar_within_a_cell_is_no_separator() -> None:
    assert lines(["1", "red | blue"], ["2", "a||b"], ["3", "x"]) == ["1 | red|blue", "2 | a||b", "3 | x"]


def test_spans_that_multiply_the_text_are_limited() -> None:
    table = Table(Budget(900_000, "too long"))
    table.add_row([Cell("x" * 150, rows=10**9) for _ in range(900)])
    for _ in range(5):
        table.add_row(["y"])
    with pytest.raises(ParseLimitExceededError):
        table.add_row(["y"])


def test_each_later_chunk_of_a_table_carries_all_rows_of_its_header() -> None:
    rows: list[list[Cell | str]] = [[f"Site {n}", str(n), str(2 * n)] for n in range(200)]
    text, marks = take_marks(make(["Site", Cell("2023", columns=2)], ["", "wet", "dry"], *rows))
    chunks = list(split([Page(None, text, marks)], 300, 50))
    assert {chunk.context for chunk in chunks[1:]} == {"Site | 2023 | 2023\n| wet | dry"}


def test_marks_are_taken_out_with_their_positions() -> None:
    text, marks = take_marks(f"{write_heading(1, 'Gates')}\n{write_heading(9, 'Locks')}\na\n{MARK_BODY}b\ufdef")
    assert text == "Gates\nLocks\na\nb"
    assert [tuple(mark) for mark in marks] == [(0, 1), (6, 6), (14, 0)]


@pytest.mark.parametrize(
    ("words", "address", "written"),
    [
        ("the manual", "https://example.org/m.pdf", "the manual (https://example.org/m.pdf)"),
        ("example.org/m", "https://www.example.org/m/", "example.org/m"),
        ("write us", "mailto:desk@example.org", "write us (desk@example.org)"),
        ("", "https://example.org", "https://example.org"),
        ("up", "#top", "up"),
        ("run", "javascript:go()", "run"),
        ("page", "sub/page.html", "page"),
        ("dot", "data:image/png;base64,AAAA", "dot"),
        ("words", None, "words"),
    ],
)
def test_a_link_keeps_its_address(words: str, address: str | None, written: str) -> None:
    assert write_link(words, address) == written
