"""The reading order of the shapes on a slide, from their positions.

The area is cut along its widest gap into rows or columns, and each of these in the same way (recursive XY cut: Nagy and
Seth, 1984). So a heading stays with the text below it where columns are farther apart than lines.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

_DEEPEST = 40
_OVERLAP = 0.2
"""The part of a shape that may overlap its neighbour: text boxes are larger than their text."""
_SIMILAR = 0.5
"""Gaps of at least this part of the widest one are cut together with it."""


class Box(NamedTuple):
    """The position and size of a shape, in units of the file."""

    left: int = 0
    top: int = 0
    width: int = 0
    height: int = 0


def sort_boxes(boxes: Sequence[Box]) -> list[int]:
    """The indexes of boxes in reading order: from top to bottom and from left to right."""
    return _sort(boxes, list(range(len(boxes))), _DEEPEST)


def _sort(boxes: Sequence[Box], indexes: list[int], depth: int) -> list[int]:
    if len(indexes) > 1 and depth:
        rows = _find_gaps(boxes, indexes, lambda box: (box.top, box.height))
        columns = _find_gaps(boxes, indexes, lambda box: (box.left, box.width))
        ordered, gaps = rows if max(rows[1].values(), default=-1) >= max(columns[1].values(), default=-1) else columns
        if gaps:
            widest = max(gaps.values())
            starts = [0, *(at for at, gap in gaps.items() if gap >= widest * _SIMILAR), len(ordered)]
            parts = (ordered[start:end] for start, end in pairwise(starts))
            return [index for part in parts for index in _sort(boxes, part, depth - 1)]
    return sorted(indexes, key=lambda index: (boxes[index].top, boxes[index].left))


def _find_gaps(
    boxes: Sequence[Box], indexes: list[int], measure: Callable[[Box], tuple[int, int]]
) -> tuple[list[int], dict[int, int]]:
    """The boxes ordered along one axis, and the places between them where no box is, with the width of each gap."""
    ordered = sorted(indexes, key=lambda index: measure(boxes[index]))
    gaps: dict[int, int] = {}
    start, size = measure(boxes[ordered[0]])
    end = start + size
    for at, index in enumerate(ordered[1:], 1):
        start, size = measure(boxes[index])
        if start + size * _OVERLAP >= end:
            gaps[at] = max(start - end, 0)
        end = max(end, start + size)
    return ordered, gaps
