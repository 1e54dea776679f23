"""The pages of a document in a worker: in memory while they are small, in a temporary file beyond that."""

import struct
from collections.abc import Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import overload

from app.domain.documents import Page
from app.pipeline.sandbox.wire import decode_page

_LENGTH = struct.Struct(">I")
_IN_MEMORY = 4 * 1024 * 1024


class PageSpool(Sequence[Page]):
    """Pages in order, appended once and read any number of times, by one reader at a time.

    Beyond 4 MB they are in a temporary file without a name, which disappears with this object or its process.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with this object
        self._offsets: list[int] = []
        self.characters = 0

    def append(self, payload: bytes) -> None:
        """Add a page as ``wire.encode_page`` writes it.

        Raises:
            ValueError: when it is not such a page.
        """
        self.characters += len(decode_page(payload).text)
        self._offsets.append(self._file.seek(0, 2))
        self._file.write(_LENGTH.pack(len(payload)))
        self._file.write(payload)

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
        (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
        return decode_page(self._file.read(length))
