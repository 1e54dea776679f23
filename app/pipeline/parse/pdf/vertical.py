"""The reading order of vertical East Asian text, whose lines follow each other from right to left."""

import re

import pypdfium2 as pdfium

from app.pipeline.parse.pdf.layout import Box, Piece, find_pieces, join_boxes, read_character_boxes

_EAST_ASIAN = re.compile("[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_LETTERS = 8
"""Characters of these scripts at the least, so that most pages are not examined."""
_TALL = 2
_SHARE = 0.8


def order_vertical(page: pdfium.PdfTextPage, text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]] | None:
    """The lines of ``text`` from right to left, and the line ends within them; None where most is not vertical."""
    if text.isascii() or len(_EAST_ASIAN.findall(text, 0, 4096)) < _LETTERS:
        return None
    lines, ends = _join_signs([_enlarge(page, piece) for piece in find_pieces(page, text)])
    lengths = [len(text[line.start : line.stop].strip()) for line in lines]
    tall = sum(length for line, length in zip(lines, lengths, strict=True) if _is_tall(line))
    if tall < _SHARE * sum(length for length in lengths if length > 1):
        return None
    return [(line.start, line.stop) for tier in _split_tiers(lines) for line in tier], ends


def _enlarge(page: pdfium.PdfTextPage, piece: Piece) -> Piece:
    """A piece of one sign with the whole space of the sign as its box: the shape of some is small."""
    if piece.stop - piece.start > 1:
        return piece
    return piece._replace(box=read_character_boxes(page, piece.start, piece.stop)[0])


def _join_signs(pieces: list[Piece]) -> tuple[list[Piece], list[tuple[int, int]]]:
    """The lines, of which pdfium may return each sign as a line, and the line ends that this removes."""
    lines: list[Piece] = []
    ends = []
    for piece in pieces:
        former = lines[-1] if lines else None
        if former and piece.stop - piece.start == 1 and _is_below(former.box, piece.box):
            ends.append((former.stop, piece.start))
            lines[-1] = Piece(former.start, piece.stop, join_boxes([former.box, piece.box]))
        else:
            lines.append(piece)
    return lines, ends


def _is_below(former: Box, box: Box) -> bool:
    """Whether a sign stands right below a line that is no wider than one."""
    apart = abs(former.left + former.right - box.left - box.right) / 2
    return apart < box.width / 2 and former.width < 2 * box.width and abs(former.bottom - box.top) < 0.7 * box.height


def _is_tall(piece: Piece) -> bool:
    return piece.stop - piece.start > 1 and piece.box.height > _TALL * piece.box.width


def _split_tiers(lines: list[Piece]) -> list[list[Piece]]:
    """The lines by the rows in which they stand, from the top; within each from right to left."""
    tiers: list[list[Piece]] = []
    bottom = 0.0
    for line in sorted(lines, key=lambda line: -line.box.top):
        if not tiers or line.box.top <= bottom:
            tiers.append([])
            bottom = line.box.bottom
        tiers[-1].append(line)
        bottom = min(bottom, line.box.bottom)
    return [_order_tier(tier) for tier in tiers]


def _order_tier(tier: list[Piece]) -> list[Piece]:
    """From right to left; parts of one line, such as a number that lies across it, from the top."""
    columns: list[list[Piece]] = []
    for line in sorted(tier, key=lambda line: -line.box.left - line.box.right):
        box = columns[-1][0].box if columns else None
        if box and min(box.right, line.box.right) - max(box.left, line.box.left) > min(box.width, line.box.width) / 2:
            columns[-1].append(line)
        else:
            columns.append([line])
    return [line for column in columns for line in sorted(column, key=lambda line: -line.box.top)]
