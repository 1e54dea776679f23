"""Lines whose texts stand in the same three or more columns are the rows of a table."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.domain.documents import Page
from app.domain.media import PDF
from app.pipeline.parse import parse
from tests.pipeline.documents import draw_line
from tests.pipeline.pdf_files import build_pdf

ROWS = [
    ("Harbour", "Berths", "Toll", "Open"),
    ("Bergen", "12", "41.50", "all year"),
    ("Stavanger", "", "37.00", "in summer"),
    ("Trondheim", "31", "52.25", "all year"),
]
WRITTEN = [
    "Harbour | Berths | Toll | Open",
    "Bergen | 12 | 41.50 | all year",
    "Stavanger |  | 37.00 | in summer",
    "Trondheim | 31 | 52.25 | all year",
]
BEFORE, AFTER = "The harbours of the coast and their tolls:", "Boats under six metres pay half of the toll."


def draw_rows(
    rows: Sequence[tuple[str, ...]], *, places: tuple[float, ...] = (72, 200, 300, 400), top: float = 680
) -> str:
    return "".join(
        draw_line(x, top - 14 * number, cell)
        for number, row in enumerate(rows)
        for x, cell in zip(places, row, strict=False)
        if cell
    )


def read(folder: Path, content: str, *annotations: str) -> Page:
    path = folder / "table.pdf"
    path.write_bytes(build_pdf(content, annotations=annotations, catalog="/AcroForm << /Fields [] >>"))
    return parse(path, PDF).pages[0]


def test_rows_keep_their_columns_and_the_text_around_them(tmp_path: Path) -> None:
    content = draw_line(72, 720, BEFORE) + draw_rows(ROWS) + draw_line(72, 560, AFTER)
    assert read(tmp_path, content).text.split("\n") == [BEFORE, *WRITTEN, AFTER]


def test_the_first_data_row_is_marked(tmp_path: Path) -> None:
    page = read(tmp_path, draw_rows(ROWS))
    assert [page.text[mark.start :].partition("\n")[0] for mark in page.marks] == [WRITTEN[1]]


def test_numbers_aligned_on_the_right_stand_in_one_column(tmp_path: Path) -> None:
    content = "".join(
        draw_line(72, y, name) + draw_line(200, y, "12") + draw_line(340 - 5 * len(sum_), y, sum_)
        for y, name, sum_ in ((700, "Bergen", "1,041.50"), (686, "Hull", "7.00"), (672, "Oslo", "52.25"))
    )
    assert read(tmp_path, content).text.split("\n") == [
        "Bergen | 12 | 1,041.50",
        "Hull | 12 | 7.00",
        "Oslo | 12 | 52.25",
    ]


def test_links_and_values_stand_in_their_cells(tmp_path: Path) -> None:
    link = "/Subtype /Link /Rect [72 664 100 675] /A << /S /URI /URI (https://example.org/bergen) >>"
    field = "/Subtype /Widget /F 4 /Rect [260 649 290 660] /FT /Tx /T (a) /V (17)"
    written = [
        WRITTEN[0],
        "Bergen (https://example.org/bergen) | 12 | 41.50 | all year",
        "Stavanger 17 |  | 37.00 | in summer",
    ]
    assert read(tmp_path, draw_rows(ROWS), link, field).text.split("\n") == [*written, WRITTEN[3]]


def test_a_tick_box_stands_before_the_words_of_its_cell(tmp_path: Path) -> None:
    boxes = [
        f"/Subtype /Widget /F 4 /Rect [{x} {y} {x + 8} {y + 8}] /FT /Btn /T (t{x}{y}) /V /Off /AS /Off"
        for x, y in ((60, 666), (388, 638))
    ]
    text = read(tmp_path, draw_rows(ROWS), *boxes).text
    assert "☐ Bergen | 12 | 41.50 | all year" in text
    assert "Trondheim | 31 | 52.25 | ☐ all year" in text


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:2],
        [("Name:", "Halcyon"), ("Flag:", "Norwegian"), ("Length:", "31 metres"), ("Berth:", "12")],
        [("The office opens at seven", "Visitors pay the toll at a", "In winter the keeper lives")] * 4,
    ],
    ids=["two rows", "names and values", "running text"],
)
def test_other_lines_with_gaps_stay_as_they_are(tmp_path: Path, rows: Sequence[tuple[str, ...]]) -> None:
    assert "|" not in read(tmp_path, draw_line(72, 720, BEFORE) + draw_rows(rows)).text


@pytest.mark.corpus
def test_only_tables_of_the_corpus_have_rows(corpus: Path) -> None:
    for name in ("multicolumn.pdf", "a1977-backus-p21.pdf", "crazyones-pdfa.pdf"):
        assert not any(" | " in page.text for page in parse(corpus / "good" / name, PDF).pages)
    table = parse(corpus / "good" / "layout-parser-paper-with-table.pdf", PDF).pages[0].text
    assert "Newspaper [17] | F | - | Layouts of scanned US newspapers from the 20th century" in table
