"""Draws PDF pages for OCR."""

import math
from collections.abc import Iterator

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.pipeline.parse.ocr.engine import OcrError, Picture

RESOLUTION = 300
"""Dots per inch; the resolution on which OCR engines are trained."""
PIXELS = 18_000_000
"""The largest picture: A3 at that resolution, 18 MB."""
_POINTS = 72
_LONGEST_SIDE = 250_000
_WHITE = 255
_MARGIN = 0.15
"""By this share of its height a line of text is covered beyond its box, so that no rims of its letters remain."""
_LARGE = 0.1
"""The share of the page from which pictures may contain text worth reading; logos are smaller."""
_MOST_PICTURES = 200
_FORM_DEPTH = 40
"""The nesting of form XObjects that pdfium reads."""


def is_empty(page: pdfium.PdfPage) -> bool:
    """Whether nothing is drawn on the page."""
    return bool(pdfium_raw.FPDFPage_CountObjects(page) == 0)


def has_large_picture(page: pdfium.PdfPage) -> bool:
    """Whether pictures cover a tenth of the page. A picture in a form XObject counts as large, its place is unknown."""
    width, height = page.get_size()
    covered = 0.0
    pictures = page.get_objects(filter=[pdfium_raw.FPDF_PAGEOBJ_IMAGE], max_depth=_FORM_DEPTH)
    for _, picture in zip(range(_MOST_PICTURES), pictures, strict=False):
        if picture.level:
            return True
        left, bottom, right, top = picture.get_bounds()
        covered += (min(right, width) - max(left, 0)) * (min(top, height) - max(bottom, 0))
        if covered >= _LARGE * width * height:
            return True
    return False


def draw(page: pdfium.PdfPage, text: pdfium.PdfTextPage | None = None) -> Picture:
    """The page as a picture, at a lower resolution where it is large.

    Args:
        page: An open page.
        text: Its text, which is covered with white: also the invisible text that scanners lay over the scan.

    Raises:
        OcrError: when its size is invalid.
    """
    width, height = page.get_size()
    scale = min(RESOLUTION / _POINTS, math.sqrt(PIXELS / max(width * height, 1)))
    if not width * height >= 1 or max(width, height) * scale > _LONGEST_SIDE:
        raise OcrError("the page has an invalid size")
    bitmap = page.render(scale=scale, grayscale=True)
    picture = np.array(bitmap.to_numpy(), dtype=np.uint8).reshape(bitmap.height, bitmap.width)
    if text is not None:
        for left, top, right, bottom in _place_text(page, text, bitmap):
            picture[top:bottom, left:right] = _WHITE
    bitmap.close()
    return picture


def _place_text(
    page: pdfium.PdfPage, text: pdfium.PdfTextPage, bitmap: pdfium.PdfBitmap
) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of each line of text, in pixels."""
    position = bitmap.get_posconv(page)
    for index in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(index)
        corners = position.to_bitmap(left, bottom), position.to_bitmap(right, top)
        (x_start, x_end), (y_start, y_end) = (sorted(pair) for pair in zip(*corners, strict=True))
        rim = math.ceil(_MARGIN * min(x_end - x_start, y_end - y_start)) + 1
        yield max(x_start - rim, 0), max(y_start - rim, 0), max(x_end + rim, 0), max(y_end + rim, 0)
