"""Compound files (OLE 2, [MS-CFB]): they contain old Office files, Outlook messages and documents with a password.

A file system in a file. Chains of sectors that are loops are refused.
"""

import struct
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER = struct.Struct("<8s16sHHHHH6sIIIIIIIII")
_HEADER_BYTES = 512
_DIFAT_IN_HEADER = 109
_SECTOR_SHIFTS = {9, 12}
_MINI_BYTES = 64
_ENTRY_BYTES = 128
_ENTRIES = 16_384
"""The directory entries that are read: a message with hundreds of attachments has a few thousand."""
_STREAM, _ROOT = 2, 5
_NO_ENTRY = 0xFFFFFFFF


class _Entry(NamedTuple):
    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


class CompoundFile:
    """The streams and storages at the top level of an open compound file.

    ``names`` are those of the streams and storages.

    Raises:
        DocumentDamagedError: when the header or the directory cannot be read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = file.seek(0, 2)
        file.seek(0)
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or not header.startswith(SIGNATURE):
            raise DocumentDamagedError("It is not a whole compound file.")
        fields = _HEADER.unpack_from(header)
        if fields[5] not in _SECTOR_SHIFTS:
            raise DocumentDamagedError("Its sectors have an invalid size.")
        self._sector_bytes = 1 << fields[5]
        self._directory, self._cutoff, self._mini_fat_start = fields[10], fields[12], fields[13]
        self._fat_sectors = array("I", struct.unpack_from(f"<{_DIFAT_IN_HEADER}I", header, _HEADER.size))
        self._next_fat_list = fields[15]
        self._fat_part: tuple[int, bytes] = (-1, b"")
        self._entries = self._read_directory()
        self._top = {entry.name.casefold(): entry for entry in self._walk(self._entries[0].child)}
        self.names = frozenset(entry.name for entry in self._top.values())

    def __contains__(self, name: str) -> bool:
        """Whether there is a stream or storage of that name. Names are compared without case."""
        return name.casefold() in self._top

    def read(self, name: str, most: int) -> bytes:
        """The content of the stream of that name.

        Raises:
            DocumentDamagedError: when there is no such stream, or its chain of sectors is broken.
            ParseLimitExceededError: when it has more than ``most`` bytes.
        """
        entry = self._top.get(name.casefold())
        if entry is None or entry.kind != _STREAM:
            raise DocumentDamagedError(f"It has no stream {name}.")
        if entry.size > most:
            raise ParseLimitExceededError(f"Its stream {name} is larger than is allowed.")
        if entry.size < self._cutoff:
            return self._read_mini(entry)
        found = self._read_chain(entry.start, entry.size)
        if len(found) < entry.size:
            raise DocumentDamagedError("A stream of it is cut off.")
        return found

    def _read_mini(self, entry: _Entry) -> bytes:
        root = self._entries[0]
        mini = self._read_chain(root.start, min(root.size, self._length))
        raw = self._read_chain(self._mini_fat_start, self._length)
        table = struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
        found, sector = [], entry.start
        for _ in range(-(-entry.size // _MINI_BYTES)):
            if sector >= len(table) or sector * _MINI_BYTES >= len(mini):
                raise DocumentDamagedError("A stream of it is cut off.")
            found.append(mini[sector * _MINI_BYTES : (sector + 1) * _MINI_BYTES])
            sector = table[sector]
        return b"".join(found)[: entry.size]

    def _read_chain(self, start: int, size: int) -> bytes:
        """Up to ``size`` bytes of the chain that begins at a sector. A chain that ends early is shorter.

        Raises:
            DocumentDamagedError: also when it contains a sector twice: its text would be repeated.
        """
        found, left, sector = [], min(size, self._length), start
        seen = bytearray(self._length // self._sector_bytes + 1)
        while left > 0 and (sector + 1) * self._sector_bytes < self._length:
            if seen[sector]:
                raise DocumentDamagedError("Its allocation table has a loop.")
            seen[sector] = 1
            self._file.seek((sector + 1) * self._sector_bytes)
            found.append(self._file.read(min(self._sector_bytes, left)))
            left -= self._sector_bytes
            sector = self._follow(sector) if left > 0 else sector
        return b"".join(found)

    def _follow(self, sector: int) -> int:
        """The next sector of a chain, from the file allocation table; a number beyond the file at its end."""
        per_sector = self._sector_bytes // 4
        index, offset = divmod(sector, per_sector)
        if self._fat_part[0] != index:
            place = self._find_fat_sector(index)
            self._file.seek((place + 1) * self._sector_bytes)
            self._fat_part = (index, self._file.read(self._sector_bytes))
        part = self._fat_part[1]
        if offset * 4 + 4 > len(part):
            raise DocumentDamagedError("Its allocation table is cut off.")
        return int.from_bytes(part[offset * 4 : offset * 4 + 4], "little")

    def _find_fat_sector(self, index: int) -> int:
        """The sector with that part of the allocation table. Further lists of such sectors are read when needed."""
        while index >= len(self._fat_sectors):
            at = (self._next_fat_list + 1) * self._sector_bytes
            full = len(self._fat_sectors) * self._sector_bytes > self._length + _DIFAT_IN_HEADER * self._sector_bytes
            if at >= self._length or full:
                raise DocumentDamagedError("Its allocation table is cut off.")
            self._file.seek(at)
            raw = self._file.read(self._sector_bytes)
            numbers = struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
            self._fat_sectors.extend(numbers[:-1])
            self._next_fat_list = numbers[-1] if numbers else _NO_ENTRY
        place: int = self._fat_sectors[index]
        if (place + 1) * self._sector_bytes >= self._length:
            raise DocumentDamagedError("Its allocation table is cut off.")
        return place

    def _read_directory(self) -> list[_Entry]:
        raw = self._read_chain(self._directory, _ENTRIES * _ENTRY_BYTES)
        entries = []
        for at in range(0, len(raw) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            kind, _, left, right, child = struct.unpack_from("<BBIII", raw, at + 66)
            start, size = struct.unpack_from("<II", raw, at + 116)
            length = min(int.from_bytes(raw[at + 64 : at + 66], "little"), 64)
            name = raw[at : at + max(length - 2, 0)].decode("utf-16-le", "replace")
            entries.append(_Entry(name, kind, left, right, child, start, size))
        if not entries or entries[0].kind != _ROOT:
            raise DocumentDamagedError("Its directory cannot be read.")
        return entries

    def _walk(self, first: int) -> Iterator[_Entry]:
        """The siblings of an entry: a binary tree, walked without recursion, each once."""
        waiting, seen = [first], set()
        while waiting:
            index = waiting.pop()
            if index >= len(self._entries) or index in seen:
                continue
            seen.add(index)
            entry = self._entries[index]
            waiting += (entry.left, entry.right)
            yield entry


@contextmanager
def open_compound(path: Path) -> Iterator[CompoundFile]:
    """The open compound file at ``path``.

    Raises:
        DocumentDamagedError: when its header or directory cannot be read.
    """
    with path.open("rb") as file:
        yield CompoundFile(file)
