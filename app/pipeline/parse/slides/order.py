"""The reading order of the shapes on a slide, from their positions.

The area is cut along its widest gap into rows or columns, and each of these in the same way (recursive XY cut: Nagy and
Seth, 1984). So a heading stays with the text below it where columns are farther apart than lines.
A wide box divides the area above and below it.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

_DEEPEST = 40
_OVERLAP = 0.2
"""The part of a shape that may overlap its neighbour: text boxes are larger than their text."""
_SIMILAR = 0.5
"""Gaps of at least this part of the widest one are cut together with it."""
_WIDE = 0.6
"""The part of the whole width from which a box is wide."""


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
        rows, row_gaps = _find_gaps(boxes, indexes, lambda box: (box.top, box.height))
        columns, column_gaps = _find_gaps(boxes, indexes, lambda box: (box.left, box.width))
        if max(row_gaps.values(), default=-1) >= max(column_gaps.values(), default=-1):
            parts = _split_at_wide(boxes, rows, row_gaps) if not column_gaps else _split(rows, row_gaps)
        else:
            parts = _split(columns, column_gaps)
        if len(parts) > 1:
            return [index for part in parts for index in _sort(boxes, part, depth - 1)]
    return sorted(indexes, key=lambda index: (boxes[index].top, boxes[index].left))


def _split(ordered: list[int], gaps: dict[int, int]) -> list[list[int]]:
    """The parts between the widest gaps."""
    widest = max(gaps.values(), default=0)
    cuts = [0, *(at for at, gap in gaps.items() if gap >= widest * _SIMILAR), len(ordered)]
    return [ordered[start:end] for start, end in pairwise(cuts)]


def _split_at_wide(boxes: Sequence[Box], ordered: list[int], gaps: dict[int, int]) -> list[list[int]]:
    """The parts between wide boxes, which may be in columns; those between the widest gaps where no box is wide."""
    bands = [ordered[start:end] for start, end in pairwise([0, *gaps, len(ordered)])]
    shown = [boxes[index] for index in ordered]
    width = max(box.left + box.width for box in shown) - min(box.left for box in shown)
    is_wide = [len(band) == 1 and boxes[band[0]].width >= width * _WIDE for band in bands]
    parts = [bands[0]]
    for (wide_above, wide), band in zip(pairwise(is_wide), bands[1:], strict=True):
        if wide_above or wide:
            parts.append(band)
        else:
            parts[-1].extend(band)
    return parts if len(parts) > 1 else _split(ordered, gaps)


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
