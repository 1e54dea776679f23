"""The table model of all readers, and its only writer: each row becomes a line ``a | b | c``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.rendering.header_rows import Row, split_head
from app.pipeline.parse.rendering.marks import MARK_BODY

_MAX_COLUMNS = 1000
"""Spans end here. HTML has the same limit for one cell."""
_MAX_ROWS = 65_534
_REPEATED = 200
"""A longer text is not repeated in the rows that its cell spans."""
_EXAMINED = 30
"""The rows that are examined for titles and headers."""
_SEPARATOR = " | "


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and the number of columns and rows that it spans.

    ``header`` says that it names its column. A header row is one whose filled cells all do.
    """

    text: str
    columns: int = 1
    rows: int = 1
    header: bool = False


class Table:
    """A table, row by row. Memory and time are linear in the text of the cells and the columns that spans reach into.

    A cell that spans rows is repeated in each of them, because a row is read by itself. A cell that spans columns is
    repeated in header rows, where it names all of them, and leaves the others empty in data rows.

    Args:
        budget: Limits the characters, because spans can multiply them.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._head: list[Row] = []
        self._lines: list[str] = []
        self._is_settled = False
        self._open: dict[int, tuple[int, str]] = {}
        """The columns that cells above reach into: for how many rows, and the text."""

    def add_row(self, cells: Iterable[Cell | str], *, header: bool = False) -> None:
        """Add the cells that begin in the next row; ``header`` marks all of them as names of columns.

        Raises:
            ParseLimitExceededError: when the budget is spent.
        """
        if self._is_settled and not self._open:
            cells = list(cells)
            if all(isinstance(cell, str) for cell in cells):
                self._add_plain(cells)  # type: ignore[arg-type]
                return
        texts = {column: text for column, (_, text) in self._open.items()}
        opened = dict[int, tuple[int, str]]()
        groups, marked = list[tuple[int, int]](), list[bool]()
        column = 0
        for item in cells:
            cell = Cell(item) if isinstance(item, str) else item
            while column in self._open:
                column += 1
            text = fold(cell.text)
            texts[column] = text
            width = min(max(cell.columns, 1), max(_MAX_COLUMNS - column, 1))
            if cell.rows > 1 and column < _MAX_COLUMNS:
                below = text if len(text) <= _REPEATED else ""
                opened |= {place: (min(cell.rows, _MAX_ROWS) - 1, "") for place in range(column, column + width)}
                opened[column] = opened[column][0], below
            groups += [(column, width)] if width > 1 and text else []
            marked += [header or cell.header] if text else []
            column += width
        until = max((rows for rows, _ in opened.values()), default=0)
        row = Row(_list_texts(texts), len(marked), tuple(groups), bool(marked) and all(marked), until)
        self._open = {at: (rows - 1, text) for at, (rows, text) in self._open.items() if rows > 1} | opened
        self._add(row, len(texts))

    def skip_rows(self, count: int) -> None:
        """Leave out ``count`` blank rows, over which cells above may reach."""
        self._open = {at: (rows - count, text) for at, (rows, text) in self._open.items() if rows > count}

    def write(self) -> str:
        """The lines of the table: its titles, a blank line, the header, the mark of the body and the data rows."""
        self._settle()
        return "\n".join(self._lines).strip("\n")

    def _add(self, row: Row, columns: int) -> None:
        self._budget.spend(sum(map(len, row.texts)) + len(_SEPARATOR) * columns)
        if self._is_settled:
            self._write_line(row.texts)
            return
        self._head.append(row)
        if len(self._head) == _EXAMINED:
            self._settle()

    def _add_plain(self, cells: Sequence[str]) -> None:
        """Add a data row without spans, as most are."""
        self._budget.spend(sum(map(len, cells)) + len(_SEPARATOR) * len(cells))
        self._write_line(cells)

    def _settle(self) -> None:
        """Decide which of the first rows are titles and headers, and write them all."""
        if self._is_settled:
            return
        self._is_settled = True
        titles, headers = split_head(self._head)
        for row in self._head[:titles]:
            self._write_line(row.texts)
        self._lines += [""] if titles else []
        for row in self._head[titles : titles + headers]:
            self._write_line(_repeat_groups(row))
        body = len(self._lines)
        for row in self._head[titles + headers :]:
            self._write_line(row.texts)
        if headers and body < len(self._lines):
            self._lines[body] = MARK_BODY + self._lines[body]
        self._head.clear()

    def _write_line(self, texts: Sequence[str]) -> None:
        """Write a row; blank rows become one blank line."""
        line = write_row(texts)
        if line or (self._lines and self._lines[-1]):
            self._lines.append(line)


def write_row(cells: Iterable[str]) -> str:
    """A row of cells as one line. Empty cells keep the position of later ones; those at the end are dropped."""
    cells = list(cells)
    line = _SEPARATOR.join(cells)
    if " ".join(line.split()) == line and line.count(_SEPARATOR) == len(cells) - 1 and cells[-1]:
        return line  # nothing to fold
    folded = [fold(cell) for cell in cells]
    while folded and not folded[-1]:
        folded.pop()
    return _SEPARATOR.join(folded)


def join_inline(rows: Iterable[Iterable[str]]) -> str:
    """A table within a cell, on one line: ``a, b; c, d``."""
    return "; ".join(filter(None, (", ".join(filter(None, cells)) for cells in rows)))


def fold(text: str) -> str:
    """The text of a cell on one line. A bar within it loses the spaces beside it, which only separators have."""
    line = " ".join(text.split())
    return "|".join(part.strip() for part in line.split("|")) if " | " in line else line


def join_blocks(blocks: Iterable[tuple[str, str]]) -> str:
    """Blocks ``(kind, text)`` separated by blank lines; two of the same kind, except paragraphs, by a line end."""
    pieces: list[str] = []
    before = ""
    for kind, text in blocks:
        if text.strip():
            pieces += ["\n" if kind == before != "paragraph" else "\n\n", text]
            before = kind
    return "".join(pieces[1:])


def _list_texts(texts: dict[int, str]) -> list[str]:
    last = max((column for column, text in texts.items() if text), default=-1)
    return [texts.get(column, "") for column in range(last + 1)]


def _repeat_groups(row: Row) -> list[str]:
    """The texts of a header row, with the name of each group of columns in all of them."""
    texts = list(row.texts)
    for first, width in row.groups if row.own > 1 else ():
        texts += [""] * (first + width - len(texts))
        texts[first : first + width] = [row.texts[first]] * width
    return texts
