"""Cells that continue in the rows below, as Word and RTF mark them: each row repeats the cell, without its text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Placed(Generic[T]):
    """A cell with its first column and the columns and rows that it spans."""

    content: T
    column: int
    columns: int
    rows: int = 1
    continues: bool = False
    """Whether it is a part of the cell above."""


def join_rows(rows: Iterable[list[Placed[T]]]) -> None:
    """Let each cell span the rows in which it continues. A cell that continues nothing becomes one of its own."""
    above: dict[int, Placed[T]] = {}
    for cells in rows:
        current: dict[int, Placed[T]] = {}
        for cell in cells:
            start = above.get(cell.column) if cell.continues else None
            if start is not None and start.columns == cell.columns:
                start.rows += 1
                current[cell.column] = start
            else:
                cell.continues = False
                current[cell.column] = cell
        above = current
