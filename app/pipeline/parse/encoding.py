"""Decodes bytes: detects the encoding of a file, and whether it is text at all."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from app.domain.errors import DocumentDamagedError
from app.pipeline.parse.encoding_statistics import count_common, find_encoding

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
_PIECE = 1024 * 1024
_MIXED = "sluice.mixed"
_LAST_LATIN = "\u024f"
_ASCII = re.compile(r"[\x00-\x7f]+")
_ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\$\(D|\$\)C|\([JI])")
_UNSPECIFIC = {"ascii", "utf-8", "idna", "punycode", "unicode-escape", "raw-unicode-escape"}
"""Declarations that do not say what bytes beyond ASCII are, and codecs that are no encodings of files."""
_MARKUP = "<a 1>"
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
}
"""Encodings that are read as another one with more characters (WHATWG Encoding, section 4.2)."""


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

    Decided by a byte order mark, else by valid UTF-8, else by statistics, in which the declared encoding wins unless
    the bytes contradict it.

    Args:
        data: A whole file.
        declared: The encoding that the file declares, for example in an HTML ``meta`` element.

    Raises:
        DocumentDamagedError: when it is not text in any known encoding.
    """
    encoding = _choose_encoding(data, declared)
    if encoding is None:
        raise DocumentDamagedError("It is not text in any known encoding.")
    return data.decode(encoding, _choose_errors(data, encoding)).removeprefix("\ufeff")


def decode_file(path: Path) -> Iterator[str]:
    """The text of a file of any size, in pieces of a megabyte. A file of one piece is decoded as by ``decode``.

    The first megabyte with a character beyond ASCII decides the encoding of a larger file.

    Raises:
        DocumentDamagedError: when it is not text in any known encoding.
    """
    with path.open("rb") as file:
        piece = file.read(_PIECE)
        if len(piece) < _PIECE:
            yield decode(piece)
            return
        while len(piece) == _PIECE and piece.isascii() and _find_escapes(piece) is None and b"\0" not in piece:
            yield piece.decode("ascii")
            piece = file.read(_PIECE)
        encoding = _choose_encoding(piece, complete=False)
        if encoding is None:
            raise DocumentDamagedError("It is not text in any known encoding.")
        decoder = codecs.getincrementaldecoder(encoding)(_choose_errors(piece, encoding))
        while piece:
            yield decoder.decode(piece)
            piece = file.read(_PIECE)
        yield decoder.decode(b"", final=True)


def _choose_encoding(data: bytes, declared: str | None = None, *, complete: bool = True) -> str | None:
    encoding = guess_encoding(data, complete=complete)
    if encoding == EIGHT_BIT:
        return _mostly_utf8(data) or find_encoding(data, _known(declared)) or EIGHT_BIT
    if encoding == "utf-8" and data.isascii():
        return _find_escapes(data) or _known(declared) or encoding
    return encoding


def _choose_errors(data: bytes, encoding: str) -> str:
    """How invalid bytes are read: as Windows-1252 in UTF-8 of Latin letters, because lines of both are often joined."""
    if encoding != "utf-8":
        return "replace"
    beyond_ascii = _ASCII.sub("", data[:_PIECE].decode("utf-8", "ignore"))
    return _MIXED if sum(char < _LAST_LATIN for char in beyond_ascii) * 2 > len(beyond_ascii) else "replace"


def _read_single_byte(error: UnicodeError) -> tuple[str, int]:
    """One invalid byte as Windows-1252; the beginning of a character that is cut off, and a last byte, as U+FFFD."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if error.end - error.start > 1 or error.end == len(error.object):
        return "\ufffd", error.end
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_MIXED, _read_single_byte)


def to_utf8(path: Path, stated: str) -> None:
    """Convert a text file to UTF-8 from the encoding that its server stated, unless it is UTF-8 or not text.

    A stated encoding that the bytes contradict is ignored.
    """
    data, encoding = path.read_bytes(), _known(stated)
    if encoding and _choose_encoding(data, stated) == encoding:
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
    """UTF-16 or UTF-32 without a byte order mark: the one that gives plausible text with the most common characters."""
    best, most = None, -1
    for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        try:
            text = sample[: len(sample) // width * width].decode(encoding)
        except UnicodeDecodeError:
            continue
        if text and _is_plausible(text) and (common := count_common(text)) > most:
            best, most = encoding, common
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


def _find_escapes(data: bytes) -> str | None:
    """The encoding of text that is ASCII with escape sequences, as mails and old files have it (RFC 1468, RFC 1557)."""
    found = _ESCAPES.search(data)
    if found is None:
        return None
    return "iso2022_kr" if found[0].endswith(b"C") else "iso2022_jp_ext"


def _known(declared: str | None) -> str | None:
    """The codec of a declared encoding; None for those that do not extend ASCII, such as UTF-16 and EBCDIC."""
    try:
        codec = codecs.lookup((declared or "").strip().removeprefix("x-"))
        extends_ascii = _MARKUP.encode("ascii").decode(codec.name) == _MARKUP
    except (LookupError, ValueError):
        return None
    if codec.name in _UNSPECIFIC or not extends_ascii:
        return None
    return _SUPERSETS.get(codec.name, codec.name)
