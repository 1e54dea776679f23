"""The reading order of vertical East Asian text, whose lines follow each other from right to left."""

import re

import pypdfium2 as pdfium

from app.pipeline.parse.pdf.layout import Piece, find_pieces

_EAST_ASIAN = re.compile("[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_LETTERS = 8
"""Characters of these scripts at the least, so that most pages are not examined."""
_TALL = 2
_SHARE = 0.8


def order_vertical(page: pdfium.PdfTextPage, text: str) -> list[tuple[int, int]] | None:
    """The lines of ``text`` from right to left, tier by tier; None where most of the text is not vertical."""
    if text.isascii() or len(_EAST_ASIAN.findall(text, 0, 4096)) < _LETTERS:
        return None
    pieces = find_pieces(page, text)
    lengths = [len(text[piece.start : piece.stop].strip()) for piece in pieces]
    tall = sum(length for piece, length in zip(pieces, lengths, strict=True) if _is_tall(piece))
    if tall < _SHARE * sum(length for length in lengths if length > 1):
        return None
    return [(piece.start, piece.stop) for tier in _split_tiers(pieces) for piece in tier]


def _is_tall(piece: Piece) -> bool:
    return piece.stop - piece.start > 1 and piece.box.height > _TALL * piece.box.width


def _split_tiers(pieces: list[Piece]) -> list[list[Piece]]:
    """The lines by the rows in which they stand, from the top; within each from right to left."""
    tiers: list[list[Piece]] = []
    bottom = 0.0
    for piece in sorted(pieces, key=lambda piece: -piece.box.top):
        if not tiers or piece.box.top <= bottom:
            tiers.append([])
            bottom = piece.box.bottom
        tiers[-1].append(piece)
        bottom = min(bottom, piece.box.bottom)
    return [sorted(tier, key=lambda piece: -piece.box.right) for tier in tiers]
