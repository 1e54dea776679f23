"""Joins chunks to the text that they were cut from.

Chunks contain every character that is not white space, with its position. Where two chunks do not overlap, the white
space between them becomes line breaks, as many as there were characters.
"""

from collections.abc import Iterable
from typing import Protocol


class Piece(Protocol):
    """A chunk, or anything else that has a text and its place."""

    @property
    def text(self) -> str:
        """The text: the range ``start`` to ``end`` of the document's text."""

    @property
    def start(self) -> int:
        """Where it begins, in characters."""

    @property
    def end(self) -> int:
        """Where it ends, in characters, exclusive."""


def join_chunks(chunks: Iterable[Piece], start: int = 0) -> str:
    """The text from ``start`` to the end of the last chunk. Overlapping parts appear once."""
    pieces, end = list[str](), start
    for chunk in chunks:
        if chunk.end > end:
            pieces += ["\n" * (chunk.start - end), chunk.text[max(0, end - chunk.start) :]]
            end = chunk.end
    return "".join(pieces)
