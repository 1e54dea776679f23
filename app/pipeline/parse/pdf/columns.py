"""The reading order of a page whose text is stored line by line across its columns.

pdfium returns text in the order of the content stream, which is the reading order in nearly all files. Some
producers write line by line across the page. Only pages whose text boxes show that are reordered.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from statistics import median

import pypdfium2 as pdfium

from app.pipeline.parse.pdf.layout import (
    Piece,
    find_pieces,
    is_jump,
    is_same_line,
    join_boxes,
    join_runs,
    read_boxes,
)

_SAMPLED_CHARACTERS = 600
_SAMPLE = 8
_JUMPS = 2
_LINES = 8
"""Lines of a column from which its order is certain; columns of fewer lines are examined more strictly."""
_FEWEST_LINES = 2
_CROSSING = 0.2
_SAME_CROSSING = 0.02
_MAX_COLUMNS = 4
_COLUMN = 0.5
"""The least share of the text in a column, of the share that it would have if all were equal."""
_FILLED = 0.6
_SWITCHES = 0.8
_CONTINUED = 0.25
_CONTINUED_STRICTLY = 0.5
_WRAPPED = 0.7
_WORDS = 3

_LINKING = re.compile(
    r"\b(?:a|an|and|as|at|by|for|from|has|have|in|is|of|on|or|that|the|to|was|which|will|with"  # English
    "|auf|das|dem|den|der|des|die|ein|eine|für|im|ist|mit|und|von|zu|zum|zur"  # German
    "|au|aux|dans|de|du|en|est|et|la|le|les|ou|par|pour|que|qui|sur|un|une"  # French
    "|al|con|del|el|es|las|los|o|para|por|se|su|una|y|che|da|di|e|gli|il|lo|nel|per|à|é|com|do|na|no|os|um|uma"
    r")\s*\Z|,\s*\Z"
)
"""The end of a line after which a sentence goes on: a comma, or a word that ends none."""

Columns = Sequence[Sequence[Piece]]
Spans = list[tuple[int, int]]


def order_columns(page: pdfium.PdfTextPage, text: str) -> Spans | None:
    """The parts of ``text`` in reading order if its lines alternate between columns; None where it stays as it is.

    A sample from the middle of the page shows whether lines jump sideways; most pages are not examined further.
    """
    count = page.count_rects()
    some = count
    if len(text) >= _SAMPLED_CHARACTERS:
        some = min(max(_SAMPLE, 3 * count // (text.count("\n") + 1)), 12 * _SAMPLE)  # about three lines
    sample = read_boxes(page, (count - some) // 2, min(count, (count + some) // 2))
    if sum(is_jump(former, box) for former, box in pairwise(sample)) < _JUMPS:
        return None
    runs = list(join_runs(read_boxes(page, 0, count)))
    if not _find_columns(runs[_find_block(runs)]):
        return None
    pieces = find_pieces(page, text)
    block = _find_block(pieces)
    columns, gutters = _find_columns(pieces[block]) or ([], [])
    if not columns or not _run_on(text, columns):
        return None
    ordered = [*pieces[: block.start], *_read_bands(pieces[block], gutters), *pieces[block.stop :]]
    return [(piece.start, piece.stop) for piece in ordered]


def _find_block(pieces: Sequence[Piece]) -> slice:
    """The pieces from the first to the last that share a line, and the lines right below: before and after are none."""
    shared = [index for index, (former, piece) in enumerate(pairwise(pieces)) if is_same_line(former.box, piece.box)]
    if not shared:
        return slice(0, 0)
    stop = shared[-1] + 2
    while stop < len(pieces) and _is_right_below(pieces[stop - 2 : stop], pieces[stop]):
        stop += 1
    return slice(shared[0], stop)


def _is_right_below(formers: Sequence[Piece], piece: Piece) -> bool:
    """Whether a piece is the next line of one of the former two, which may be in other columns."""
    return any(
        former.box.bottom - piece.box.top < piece.box.height
        and min(former.box.right, piece.box.right) > max(former.box.left, piece.box.left)
        for former in formers
    )


def _find_columns(pieces: Sequence[Piece]) -> tuple[Columns, list[float]] | None:
    """The columns between which the pieces alternate, and the gutters between them; None where there are none."""
    gutters = _find_gutters(pieces) if pieces else []
    if not gutters or len(gutters) >= _MAX_COLUMNS:
        return None
    columns = [[piece for piece in pieces if _column(piece, gutters) == index] for index in range(len(gutters) + 1)]
    return (columns, gutters) if _are_columns(columns, pieces) and _alternate(pieces, gutters) else None


def _find_gutters(pieces: Sequence[Piece]) -> list[float]:
    """The x coordinates between the columns of a page, each within a strip that few lines cross."""
    page, whole = join_boxes([piece.box for piece in pieces]), _width(pieces)
    places = [page.left + page.width * percent / 100 for percent in range(15, 86)]
    changes = [0.0] * (len(places) + 1)
    for piece in pieces:
        changes[bisect_right(places, piece.box.left)] += piece.box.width
        changes[bisect_left(places, piece.box.right)] -= piece.box.width
    crossing = list(accumulate(changes[:-1]))
    allowed = min(min(crossing) + _SAME_CROSSING * whole, _CROSSING * whole)
    strips = groupby(zip(places, crossing, strict=True), key=lambda item: item[1] <= allowed)
    free = [[place for place, _ in strip] for is_free, strip in strips if is_free]
    return [strip[len(strip) // 2] for strip in free]


def _width(pieces: Sequence[Piece]) -> float:
    return sum(piece.box.width for piece in pieces)


def _column(piece: Piece, gutters: Sequence[float]) -> int | None:
    """The column of a piece; None where it crosses a gutter."""
    left, right = bisect_right(gutters, piece.box.left), bisect_right(gutters, piece.box.right)
    return left if left == right else None


def _are_columns(columns: Columns, pieces: Sequence[Piece]) -> bool:
    least = _COLUMN / len(columns) * _width(pieces)
    return all(len(column) >= _FEWEST_LINES and _width(column) >= least and _is_filled(column) for column in columns)


def _is_filled(column: Sequence[Piece]) -> bool:
    """Whether lines fill their column, as running text does; the cells of a table rarely do."""
    extent = join_boxes([piece.box for piece in column])
    return median(piece.box.width for piece in column) >= _FILLED * extent.width


def _alternate(pieces: Sequence[Piece], gutters: Sequence[float]) -> bool:
    """Whether the lines, in stored order, switch between the columns nearly every time."""
    sides = [side for piece in pieces if (side := _column(piece, gutters)) is not None]
    switches = sum(former != side for former, side in pairwise(sides))
    return switches >= _SWITCHES * (len(sides) - max(map(sides.count, set(sides))))


def _run_on(text: str, columns: Columns) -> bool:
    """Whether the lines of columns continue in the next one, as in running text; the cells of a table do not."""
    starts = [text[piece.start] for column in columns for piece in column]
    if min(map(len, columns)) >= _LINES:
        return sum(map(str.islower, starts)) >= _CONTINUED * len(starts)
    words = sum(len(text[piece.start : piece.stop].split()) for column in columns for piece in column)
    return words >= _WORDS * len(starts) and all(_is_prose(text, column) for column in columns)


def _is_prose(text: str, column: Sequence[Piece]) -> bool:
    """Whether most lines of a column end where the column ends, and most sentences go on in the next line."""
    pairs = list(pairwise(column))
    continued = sum(_goes_on(text, *pair) for pair in pairs)
    wrapped = sum(_is_wrapped(text, column, *pair) for pair in pairs)
    return continued >= _CONTINUED_STRICTLY * len(pairs) and wrapped >= _WRAPPED * len(pairs)


def _goes_on(text: str, line: Piece, following: Piece) -> bool:
    """Whether a sentence goes on in the next line: with a small letter, or after a comma or a word that ends none."""
    return text[following.start].islower() or _LINKING.search(text, line.start, line.stop) is not None


def _is_wrapped(text: str, column: Sequence[Piece], line: Piece, following: Piece) -> bool:
    """Whether a line ends because the first word of the next one does not fit into the column."""
    word = text[following.start : following.stop].split(maxsplit=1)
    character = line.box.width / (line.stop - line.start)
    right = max(piece.box.right for piece in column)
    return bool(word) and line.box.right + (len(word[0]) + 1) * character > right


def _read_bands(pieces: Sequence[Piece], gutters: Sequence[float]) -> Iterator[Piece]:
    """The pieces in reading order: lines that cross a gutter, and between them one column after the other."""
    crossing = sorted((piece for piece in pieces if _column(piece, gutters) is None), key=lambda piece: -piece.box.top)
    tops = [-piece.box.top for piece in crossing]
    bands: list[list[Piece]] = [[] for _ in range(len(crossing) + 1)]
    for piece in pieces:
        if _column(piece, gutters) is not None:
            bands[bisect_right(tops, -piece.box.top)].append(piece)
    for index, band in enumerate(bands):
        yield from sorted(band, key=lambda piece: _column(piece, gutters) or 0)
        yield from crossing[index : index + 1]
