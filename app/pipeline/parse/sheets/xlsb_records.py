"""The records of a part of an XLSB file ([MS-XLSB], 2.1.4)."""

from collections.abc import Iterator

_MAX_SIZE_BYTES = 4


def iterate(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The records as ``(kind, content)``, up to one that is cut off."""
    at, end = 0, len(data)
    while at + 1 < end:
        kind = data[at]
        at += 1
        if kind & 0x80:
            kind = (kind & 0x7F) | (data[at] & 0x7F) << 7
            at += 1
        size = 0
        for place in range(_MAX_SIZE_BYTES):
            if at >= end:
                return
            byte = data[at]
            at += 1
            size |= (byte & 0x7F) << 7 * place
            if not byte & 0x80:
                break
        if at + size > end:
            return
        yield kind, data[at : at + size]
        at += size


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """The text at a position, and the position after it. A missing one is empty (2.5.166)."""
    length = int.from_bytes(data[at : at + 4], "little")
    at += 4
    if length * 2 > len(data) - at:
        return "", at
    return data[at : at + 2 * length].decode("utf-16-le", "replace"), at + 2 * length
