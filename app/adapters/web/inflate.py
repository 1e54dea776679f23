"""The compression of HTTP bodies, undone a little at a time: a bomb never gets to go off."""

import zlib
from collections.abc import Iterator

from app.domain.errors import PageUnreachableError, UnsupportedCodingError

ACCEPTED = "gzip, deflate"
_PIECE = 64 * 1024
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_DEFLATE_METHOD = 8
_GZIP_MARK = 0x1F


class Inflater:
    """Undoes one ``Content-Encoding``.

    Raises:
        UnsupportedCodingError: for any but gzip, deflate and identity, and for several at once.
    """

    def __init__(self, coding: str) -> None:
        name = coding.strip().lower()
        if name not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise UnsupportedCodingError(f"It is {name[:40]!r}; {ACCEPTED} are read.")
        self._plain = name in {"", "identity"}
        self._gzip = name.endswith("gzip")
        self._engine = zlib.decompressobj(_GZIP) if self._gzip else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes of the body mean, in pieces of at most 64 KB.

        Raises:
            PageUnreachableError: when they are damaged.
        """
        if self._plain:
            yield data
        while data and not self._plain:
            engine = self._choose_engine(data)
            if engine is None:
                return
            try:
                piece = engine.decompress(data, _PIECE)
                while piece:
                    yield piece
                    piece = engine.decompress(engine.unconsumed_tail, _PIECE) if not engine.eof else b""
            except zlib.error as error:
                raise PageUnreachableError("Its compressed body is damaged.") from error
            data = engine.unused_data

    def end(self) -> None:
        """Say that the body is over.

        Raises:
            PageUnreachableError: when it was cut short.
        """
        if self._engine is not None and not self._engine.eof:
            raise PageUnreachableError("Its compressed body broke off.")

    def _choose_engine(self, data: bytes) -> "zlib._Decompress | None":
        """The engine for these bytes; None for what some servers append after the end."""
        if self._engine is None:
            # Deflate should come in zlib's wrapping; some servers leave it out (RFC 9110, section 8.4.1.2).
            self._engine = zlib.decompressobj(_ZLIB if data[0] & 0x0F == _DEFLATE_METHOD else _RAW)
        elif self._engine.eof:
            if not self._gzip or data[0] != _GZIP_MARK:
                return None
            self._engine = zlib.decompressobj(_GZIP)
        return self._engine
