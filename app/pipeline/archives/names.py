"""Names of archive entries as text. Many programs write them in the encoding of their system, without saying which."""

import struct
import zipfile
import zlib
from collections.abc import Sequence

from app.pipeline.parse.encoding_statistics import find_encoding

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
_STATED = "cp437"
"""The encoding of names without a flag, by the specification (APPNOTE, appendix D)."""
_PRIORS = {
    **dict.fromkeys(("cp866", "cp932", "gb18030"), 1),
    **dict.fromkeys(("cp850", "cp949", "big5hkscs"), 2),
    **dict.fromkeys(("cp852", "cp1251"), 3),
    **dict.fromkeys(("cp1252", "cp857", "cp737", "cp862"), 4),
    **dict.fromkeys(("cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "euc_jp"), 6),
    **dict.fromkeys(("koi8-r", "iso8859-2", "mac-roman"), 10),
}
"""The encodings in which programs write names, with their prior costs: first the code pages of consoles."""


def read_names(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The names of the entries of a ZIP archive, in the same order.

    A name is UTF-8 where its flag says so, and Info-ZIP adds it in UTF-8 in an extra field. The other names are decoded
    together.
    """
    names = [info.filename if info.flag_bits & _UTF8_FLAG else _read_unicode_path(info) for info in infos]
    raw = [_encode(info) for info, name in zip(infos, names, strict=True) if name is None]
    decoded = iter(decode_names(raw))
    return [next(decoded) if name is None else name for name in names]


def decode_names(raw: Sequence[bytes]) -> list[str]:
    """Names that one program wrote in one encoding: UTF-8, else the one in which all are the most probable text."""
    beyond_ascii = b"\n".join(name for name in raw if not name.isascii())
    try:
        beyond_ascii.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = find_encoding(beyond_ascii, priors=_PRIORS) or _STATED
    return [name.decode(encoding, "replace") for name in raw]


def _encode(info: zipfile.ZipInfo) -> bytes:
    """The bytes of a name that ``zipfile`` decoded as the specification says."""
    return info.orig_filename.partition("\0")[0].encode(_STATED, "replace")


def _read_unicode_path(info: zipfile.ZipInfo) -> str | None:
    """The name in the Unicode path field (APPNOTE 4.6.9); None without one, or where it belongs to another name."""
    fields = info.extra
    while len(fields) >= 4:  # noqa: PLR2004, identifier and size
        kind, size = struct.unpack_from("<HH", fields)
        data, fields = fields[4 : 4 + size], fields[4 + size :]
        if kind == _UNICODE_PATH and data[1:5] == zlib.crc32(_encode(info)).to_bytes(4, "little"):
            return data[5:].decode("utf-8", "replace")
    return None
