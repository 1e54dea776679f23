"""Decompresses HTTP bodies in small pieces, so that a decompression bomb can be stopped in time."""

import zlib
from collections.abc import Iterator

from app.domain.errors import PageUnreachableError, UnsupportedCodingError

ACCEPTED = "gzip, deflate"
_PIECE = 64 * 1024
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_DEFLATE_METHOD = 8
_GZIP_MARK = 0x1F


class Inflater:
    """Decompresses a body of one ``Content-Encoding``.

    Raises:
        UnsupportedCodingError: the encoding is not gzip, deflate or identity, or there are several.
    """

    def __init__(self, coding: str) -> None:
        name = coding.strip().lower()
        if name not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise UnsupportedCodingError(f"The encoding is {name[:40]!r}; Sluice reads {ACCEPTED}.")
        self._plain = name in {"", "identity"}
        self._gzip = name.endswith("gzip")
        self._decompressor = zlib.decompressobj(_GZIP) if self._gzip else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decompress the next bytes of the body, into pieces of at most 64 KB.

        Raises:
            PageUnreachableError: the compressed data is damaged.
        """
        if self._plain:
            yield data
        while data and not self._plain:
            decompressor = self._choose_decompressor(data)
            if decompressor is None:
                return
            try:
                piece = decompressor.decompress(data, _PIECE)
                while piece:
                    yield piece
                    piece = (
                        decompressor.decompress(decompressor.unconsumed_tail, _PIECE) if not decompressor.eof else b""
                    )
            except zlib.error as error:
                raise PageUnreachableError("The compressed body is damaged.") from error
            data = decompressor.unused_data

    def end(self) -> None:
        """Check at the end of the body that the compressed data is complete.

        Raises:
            PageUnreachableError: it is not.
        """
        if self._decompressor is not None and not self._decompressor.eof:
            raise PageUnreachableError("The compressed body is incomplete.")

    def _choose_decompressor(self, data: bytes) -> "zlib._Decompress | None":
        """The decompressor for these bytes; None for bytes that some servers append after the end."""
        if self._decompressor is None:
            # Deflate should have zlib's header; some servers omit it (RFC 9110, section 8.4.1.2).
            self._decompressor = zlib.decompressobj(_ZLIB if data[0] & 0x0F == _DEFLATE_METHOD else _RAW)
        elif self._decompressor.eof:
            if not self._gzip or data[0] != _GZIP_MARK:
                return None
            self._decompressor = zlib.decompressobj(_GZIP)
        return self._decompressor
