"""Text that only the appearance of an annotation shows, such as the words of a stamp or of a signature."""

from collections.abc import Sequence
from contextlib import closing

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.pipeline.parse.pdf.annotations import Annotation, Kind
from app.pipeline.parse.pdf.layout import Box, is_affordable


def read_appearances(document: pdfium.PdfDocument, index: int, annotations: Sequence[Annotation]) -> list[str]:
    """The texts that stamps and signatures of a page draw. The annotations of the page are lost.

    pdfium reads text only from the content of a page, so that the appearances are made a part of it.
    """
    drawn = [item for item in annotations if item.kind is Kind.DRAWN]
    if not drawn:
        return []
    with closing(document[index]) as page, closing(page.get_textpage()) as characters:
        if not is_affordable(len(drawn), characters.count_chars()):
            return []
        before = [_read(characters, item.boxes) for item in drawn]
        kept = {item.number for item in drawn}
        for place in reversed(range(pdfium_raw.FPDFPage_GetAnnotCount(page))):
            if place not in kept:
                pdfium_raw.FPDFPage_RemoveAnnot(page, place)
        if pdfium_raw.FPDFPage_Flatten(page, pdfium_raw.FLAT_NORMALDISPLAY) != pdfium_raw.FLATTEN_SUCCESS:
            return []
    with closing(document[index]) as page, closing(page.get_textpage()) as characters:
        after = [_read(characters, item.boxes) for item in drawn]
    texts = (_subtract(text, former) for former, text in zip(before, after, strict=True))
    return list(dict.fromkeys(filter(None, texts)))


def _read(characters: pdfium.PdfTextPage, boxes: Sequence[Box]) -> str:
    return characters.get_text_bounded(*boxes[0], errors="ignore") if boxes else ""


def _subtract(text: str, former: str) -> str:
    """The lines of ``text`` that are not among the former ones."""
    known = {line.strip() for line in former.split("\n")}
    return "\n".join(line.strip() for line in text.split("\n") if line.strip() not in known)
