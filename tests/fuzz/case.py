from collections.abc import Callable
from dataclasses import dataclass

Source = bytes | Callable[[], bytes]
"""The bytes of a file, or a function that makes them where that is slow."""


@dataclass(frozen=True, slots=True)
class Case:
    """A file to upload: its format, by file extension, and how it was made."""

    form: str
    way: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Trick:
    """A handmade file."""

    form: str
    way: str
    source: Source

    def make(self) -> Case:
        """The file itself."""
        return Case(self.form, self.way, self.source if isinstance(self.source, bytes) else self.source())
