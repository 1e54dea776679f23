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
    assert order_columns(page, text) is text


def test_a_table_is_read_row_by_row(tmp_path: Path) -> None:
    cells = [(f"Barge {row} of the company on the canal", f"Laden with {row * 37} tons of coal") for row in range(40)]
    content = "".join(
        draw_line(72, 740 - 14 * row, left) + draw_line(330, 740 - 14 * row, right)
        for row, (left, right) in enumerate(cells)
    )
    assert read(tmp_path, content) == " ".join(chain.from_iterable(cells))


@pytest.mark.corpus
def test_no_page_of_the_corpus_whose_order_is_right_is_touched(corpus: Path) -> None:
    for name in ("multi-column.pdf", "multicolumn.pdf", "fr_olap.pdf", "GeoTopo-komprimiert.pdf", "DA-619p.pdf"):
        for page in pdfium.PdfDocument(corpus / "good" / name):
            characters = page.get_textpage()
            text = characters.get_text_range(errors="ignore")
            assert order_columns(characters, text) is text
