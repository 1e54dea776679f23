import textwrap
from collections.abc import Callable
from itertools import chain, zip_longest
from pathlib import Path

import pypdfium2 as pdfium
import pytest

from app.domain.media import PDF
from app.pipeline.parse import parse
from app.pipeline.parse.pdf.columns import order_columns
from tests.pipeline.documents import draw_line, draw_pdf

LEFT = textwrap.wrap(
    "The lock keeper counts barges in the morning and writes their names into a long ledger that no one reads"
    " until winter comes and the canal freezes over for weeks on end. " * 6,
    44,
)
RIGHT = textwrap.wrap(
    "Across the valley the railway carries coal at half the price, and every year fewer boats pass the gates,"
    " though the tolls were lowered twice by the company that owns them. " * 6,
    44,
)
TITLE = "A title that spans both of the columns of this page and stands above them"


def draw_words(x: float, y: float, line: str) -> str:
    """Each word drawn separately, as some producers do."""
    shown = " ".join(f"({word} ) Tj" for word in line.split())
    return f"BT /F1 9 Tf {x} {y} Td {shown} ET\n"


def read(folder: Path, content: str) -> str:
    path = folder / "columns.pdf"
    path.write_bytes(draw_pdf(content))
    return " ".join(parse(path, PDF).pages[0].text.split())


@pytest.mark.parametrize("draw", [draw_line, draw_words])
@pytest.mark.parametrize("shift", [0, 5])
def test_columns_drawn_line_by_line_across_the_page_are_read_one_after_the_other(
    tmp_path: Path, draw: Callable[[float, float, str], str], shift: int
) -> None:
    rows = enumerate(zip_longest(LEFT, RIGHT, fillvalue=""))
    lines = chain.from_iterable(
        (draw(72, 700 - 14 * row, left), draw(330, 700 - shift - 14 * row, right)) for row, (left, right) in rows
    )
    assert read(tmp_path, draw_line(72, 740, TITLE) + "".join(lines)) == " ".join([TITLE, *LEFT, *RIGHT])


def test_columns_drawn_one_after_the_other_stay_as_they_are() -> None:
    content = "".join(
        draw_line(x, 700 - 14 * row, line) for x, lines in ((72, LEFT), (330, RIGHT)) for row, line in enumerate(lines)
    )
    page = pdfium.PdfDocument(draw_pdf(content))[0].get_textpage()
    text = page.get_text_range()
    assert order_columns(page, text) is None


def test_a_table_is_read_row_by_row(tmp_path: Path) -> None:
    cells = [(f"Barge {row} of the company on the canal", f"Laden with {row * 37} tons of coal") for row in range(40)]
    content = "".join(
        draw_line(72, 740 - 14 * row, left) + draw_line(330, 740 - 14 * row, right)
        for row, (left, right) in enumerate(cells)
    )
    assert read(tmp_path, content) == " ".join(chain.from_iterable(cells))


SHORT_LEFT = ["The office opens at seven in the", "morning and closes when the last", "boat has left the basin."]
SHORT_RIGHT = ["Visitors pay the toll at the second", "window, where they also receive a", "map of the locks."]
SHORT_THIRD = ["In winter the keeper lives in the", "small stone building behind the", "northern gate."]


def draw_rows(*columns: list[str], top: float = 700, step: float = 180) -> str:
    """Columns drawn line by line across the page."""
    rows = zip_longest(*columns, fillvalue="")
    return "".join(
        draw_line(40 + step * number, top - 12 * row, line)
        for row, lines in enumerate(rows)
        for number, line in enumerate(lines)
        if line
    )


@pytest.mark.parametrize("lines", [2, 3])
def test_two_columns_of_a_short_page_are_read_one_after_the_other(tmp_path: Path, lines: int) -> None:
    left, right = SHORT_LEFT[:lines], SHORT_RIGHT[:lines]
    assert read(tmp_path, draw_rows(left, right)) == " ".join([*left, *right])


def test_lines_that_begin_with_names_are_columns_where_their_sentences_go_on(tmp_path: Path) -> None:
    left = ["Dr Weber has received the", "Medal of Merit from the", "President of the republic."]
    right = ["Anna Schmidt has won the", "Race of the Locks, held in", "Hamburg on a Sunday."]
    assert read(tmp_path, draw_rows(left, right)) == " ".join([*left, *right])


def test_three_columns_of_a_short_page_are_read_one_after_the_other(tmp_path: Path) -> None:
    columns = [SHORT_LEFT, SHORT_RIGHT, SHORT_THIRD]
    assert read(tmp_path, draw_rows(*columns)) == " ".join(chain.from_iterable(columns))


def test_three_long_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    columns = [textwrap.wrap(text, 30)[:24] for text in (" ".join(LEFT), " ".join(RIGHT), " ".join(LEFT[3:]))]
    assert read(tmp_path, draw_rows(*columns)) == " ".join(chain.from_iterable(columns))


def test_a_heading_across_short_columns_stays_between_them(tmp_path: Path) -> None:
    heading = draw_line(40, 650, "What the company writes to those who travel on the canal in the summer months")
    content = draw_rows(SHORT_LEFT, SHORT_RIGHT) + heading + draw_rows(SHORT_THIRD, SHORT_LEFT, top=630)
    expected = [*SHORT_LEFT, *SHORT_RIGHT, heading.split("(")[1].split(")")[0], *SHORT_THIRD, *SHORT_LEFT]
    assert read(tmp_path, content) == " ".join(expected)


def test_a_title_above_and_a_number_below_short_columns_stay_there(tmp_path: Path) -> None:
    content = draw_line(40, 740, "News") + draw_rows(SHORT_LEFT, SHORT_RIGHT[:2]) + draw_line(40, 60, "Page 1")
    assert read(tmp_path, content) == " ".join(["News", *SHORT_LEFT, *SHORT_RIGHT[:2], "Page 1"])


@pytest.mark.parametrize(
    "rows",
    [
        [("Harbour", "Toll in crowns"), ("Bergen", "41"), ("Stavanger", "37"), ("Trondheim", "52")],
        [("oak planks", "delivered by barge"), ("pig iron", "delivered by rail"), ("coal", "delivered by cart")],
        [("name of the ship", "Halcyon of Hull"), ("length of the keel", "31 metres"), ("flag", "Norwegian")],
        [("Opening hours of the office", "from seven to five"), ("Telephone of the keeper", "on the second page")],
    ],
)
def test_a_small_table_is_read_row_by_row(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    content = draw_rows([row[0] for row in rows], [row[1] for row in rows], step=200)
    assert read(tmp_path, content) == " ".join(chain.from_iterable(rows))


@pytest.mark.corpus
def test_no_page_of_the_corpus_whose_order_is_right_is_touched(corpus: Path) -> None:
    for name in ("multi-column.pdf", "multicolumn.pdf", "fr_olap.pdf", "GeoTopo-komprimiert.pdf", "DA-619p.pdf"):
        for page in pdfium.PdfDocument(corpus / "good" / name):
            characters = page.get_textpage()
            text = characters.get_text_range(errors="ignore")
            assert order_columns(characters, text) is None
