"""Tables without marks: lines whose texts stand in the same three or more columns become rows ``a | b | c``.

PDF does not say what a table is. Only lines whose columns are certain are changed. The order of the text stays.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

import pypdfium2 as pdfium

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.pdf.edits import Edit, write
from app.pipeline.parse.pdf.layout import Box, Piece, find_pieces, is_jump, join_runs, read_boxes
from app.pipeline.parse.rendering.tables import Table

_COLUMNS = 3
_MOST_COLUMNS = 40
_ROWS = 3
_FILLED = 0.6
_WORDS = 5
_APART = 2.0
"""Points between two columns at the least."""
_LEADING = 3.0
"""The height of a line, times this, is the farthest that the next row stands below it."""
_HEADERS = 2
"""Rows at the top that are left out where their texts reach over several columns."""
_SAMPLE = 12
"""Runs of text that are examined together. Where there are more than a few, one sample of three is examined."""
_GAPS = 4
_FEW = 130
_COMPARED = 200_000
"""Edits times cells, or tables, at the most: the time stays linear in the size of the page."""
_CHARACTERS = 10_000_000

Row = list[Piece]


def find_tables(page: pdfium.PdfTextPage, text: str, edits: Sequence[Edit]) -> list[Edit]:
    """The edits of a page, with its tables. The edits within a table are made in its cells."""
    count = page.count_rects()
    if count < text.count("\n") + _ROWS * (_COLUMNS - 1) or not _shows_cells(page, count):
        return list(edits)  # as nearly all pages
    if all(len(block) < _ROWS for block in _find_blocks(join_runs(read_boxes(page, 0, count)))):
        return list(edits)
    grids = filter(None, map(_find_grid, _find_blocks(find_pieces(page, text))))
    tables = [(rows, columns) for rows, columns in grids if _has_short_cells(text, rows)]
    kept = list(edits)
    for rows, columns in tables[: _COMPARED // (len(edits) + 1)]:
        start, stop = rows[0][0].start, rows[-1][-1].stop
        own = [edit for edit in kept if start <= edit.start <= stop]
        if len(own) * sum(map(len, rows)) <= _COMPARED:
            kept = [edit for edit in kept if not start <= edit.start <= stop] if own else kept
            kept.append(_write(text, rows, columns, own))
    return kept


def _shows_cells(page: pdfium.PdfTextPage, count: int) -> bool:
    """Whether wide gaps are frequent in one of several samples of the page."""
    for start in range(0, count, _SAMPLE if count <= _FEW else 3 * _SAMPLE):
        sample = read_boxes(page, start, min(start + _SAMPLE, count))
        if sum(is_jump(former, box) for former, box in pairwise(sample)) >= _GAPS:
            return True
    return False


def _find_blocks(pieces: Iterable[Piece]) -> Iterator[list[Row]]:
    """Rows of several pieces that follow each other from top to bottom."""
    block: list[Row] = []
    for row in _find_rows(pieces):
        if block and (len(row) == 1 or not _follows(block[-1][0].box, row[0].box)):
            yield block
            block = []
        if len(row) > 1:
            block.append(row)
    yield block


def _find_rows(pieces: Iterable[Piece]) -> Iterator[Row]:
    """The pieces that stand beside each other, from left to right."""
    row: Row = []
    for piece in pieces:
        if row and not is_jump(row[-1].box, piece.box):
            yield row
            row = []
        row.append(piece)
    if row:
        yield row


def _follows(former: Box, box: Box) -> bool:
    return former.bottom - _LEADING * former.height < box.top < former.top


def _has_short_cells(text: str, rows: Sequence[Row]) -> bool:
    return median(len(text[piece.start : piece.stop].split()) for row in rows for piece in row) <= _WORDS


def _find_grid(block: list[Row]) -> tuple[list[Row], list[float]] | None:
    """The rows of a table, and the right edges of its columns; None where the columns are uncertain."""
    for first in range(_HEADERS + 1):
        rows = block[first:]
        if sum(len(row) >= _COLUMNS for row in rows) < _ROWS:
            return None
        columns = _find_columns(rows)
        cells = sum(map(len, rows))
        if (
            _COLUMNS <= len(columns) <= _MOST_COLUMNS
            and all(len({_column(piece, columns) for piece in row}) == len(row) for row in rows)
            and cells >= _FILLED * len(rows) * len(columns)
        ):
            return rows, columns
    return None


def _find_columns(rows: Sequence[Row]) -> list[float]:
    """The right edges of the columns: strips of the page that texts of the rows cover."""
    edges: list[float] = []
    for box in sorted(piece.box for row in rows for piece in row):
        if not edges or box.left > edges[-1] + _APART:
            edges.append(box.right)
        else:
            edges[-1] = max(edges[-1], box.right)
    return edges


def _column(piece: Piece, columns: Sequence[float]) -> int:
    return next(index for index, edge in enumerate(columns) if piece.box.left <= edge)


def _write(text: str, rows: Sequence[Row], columns: Sequence[float], edits: Sequence[Edit]) -> Edit:
    table = Table(Budget(_CHARACTERS, "A table of a page is too large."))
    for row in rows:
        cells = [""] * len(columns)
        for piece in row:
            cells[_column(piece, columns)] = write(text, [(piece.start, piece.stop)], edits)
        table.add_row(cells)
    return Edit(rows[0][0].start, rows[-1][-1].stop, table.write())
