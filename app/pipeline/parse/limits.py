from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from app.domain.errors import ParseLimitExceededError


def _ignore(_seconds: float) -> None:
    """Discard the time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of what is read of one document, and facts for its reader. The sandbox limits time and memory."""

    pages: int = 5000
    """Pages of a paged format. A document with more is refused, not truncated."""
    inflated_bytes: int = 128 * 1024 * 1024
    """Total unpacked size of the parts that are read of a zipped document. An XML tree takes five to ten times that in
    memory."""
    streamed_bytes: int = 4 * 1024 * 1024 * 1024
    """Total unpacked size of the parts of a workbook, whose empty cells are left out before they are parsed. They take
    time, but no memory."""
    archive_entries: int = 50_000
    """Files in a zipped document."""
    markup_bytes: int = 32 * 1024 * 1024
    """Size of an HTML file."""
    attributes: int = 10_000
    """Attributes of one HTML element; libxml2 compares each with all before it."""
    characters: int = 128 * 1024 * 1024
    """Characters of text, for formats in which a few bytes can stand for much text, such as repeated cells."""
    depth: int = 200
    """Nesting of groups and of messages."""
    embedded_depth: int = 2
    """Nesting of documents that are read as part of the text around them, such as attachments of a mail."""
    embedded_until: float = inf
    """The moment, on the monotonic clock, from which such documents are no longer read as part of the text."""
    ocr_engine: str | None = None
    """The engine that reads scans and pictures, ``rapidocr`` or ``tesseract``; None turns OCR off."""
    ocr_languages: str | None = None
    """Languages of OCR, as tesseract names them (``eng+deu``); None where none are set."""
    ocr_seconds: float = 400.0
    """The time that OCR may take for one document, beyond the time for reading it."""
    picture_pixels: int = 100_000_000
    """Pixels of an uploaded picture or of a page of it; it is decoded only if it has no more."""
    address: str | None = None
    """The address that a web page was read from; its relative links refer to it."""
    extend_time: Callable[[float], None] = _ignore
    """Called with the seconds by which OCR extends the document's time limit; negative for unused seconds."""


class Budget:
    """The remaining part of a limit.

    Args:
        allowed: The limit, in bytes or characters.
        excess: The error message for a document that exceeds it.
    """

    def __init__(self, allowed: int, excess: str) -> None:
        self._left = allowed
        self._excess = excess

    def check(self, amount: int) -> None:
        """Check that ``amount`` is left, without spending it.

        Raises:
            ParseLimitExceededError: when less is left.
        """
        if amount > self._left:
            raise ParseLimitExceededError(self._excess)

    def spend(self, amount: int) -> None:
        """Spend ``amount``.

        Raises:
            ParseLimitExceededError: when less is left.
        """
        self.check(amount)
        self._left -= amount
