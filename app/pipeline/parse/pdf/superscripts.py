"""Exponents, whose place alone says that they are no digits of the number before them: 10^6 instead of 106."""

import re
from collections.abc import Iterator

import pypdfium2 as pdfium

from app.pipeline.parse.pdf.layout import read_character_boxes

_EXPONENT = re.compile(r"(?<![\w.,])(?:10|[A-Za-z]{1,2})([-\u2212\u2013+]?[0-9]{1,2})(?!\w)")
"""After a power of ten, or after a variable or unit. Only these are examined."""
_RAISED = 0.2
_SMALLER = 0.9


def find_superscripts(page: pdfium.PdfTextPage, text: str) -> Iterator[int]:
    """The positions at which an exponent begins."""
    for match in _EXPONENT.finditer(text):
        start = match.start(1)
        base, *raised = read_character_boxes(page, start - 1, match.end())
        if all(
            box.bottom - base.bottom > _RAISED * base.height and box.height < _SMALLER * base.height for box in raised
        ):
            yield start
