from collections.abc import Callable
from dataclasses import dataclass

Source = bytes | Callable[[], bytes]
"""The bytes of a file, or what makes them where that takes its time."""


@dataclass(frozen=True, slots=True)
class Case:
    """A file to upload: its format by the ending it bears, and how it came to be what it is."""

    form: str
    way: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Trick:
    """A file that somebody thought of."""

    form: str
    way: str
    source: Source

    def make(self) -> Case:
        """The file itself."""
        return Case(self.form, self.way, self.source if isinstance(self.source, bytes) else self.source())
