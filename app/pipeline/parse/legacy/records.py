"""The records of a PowerPoint stream ([MS-PPT] 2.3.1) and of its drawings ([MS-ODRAW] 2.2.1)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_HEADER = struct.Struct("<HHI")
_CONTAINER = 0xF
_TAG_DATA = 0x138B
"""It contains records, though its version does not say so."""


class Record(NamedTuple):
    """A record: its type, its instance, and where its content is."""

    kind: int
    instance: int
    is_container: bool
    start: int
    end: int

    def content(self, stream: bytes) -> bytes:
        """Its bytes."""
        return stream[self.start : self.end]

    def number(self, stream: bytes, at: int) -> int:
        """The 32 bits at an offset of its content; 0 beyond its end."""
        return int.from_bytes(stream[self.start + at : min(self.start + at + 4, self.end)], "little")


def read_record(stream: bytes, at: int) -> Record | None:
    """The record at this place; None where there is none."""
    if not 0 <= at <= len(stream) - _HEADER.size:
        return None
    version, kind, length = _HEADER.unpack_from(stream, at)
    start = at + _HEADER.size
    is_container = version & _CONTAINER == _CONTAINER or kind == _TAG_DATA
    return Record(kind, version >> 4, is_container, start, min(start + length, len(stream)))


def list_records(stream: bytes, parent: Record) -> Iterator[Record]:
    """The records in a container, in order."""
    at = parent.start
    while at < parent.end and (record := read_record(stream, at)):
        yield record._replace(end=min(record.end, parent.end))
        at = record.end


def walk(stream: bytes, parent: Record) -> Iterator[Record]:
    """All records below a container, in the order of the file; without recursion, because depth may be hostile."""
    levels = [list_records(stream, parent)]
    while levels:
        record = next(levels[-1], None)
        if record is None:
            levels.pop()
            continue
        yield record
        if record.is_container:
            levels.append(list_records(stream, record))
