"""Puts recognised lines into reading order: columns of prose one after the other, the cells of a row side by side."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Line(NamedTuple):
    """A recognised line and its place, in pixels, on the upright page."""

    text: str
    confidence: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        """The height of its middle."""
        return (self.top + self.bottom) / 2


_DEPTH = 3
"""Columns are halved so often: up to eight columns."""
_LINES_OF_A_COLUMN = 4
_PROSE_WIDTH = 8
"""The median line of a column is wider than so many line heights. Cells of tables are narrower."""
_ACROSS = 0.25
"""The share of lines that may cross the gap between columns, such as headings."""
_PARAGRAPH_GAP = 0.8
_SAME_ROW = 0.5


def arrange(lines: Sequence[Line]) -> str:
    """The text of a page from its lines, with an empty line between paragraphs."""
    if not lines:
        return ""
    height = median(line.bottom - line.top for line in lines)
    return "\n\n".join(_write(block, height) for block in _split(list(lines), height, _DEPTH) if block)


def _split(lines: list[Line], height: float, depth: int) -> list[list[Line]]:
    """Blocks in reading order. Lines across all columns separate what is above them from what is below."""
    gap = _find_gap(lines, height) if depth else None
    if gap is None:
        return [lines]
    across = sorted((line for line in lines if line.left < gap < line.right), key=lambda line: line.middle)
    blocks: list[list[Line]] = []
    above = float("-inf")
    for line in [*across, None]:
        below = line.middle if line else float("inf")
        band = [one for one in lines if above < one.middle <= below and not one.left < gap < one.right]
        for side in ([one for one in band if one.right <= gap], [one for one in band if one.left >= gap]):
            blocks += _split(side, height, depth - 1) if side else []
        blocks += [[line]] if line else []
        above = below
    return blocks


def _find_gap(lines: list[Line], height: float) -> float | None:
    """Where two columns of prose meet; None where there are none."""
    best: tuple[int, float] | None = None
    for candidate in sorted({round(line.left / height * 2) for line in lines}):
        gap = candidate * height / 2 - height / 4
        left = [line for line in lines if line.right <= gap]
        right = [line for line in lines if line.left >= gap]
        smaller = min(len(left), len(right))
        if smaller < _LINES_OF_A_COLUMN or len(lines) - len(left) - len(right) > len(lines) * _ACROSS:
            continue
        beside = min(max(one.bottom for one in left), max(one.bottom for one in right)) - max(
            min(one.top for one in left), min(one.top for one in right)
        )
        prose = all(median(one.right - one.left for one in side) > _PROSE_WIDTH * height for side in (left, right))
        if prose and beside > _LINES_OF_A_COLUMN * height / 2 and (best is None or smaller > best[0]):
            best = (smaller, gap)
    return best[1] if best else None


def _write(lines: Sequence[Line], height: float) -> str:
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.middle):
        if rows and abs(line.middle - median(one.middle for one in rows[-1])) < _SAME_ROW * height:
            rows[-1].append(line)
        else:
            rows.append([line])
    written: list[str] = []
    bottom = float("inf")
    for row in rows:
        if min(line.top for line in row) - bottom > _PARAGRAPH_GAP * height:
            written.append("")
        written.append(" ".join(line.text for line in sorted(row, key=lambda line: line.left)))
        bottom = max(line.bottom for line in row)
    return "\n".join(written)
