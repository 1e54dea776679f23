"""The reading order of a page whose text is stored line by line across two columns.

pdfium returns text in the order of the content stream, which is the reading order in nearly all files. Some
producers write line by line across the page. Only pages whose text boxes show that are reordered.
"""

import ctypes
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

_CHARACTERS = 600
_SAMPLE = 8
_JUMPS = 2
_LINES = 8
_CROSSING = 0.2
_COLUMN = 0.25
_FILLED = 0.6
_SWITCHES = 0.8
_CONTINUED = 0.25


class _Box(NamedTuple):
    """A run of text on a page, in points from its lower left corner."""

    left: float
    bottom: float
    right: float
    top: float


def order_columns(page: pdfium.PdfTextPage, text: str) -> str:
    """``text`` of the page, one column after the other if its lines alternate between two columns.

    A sample from the middle of the page shows whether lines jump sideways; most pages are not examined further. The
    reordered text is used only if it has the same characters.
    """
    if len(text) < _CHARACTERS:
        return text
    count = page.count_rects()
    some = min(max(_SAMPLE, 3 * count // (text.count("\n") + 1)), 12 * _SAMPLE)  # about three lines
    sample = _boxes(page, (count - some) // 2, min(count, (count + some) // 2))
    if sum(_jumps(former, box) for former, box in pairwise(sample)) < _JUMPS:
        return text
    lines = list(_lines(_boxes(page, 0, count)))
    gutter = _find_gutter(lines)
    if gutter is None or not _alternates(lines, gutter):
        return text
    ordered = "\r\n".join(page.get_text_bounded(*area, errors="ignore") for area in _areas(lines, gutter))
    return ordered if _is_running_text(ordered) and _characters(ordered) == _characters(text) else text


def _is_running_text(text: str) -> bool:
    """Whether lines continue in the next one, as in running text; the cells of a table do not."""
    lines = [line for line in text.split("\n") if line.strip()]
    return sum(line[:1].islower() for line in lines) >= _CONTINUED * len(lines)


def _characters(text: str) -> Counter[str]:
    return Counter("".join(text.split()))


def _boxes(page: pdfium.PdfTextPage, start: int, stop: int) -> list[_Box]:
    """Text boxes, read from pdfium directly: the allocations of its Python layer would double the cost."""
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    pointers = [ctypes.byref(value) for value in (left, top, right, bottom)]
    read: Callable[..., int] = pdfium_raw.FPDFText_GetRect
    handle = page.raw
    return [
        _Box(left.value, bottom.value, right.value, top.value)
        for index in range(max(0, start), stop)
        if read(handle, index, *pointers)
    ]


def _jumps(former: _Box, box: _Box) -> bool:
    """Whether the next run is on the same line, further away than the next word."""
    return _same_line(former, box) and box.left - former.right > max(8.0, former.top - former.bottom)


def _same_line(former: _Box, box: _Box) -> bool:
    return box.bottom < former.top and box.top > former.bottom


def _lines(boxes: Sequence[_Box]) -> Iterator[_Box]:
    """Runs that follow each other on one line, joined into one box."""
    line: _Box | None = None
    for box in boxes:
        if line and _same_line(line, box) and not _jumps(line, box) and box.right > line.left:
            line = _join(line, box)
            continue
        if line:
            yield line
        line = box
    if line:
        yield line


def _join(*boxes: _Box) -> _Box:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return _Box(min(lefts), min(bottoms), max(rights), max(tops))


def _width(lines: Sequence[_Box]) -> float:
    return sum(line.right - line.left for line in lines)


def _sides(lines: Sequence[_Box], gutter: float) -> tuple[list[_Box], list[_Box]]:
    return [line for line in lines if line.right <= gutter], [line for line in lines if line.left >= gutter]


def _find_gutter(lines: Sequence[_Box]) -> float | None:
    """The x coordinate between two columns of running text, near the middle of the page; None without such columns."""
    page, whole = _join(*lines), _width(lines)
    places = [page.left + (page.right - page.left) * percent / 100 for percent in range(35, 66)]
    crossing = [_width([line for line in lines if line.left < place < line.right]) for place in places]
    free = [place for place, width in zip(places, crossing, strict=True) if width == min(crossing)]
    gutter = free[len(free) // 2]
    sides = _sides(lines, gutter)
    if min(crossing) > _CROSSING * whole or min(map(len, sides)) < _LINES:
        return None
    return gutter if all(_width(side) >= _COLUMN * whole and _is_filled(side) for side in sides) else None


def _is_filled(column: Sequence[_Box]) -> bool:
    """Whether lines fill their column, as running text does; the cells of a table rarely do."""
    extent = _join(*column)
    return median(line.right - line.left for line in column) >= _FILLED * (extent.right - extent.left)


def _alternates(lines: Sequence[_Box], gutter: float) -> bool:
    """Whether the lines, in stored order, switch between the columns nearly every time."""
    sides = [line.left >= gutter for line in lines if line.right <= gutter or line.left >= gutter]
    switches = sum(former != side for former, side in pairwise(sides))
    return switches >= _SWITCHES * min(sum(sides), len(sides) - sum(sides))


def _areas(lines: Sequence[_Box], gutter: float) -> Iterator[_Box]:
    """The parts of the page in reading order: lines that cross the gutter, and between them the two columns."""
    band: list[_Box] = []
    for line in sorted(lines, key=lambda line: -line.top):
        if line.left < gutter < line.right:
            yield from (_join(*side) for side in _sides(band, gutter) if side)
            yield line
            band = []
        else:
            band.append(line)
    yield from (_join(*side) for side in _sides(band, gutter) if side)
