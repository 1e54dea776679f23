"""Line ends that pdfium writes beside superscripts and subscripts, although the line goes on."""

import re
from collections.abc import Iterator

import pypdfium2 as pdfium

from app.pipeline.parse.pdf.edits import Edit
from app.pipeline.parse.pdf.layout import Box, is_same_line, make_box_reader

_LINE_END = re.compile(r"(?<=[^\s\ufffe]) ?\r\n ?(?=[^\s\ufffe])")
_WORD = re.compile(r"[^\W\d_]{3}\Z")
"""The end of a word that is no variable: the number of a note is kept apart, so that the word is found."""
_SMALLER = 0.85
_RAISED = 0.2
_LOWERED = 0.05
_SPACE = 0.15
"""A gap of more than this part of the larger height is a space between words."""
_APART = 0.6
_MARK = 3
"""The most characters of a mark at the start of a line, such as the number of a note at the end of a page."""


def join_scripts(page: pdfium.PdfTextPage, text: str) -> Iterator[Edit]:
    """Replace the line ends between a script and the text of its line by nothing or a space, as their gap shows."""
    joined, read_box = 0, make_box_reader(page)
    for match in _LINE_END.finditer(text):
        start, stop = match.span()
        former, box = read_box(start - 1), read_box(stop)
        if not _goes_on(former, box) or (box.height < former.height and text[start - 1].isdigit()):
            continue
        gap = box.left - former.right
        is_apart = match[0] != "\r\n" or gap > _SPACE * max(former.height, box.height)
        if text[stop].isalnum() and not is_apart:
            line = max(joined, text.rfind("\n", max(start - _MARK - 2, 0), start) + 1)
            leads = joined != line and start - line <= _MARK
            is_apart = leads if former.height < box.height else bool(_WORD.search(text, max(start - _MARK, 0), start))
        yield Edit(start, stop, " " if is_apart else "")
        joined = stop


def _goes_on(former: Box, box: Box) -> bool:
    """Whether two characters stand beside each other, one of them smaller and above or below the line of the other."""
    if not is_same_line(former, box):  # nearly all line ends
        return False
    small, large = sorted((former, box), key=lambda side: side.height)
    height, move = large.height, small.bottom - large.bottom
    return (
        0 < small.height < _SMALLER * height
        and (move > _RAISED * height or move < -_LOWERED * height)
        and -small.height < box.left - former.right < _APART * height
    )
