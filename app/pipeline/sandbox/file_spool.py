"""The files within a document in a worker: in memory while they are small, in a temporary file beyond that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import overload

_IN_MEMORY = 1024 * 1024
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """One file, read from the spool on demand."""

    name: str
    _spool: "FileSpool"
    _place: int

    @property
    def content(self) -> bytes:
        """All bytes of the file."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, at most 64 KB at a time."""
        return self._spool.read(self._place)


class FileSpool(Sequence[SpooledFile]):
    """Files in order, written once and read any number of times, by one reader at a time.

    Beyond 1 MB in all they are in a temporary file without a name, which disappears with this object or its process.
    """

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed with this object
        self._names: list[str] = []
        self._starts: list[int] = []
        self._end = 0

    def begin(self, name: str) -> None:
        """Begin the next file."""
        self._names.append(name)
        self._starts.append(self._end)

    def write(self, data: bytes) -> None:
        """Add bytes to the file that began last.

        Raises:
            ValueError: when no file has begun.
        """
        if not self._names:
            raise ValueError("No file has begun.")
        self._file.seek(self._end)
        self._file.write(data)
        self._end += len(data)

    @property
    def size(self) -> int:
        """The number of bytes of all files."""
        return self._end

    def read(self, place: int) -> Iterator[bytes]:
        """The bytes of one file."""
        position = self._starts[place]
        end = self._starts[place + 1] if place + 1 < len(self._starts) else self._end
        while position < end:
            self._file.seek(position)
            piece = self._file.read(min(_PIECE, end - position))
            position += len(piece)
            yield piece

    def __len__(self) -> int:
        """The number of files."""
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> SpooledFile: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[SpooledFile]: ...

    def __getitem__(self, index: int | slice) -> SpooledFile | Sequence[SpooledFile]:
        """One file, or a slice of the files."""
        places = range(len(self))[index]
        if isinstance(places, range):
            return [SpooledFile(self._names[place], self, place) for place in places]
        return SpooledFile(self._names[places], self, places)
