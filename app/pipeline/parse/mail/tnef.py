"""TNEF (``winmail.dat``): the files that Outlook sends to programs that it takes for Outlook ([MS-OXTNEF])."""

import struct
from collections.abc import Iterator

from app.domain.errors import DocumentDamagedError
from app.pipeline.parse.encoding import decode

_SIGNATURE = b"\x78\x9f\x3e\x22"
_ATTRIBUTE = struct.Struct("<BII")
_NEXT_FILE, _TITLE, _DATA, _PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_TEXT8, _TEXT, _OBJECT, _BYTES = 0x1E, 0x1F, 0x0D, 0x102
_VARIABLE = {_TEXT8, _TEXT, _OBJECT, _BYTES}
_FIXED = {2: 4, 3: 4, 4: 4, 10: 4, 11: 4, 5: 8, 6: 8, 7: 8, 20: 8, 64: 8, 72: 16}
"""The sizes of values by their types, padded to four bytes."""
_MANY = 0x1000
_NAMED = 0x8000
_LONG_NAME = 0x3707


def unpack(content: bytes) -> list[tuple[str, bytes]]:
    """The names and contents of the files within, as far as it is undamaged; none where it is not TNEF."""
    files: list[tuple[str, bytes]] = []
    if not content.startswith(_SIGNATURE):
        return files
    for kind, data in _list_attributes(content):
        if kind == _NEXT_FILE:
            files.append(("", b""))
        elif files:
            name, found = files[-1]
            if kind == _TITLE:
                files[-1] = (name or _read_text(data), found)
            elif kind == _DATA:
                files[-1] = (name, data)
            elif kind == _PROPERTIES:
                files[-1] = (_find_long_name(data) or name, found)
    return [(name or f"attachment{number}.bin", data) for number, (name, data) in enumerate(files, 1) if data]


def _list_attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The numbers and data of the attributes; a checksum follows each."""
    position = len(_SIGNATURE) + 2
    while position + _ATTRIBUTE.size <= len(content):
        _, kind, size = _ATTRIBUTE.unpack_from(content, position)
        position += _ATTRIBUTE.size
        yield kind & 0xFFFF, content[position : position + size]
        position += size + 2


def _find_long_name(data: bytes) -> str:
    """The long name of a file among its properties; empty where it is missing or the properties are damaged."""
    try:
        for number, kind, value in _list_properties(data):
            if number == _LONG_NAME:
                return value.decode("utf-16-le", "replace").rstrip("\0") if kind == _TEXT else _read_text(value)
    except struct.error:
        return ""
    return ""


def _list_properties(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, type and value of each property. Those with a type of unknown size end the list."""
    (count,) = struct.unpack_from("<I", data)
    position = 4
    for _ in range(count):
        kind, number = struct.unpack_from("<HH", data, position)
        position += 4
        if number >= _NAMED:
            named, size = struct.unpack_from("<II", data, position + 16)
            position += 24 + (_pad(size) if named else 0)
        values = 1
        if kind & _MANY or kind in _VARIABLE:
            (values,) = struct.unpack_from("<I", data, position)
            position += 4
        for _ in range(values):
            if position >= len(data):  # the count of values is not true
                return
            size = _FIXED.get(kind & ~_MANY, 0)
            if kind & ~_MANY in _VARIABLE:
                (size,) = struct.unpack_from("<I", data, position)
                position += 4
            elif not size:
                return
            yield number, kind, data[position : position + size]
            position += _pad(size)


def _pad(size: int) -> int:
    return -(-size // 4) * 4


def _read_text(data: bytes) -> str:
    try:
        return decode(data.partition(b"\0")[0])
    except DocumentDamagedError:
        return ""
