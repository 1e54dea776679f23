"""The text of a page in reading order, with the texts that stand beside its content."""

from collections.abc import Iterator, Sequence

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.pipeline.parse.pdf.annotations import Annotation
from app.pipeline.parse.pdf.bidirectional import reorder_mixed_lines
from app.pipeline.parse.pdf.columns import order_columns
from app.pipeline.parse.pdf.edits import Edit, write
from app.pipeline.parse.pdf.grids import find_tables
from app.pipeline.parse.pdf.layout import find_character
from app.pipeline.parse.pdf.placing import place
from app.pipeline.parse.pdf.script_breaks import join_scripts
from app.pipeline.parse.pdf.superscripts import find_superscripts
from app.pipeline.parse.pdf.vertical import order_vertical

_UNMAPPED = "\ufffe"


def read_text(characters: pdfium.PdfTextPage, annotations: Sequence[Annotation]) -> str:
    """The text of a page in reading order, with the texts of these annotations."""
    text = characters.get_text_range(errors="ignore")
    edits = [
        *_find_unmapped(characters, text),
        *(Edit(*line) for line in reorder_mixed_lines(characters, text)),
        *(Edit(place, place, "^") for place in find_superscripts(characters, text)),
    ]
    vertical = order_vertical(characters, text)
    if vertical:
        spans: list[tuple[int, int]] | None = vertical[0]
        edits += (Edit(start, stop, "") for start, stop in vertical[1])
    else:
        spans = order_columns(characters, text)
        edits += join_scripts(characters, text)
    if spans and _count(text) != sum(_count(text[start:stop]) for start, stop in spans):
        spans = None  # pdfium gives no position for some of the text
    lines: list[str] = []
    if annotations:
        placed, lines = place(characters, text, annotations)
        edits += placed
    if not spans:
        edits = find_tables(characters, text, edits)
    if spans or edits:
        text = write(text, spans, edits)
    return "\n".join([text, *filter(None, lines)])


def _find_unmapped(characters: pdfium.PdfTextPage, text: str) -> Iterator[Edit]:
    """Glyphs that the file maps to no character. pdfium writes them as it writes a hyphen at the end of a line."""
    position = text.find(_UNMAPPED)
    while position >= 0:
        if pdfium_raw.FPDFText_IsHyphen(characters.raw, find_character(characters, position)) != 1:
            yield Edit(position, position + 1, "")
        position = text.find(_UNMAPPED, position + 1)


def _count(text: str) -> int:
    """The number of characters that are no spaces."""
    return len("".join(text.split()))
