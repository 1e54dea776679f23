"""Where the characters of a page stand: boxes, and the pieces of its lines.

Positions in a text are indexes of Python's string. pdfium counts the characters of a page differently where it leaves
some of them out of the text, so that indexes are translated.
"""

import ctypes
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

_LINE = re.compile("[^\r\n\ufffe]+\ufffe?")
"""A line of a page. pdfium marks a hyphen at its end and leaves the line end out."""
_GAP = 8.0
"""A gap of more points, and of more than the height of the line, is wider than a space between words."""


_EXAMINED = 4_000_000


def is_affordable(areas: int, characters: int) -> bool:
    """Whether that many areas can be compared with that many characters: pdfium compares each with all."""
    return areas * characters <= _EXAMINED


class Box(NamedTuple):
    """An area of a page, in points from its lower left corner."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From bottom to top."""
        return self.top - self.bottom


class Piece(NamedTuple):
    """Characters ``text[start:stop]`` of one line that stand together."""

    start: int
    stop: int
    box: Box


def join_boxes(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all of these."""
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return Box(min(lefts), min(bottoms), max(rights), max(tops))


def is_same_line(former: Box, box: Box) -> bool:
    """Whether two boxes are at the same height."""
    return box.bottom < former.top and box.top > former.bottom


def is_jump(former: Box, box: Box) -> bool:
    """Whether the next text is on the same line, further away than the next word."""
    gap = box.left - former.right
    return gap > _GAP and gap > former.height and is_same_line(former, box)  # mostly false at once


def read_boxes(page: pdfium.PdfTextPage, start: int, stop: int) -> list[Box]:
    """The boxes of runs of text, from those that ``FPDFText_CountRects`` counted last.

    pdfium is called directly: the allocations of its Python layer would double the cost.
    """
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    pointers = [ctypes.byref(value) for value in (left, top, right, bottom)]
    read: Callable[..., int] = pdfium_raw.FPDFText_GetRect
    handle = page.raw
    return [
        Box(left.value, bottom.value, right.value, top.value)
        for index in range(max(0, start), stop)
        if read(handle, index, *pointers)
    ]


def read_character_boxes(page: pdfium.PdfTextPage, start: int, stop: int) -> list[Box]:
    """The boxes of the characters ``text[start:stop]``, as high as their line. Costs as much as reading their text."""
    area = pdfium_raw.FS_RECTF()
    pointer, handle = ctypes.byref(area), page.raw
    read: Callable[..., int] = pdfium_raw.FPDFText_GetLooseCharBox
    first, last = find_character(page, start), find_character(page, stop - 1)
    numbers: Iterable[int] = range(first, last + 1)
    if last - first != stop - 1 - start:
        numbers = (find_character(page, position) for position in range(start, stop))
    boxes = []
    for number in numbers:
        read(handle, number, pointer)
        boxes.append(Box(area.left, area.bottom, area.right, area.top))
    return boxes


def make_box_reader(page: pdfium.PdfTextPage) -> Callable[[int], Box]:
    """A function that reads the box of one character by its position in the text, as ``read_character_boxes`` does."""
    area = pdfium_raw.FS_RECTF()
    pointer, handle = ctypes.byref(area), page.raw
    find: Callable[..., int] = pdfium_raw.FPDFText_GetCharIndexFromTextIndex
    read: Callable[..., int] = pdfium_raw.FPDFText_GetLooseCharBox

    def read_box(position: int) -> Box:
        read(handle, find(handle, position), pointer)
        return Box(area.left, area.bottom, area.right, area.top)

    return read_box


def find_character(page: pdfium.PdfTextPage, position: int) -> int:
    """The index that pdfium gives a character, by its position in the text."""
    return int(pdfium_raw.FPDFText_GetCharIndexFromTextIndex(page.raw, position))


def find_position(page: pdfium.PdfTextPage, character: int) -> int:
    """The position in the text of a character by pdfium's index; negative for one that is not in the text."""
    return int(pdfium_raw.FPDFText_GetTextIndexFromCharIndex(page.raw, character))


def find_pieces(page: pdfium.PdfTextPage, text: str) -> list[Piece]:
    """The lines of a page, in the order of the text, cut where a gap is wider than a space."""
    return [piece for line in _LINE.finditer(text) for piece in _cut_line(page, *line.span())]


def _cut_line(page: pdfium.PdfTextPage, start: int, stop: int) -> Iterator[Piece]:
    first = find_character(page, start)
    count = int(pdfium_raw.FPDFText_CountRects(page.raw, first, find_character(page, stop - 1) - first + 1))
    boxes = read_boxes(page, 0, count)
    if not boxes:
        return
    if not any(_is_apart(former, box) for former, box in pairwise(boxes)):
        yield Piece(start, stop, join_boxes(boxes))
        return
    begin = start
    joined: Box | None = None
    for index, box in enumerate(read_character_boxes(page, start, stop), start):
        if not box.width:
            continue  # a space that pdfium adds
        if joined and _is_apart(joined, box):
            yield Piece(begin, index, joined)
            begin, joined = index, None
        joined = join_boxes([joined, box]) if joined else box
    if joined:
        yield Piece(begin, stop, joined)


def _is_apart(former: Box, box: Box) -> bool:
    return is_jump(former, box) or is_jump(box, former)


def join_runs(boxes: Iterable[Box]) -> Iterator[Piece]:
    """The lines as ``find_pieces`` finds them, but without their characters, which take longer to find."""
    line: Box | None = None
    for box in boxes:
        if line and is_same_line(line, box) and not is_jump(line, box) and box.right > line.left:
            line = join_boxes([line, box])
            continue
        if line:
            yield Piece(0, 0, line)
        line = box
    if line:
        yield Piece(0, 0, line)
