"""The pages of a document in a worker: in memory while they are small, in a temporary file beyond that."""

import struct
from collections.abc import Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import overload

from app.domain.documents import Page

_HEADER = struct.Struct(">iI")
_IN_MEMORY = 4 * 1024 * 1024


class PageSpool(Sequence[Page]):
    """Pages in order, appended once and read any number of times, by one reader at a time.

    Beyond 4 MB they are in a temporary file without a name, which disappears with this object or its process.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with this object
        self._offsets: list[int] = []
        self.characters = 0

    def append(self, number: int | None, text: bytes) -> None:
        """Add a page, its text in UTF-8."""
        self._offsets.append(self._file.seek(0, 2))
        self._file.write(_HEADER.pack(number or 0, len(text)))
        self._file.write(text)
        self.characters += len(text.decode("utf-8", "replace"))

    def __len__(self) -> int:
        """The number of pages."""
        return len(self._offsets)

    def __iter__(self) -> Iterator[Page]:
        """The pages in order, each read from the file on demand."""
        return (self._read(offset) for offset in self._offsets)

    @overload
    def __getitem__(self, index: int) -> Page: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Page]: ...

    def __getitem__(self, index: int | slice) -> Page | Sequence[Page]:
        """One page, or a slice of the pages."""
        if isinstance(index, slice):
            return [self._read(offset) for offset in self._offsets[index]]
        return self._read(self._offsets[index])

    def _read(self, offset: int) -> Page:
        self._file.seek(offset)
        number, length = _HEADER.unpack(self._file.read(_HEADER.size))
        return Page(number or None, self._file.read(length).decode("utf-8", "replace"))
