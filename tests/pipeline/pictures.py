"""Writes PNG files without a library of pictures."""

import struct
import zlib
from collections.abc import Sequence


def make_png(rows: Sequence[bytes], *, width: int | None = None, height: int | None = None) -> bytes:
    """A greyscale PNG of these rows of bytes. Width and height may be declared larger than they are."""
    size = struct.pack(">II", width or len(rows[0]), height or len(rows))
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = ((b"IHDR", size + b"\x08\0\0\0\0"), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
