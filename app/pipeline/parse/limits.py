from dataclasses import dataclass

from app.domain.errors import ParseLimitExceededError


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of one document at most. Time and memory are the sandbox's concern."""

    pages: int = 5000
    """Pages of a paged format; beyond, the document is refused, never cut."""
    inflated_bytes: int = 128 * 1024 * 1024
    """What the parts of a zipped document that are read may unpack to together. An XML tree takes five to ten times
    that in memory."""
    archive_entries: int = 50_000
    """Files in a zipped document."""
    markup_bytes: int = 32 * 1024 * 1024
    """Size of an HTML file."""
    attributes: int = 10_000
    """Attributes of one HTML element; libxml2 compares each with all before it."""
    characters: int = 128 * 1024 * 1024
    """Text of a format whose few bytes can stand for much text, such as one that repeats cells."""
    depth: int = 200
    """Groups within groups, messages within messages."""
    ocr_languages: str | None = None
    """Languages, as tesseract names them (``eng+deu``), in which PDF pages without text are read; None: not at all."""


class Budget:
    """What a document may still cost, counted down.

    Args:
        allowed: Bytes or characters.
        excess: What is said of a document that costs more.
    """

    def __init__(self, allowed: int, excess: str) -> None:
        self._left = allowed
        self._excess = excess

    def check(self, amount: int) -> None:
        """Whether ``amount`` is left, without taking it away.

        Raises:
            ParseLimitExceededError: when it is not.
        """
        if amount > self._left:
            raise ParseLimitExceededError(self._excess)

    def spend(self, amount: int) -> None:
        """Take ``amount`` away.

        Raises:
            ParseLimitExceededError: when less is left.
        """
        self.check(amount)
        self._left -= amount
