"""Decodes bytes: detects the encoding of a file, and whether it is text at all."""

import codecs
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from app.domain.errors import DocumentDamagedError

EIGHT_BIT = "cp1252"
"""Stands for any encoding with one byte per character, or an East Asian one; ``decode`` detects which."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\x08\x1b") + b"\x7f"
_CONTROL_SHARE = 0.01
_SAMPLE = 4096
_GUESS_FROM = 64 * 1024
_NEVER = ["utf_7", "cp037", "cp500", "cp1026", "cp1140"]
_PIECE = 1024 * 1024
_LEVEL = 0.02
"""Where statistics cannot separate Western European encodings from others, the more common one is chosen."""


def guess_encoding(head: bytes, *, complete: bool = True) -> str | None:
    """The encoding of a text file by its first bytes; None when they are not text.

    Args:
        head: The first bytes of the file.
        complete: Whether they are the whole file; if not, the last character may be incomplete.
    """
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    if _control_share(head) <= _CONTROL_SHARE:
        return "utf-8" if _is_utf8(head, complete=complete) else EIGHT_BIT
    return _guess_wide(head[:_SAMPLE])


def decode(data: bytes, declared: str | None = None) -> str:
    """The text in ``data``.

    Decided by a byte order mark, else by valid UTF-8, else by the declared encoding, else by statistics.

    Args:
        data: A whole file.
        declared: The encoding that the file declares, for example in an HTML ``meta`` element.

    Raises:
        DocumentDamagedError: when it is not text in any known encoding.
    """
    encoding = guess_encoding(data)
    if encoding is None:
        raise DocumentDamagedError("It is not text in any known encoding.")
    if encoding == EIGHT_BIT:
        encoding = _mostly_utf8(data) or _known(declared) or _guess_by_statistics(data)
    elif declared and data.isascii():
        encoding = _known(declared) or encoding  # ISO-2022-JP and UTF-7 are valid ASCII
    return data.decode(encoding, "replace").removeprefix("\ufeff")


def decode_file(path: Path) -> Iterator[str]:
    """The text of a file of any size, in pieces of a megabyte. A file of one piece is decoded as by ``decode``.

    The first megabyte decides the encoding of a larger file.

    Raises:
        DocumentDamagedError: when it is not text in any known encoding.
    """
    with path.open("rb") as file:
        piece = file.read(_PIECE)
        if len(piece) < _PIECE:
            yield decode(piece)
            return
        encoding = guess_encoding(piece, complete=False)
        if encoding is None:
            raise DocumentDamagedError("It is not text in any known encoding.")
        if encoding == EIGHT_BIT:
            encoding = _mostly_utf8(piece) or _guess_by_statistics(piece)
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        while piece:
            yield decoder.decode(piece)
            piece = file.read(_PIECE)
        yield decoder.decode(b"", final=True)


def to_utf8(path: Path, stated: str) -> None:
    """Convert a text file from the encoding that its server stated to UTF-8, unless it is UTF-8 or not text."""
    data, encoding = path.read_bytes(), _known(stated)
    guessed = guess_encoding(data)
    hidden = data.isascii() and (encoding or "").startswith("iso2022")
    if encoding and (hidden or (guessed == EIGHT_BIT and not _mostly_utf8(data))):
        path.write_bytes(data.decode(encoding, "replace").encode("utf-8", "replace"))


def _control_share(data: bytes) -> float:
    return 1 - len(data.translate(None, _CONTROLS)) / len(data) if data else 0.0


def _is_utf8(data: bytes, *, complete: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=complete)
    except UnicodeDecodeError:
        return False
    return True


def _guess_wide(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark: the one that gives plausible text with the most ASCII characters."""
    best, plainest = None, -1
    for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        try:
            text = sample[: len(sample) // width * width].decode(encoding)
        except UnicodeDecodeError:
            continue
        plain = sum(char.isascii() for char in text)
        if text and plain > plainest and _is_plausible(text):
            best, plainest = encoding, plain
    return best


def _is_plausible(text: str) -> bool:
    odd = sum(unicodedata.category(char) in {"Cc", "Cn", "Co"} and char not in "\t\n\v\f\r" for char in text)
    return odd <= len(text) * _CONTROL_SHARE


def _mostly_utf8(data: bytes) -> str | None:
    """UTF-8, also where some characters are invalid; None where there are too many."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    beyond_ascii = len(text) - len(text.encode("ascii", "ignore"))
    return "utf-8" if broken * 10 <= beyond_ascii else None


def _known(declared: str | None) -> str | None:
    if declared is None:
        return None
    try:
        name = codecs.lookup(declared.strip()).name
    except (LookupError, ValueError):
        return None
    # Browsers read these labels as Windows-1252 (WHATWG Encoding, section 4.2).
    if name in {"iso8859-1", "ascii"}:
        return "cp1252"
    return None if name.startswith(("utf-16", "utf-32")) or not codecs.lookup(name)._is_text_encoding else name  # noqa: SLF001


def _guess_by_statistics(data: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415, few files need it, and it costs 10 MB

    matches = from_bytes(data[:_GUESS_FROM], cp_exclusion=_NEVER)
    best = matches.best()
    if best is None:
        return EIGHT_BIT
    western = any(
        EIGHT_BIT in (match.encoding, *match.could_be_from_charset) and match.chaos <= best.chaos + _LEVEL
        for match in matches
    )
    return EIGHT_BIT if western else best.encoding
