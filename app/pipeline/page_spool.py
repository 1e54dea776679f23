"""A document's pages on their way through a worker: in memory while they are few, in a file where they are many."""

import struct
from collections.abc import Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import overload

from app.domain.documents import Page

_HEADER = struct.Struct(">iI")
_IN_MEMORY = 4 * 1024 * 1024


class PageSpool(Sequence[Page]):
    """Pages in order, appended once and read as often as need be, by one reader at a time.

    Beyond 4 MB they lie in a temporary file without a name, which ends with this object or its process.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - it lives as long as this object
        self._places: list[int] = []
        self.characters = 0

    def append(self, number: int | None, text: bytes) -> None:
        """Add a page, its text in UTF-8."""
        self._places.append(self._file.seek(0, 2))
        self._file.write(_HEADER.pack(number or 0, len(text)))
        self._file.write(text)
        self.characters += len(text.decode("utf-8", "replace"))

    def __len__(self) -> int:
        """How many pages."""
        return len(self._places)

    def __iter__(self) -> Iterator[Page]:
        """The pages in order, each read when its turn comes."""
        return (self._read(place) for place in self._places)

    @overload
    def __getitem__(self, index: int) -> Page: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Page]: ...

    def __getitem__(self, index: int | slice) -> Page | Sequence[Page]:
        """One page, or some."""
        if isinstance(index, slice):
            return [self._read(place) for place in self._places[index]]
        return self._read(self._places[index])

    def _read(self, place: int) -> Page:
        self._file.seek(place)
        number, length = _HEADER.unpack(self._file.read(_HEADER.size))
        return Page(number or None, self._file.read(length).decode("utf-8", "replace"))
