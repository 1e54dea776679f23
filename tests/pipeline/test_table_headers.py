import pytest

from app.domain.documents import Chunk, Page
from app.pipeline.chunking.chunk import split
from tests.growth import check_linear

ROWS = [f"Barge {number} | {number * 37} tons | Hull {number}. Sound. Dry" for number in range(60)]
HEADER = "Name | Load | State"


def cut(text: str, size: int = 300, overlap: int = 60) -> list[Chunk]:
    return list(split([Page(None, text)], size, overlap))


def test_every_later_piece_of_a_table_carries_its_header_beside_its_text() -> None:
    text = "\n".join(["Of the barges.", "", HEADER, *ROWS, "", "That is all of them. " * 30])
    chunks = cut(text)
    table = [chunk for chunk in chunks if chunk.text.startswith("Barge")]
    assert len(table) > 5
    assert {chunk.context for chunk in table} == {HEADER}
    assert all(chunk.indexed_text == f"{HEADER}\n{chunk.text}" for chunk in table)
    assert {chunk.context for chunk in chunks if chunk not in table} == {""}
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)


def test_a_table_is_cut_between_its_rows() -> None:
    for chunk in cut("\n".join([HEADER, *ROWS])):
        assert set(chunk.text.split("\n")) <= {HEADER, *ROWS}


def test_a_row_of_one_cell_does_not_end_a_table() -> None:
    chunks = cut("\n".join([HEADER, *ROWS[:30], "Built after the war", *ROWS[30:]]))
    assert {chunk.context for chunk in chunks[1:]} == {HEADER}


def test_the_rule_of_a_markdown_table_is_no_header() -> None:
    rows = [f"| Barge {number} | {number * 37} |" for number in range(60)]
    chunks = cut("\n".join(["| Name | Load |", "| --- | ---: |", *rows]))
    assert {chunk.context for chunk in chunks[1:]} == {"| Name | Load |"}


def test_two_tables_have_each_its_own() -> None:
    chunks = cut("\n".join([HEADER, *ROWS, "", "Year | Ice | Days", *(f"18{n} | thick | {n}" for n in range(10, 60))]))
    assert chunks[1].context == HEADER
    assert chunks[-1].context == "Year | Ice | Days"


def test_a_long_header_ends_with_a_whole_cell() -> None:
    header = " | ".join(f"Column number {number}" for number in range(60))
    context = cut("\n".join([header, *ROWS]), 1500, 0)[1].context
    assert header.startswith(context + " |")
    assert len(context) <= 400


def test_a_header_whose_first_cell_is_endless_is_cut_all_the_same() -> None:
    chunks = cut("\n".join([f"{'a:b; ' * 8000} | Load", *ROWS]))
    assert max(len(chunk.context) for chunk in chunks) == 400 - 1  # without the space at the cut


def test_prose_with_a_bar_is_no_table() -> None:
    assert {chunk.context for chunk in cut("Either a | b or c.\n" + "Nothing of the kind follows. " * 40)} == {""}


@pytest.mark.parametrize("unit", ["|", "a | b\n", " | ", "  \n|", "|\nx\n", " "])
def test_any_run_of_bars_is_cut_in_linear_time(unit: str) -> None:
    check_linear(lambda size: list(split([Page(None, unit * (size // len(unit)))])), 150_000)
