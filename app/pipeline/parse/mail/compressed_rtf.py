"""The compressed RTF in which Outlook keeps the text of a message ([MS-OXRTFCP])."""

import struct

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError

_HEADER = struct.Struct("<4I")
_COMPRESSED, _UNCOMPRESSED = 0x75465A4C, 0x414C454D
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier"
    b"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_SIZE = 4096


def decompress(data: bytes, most: int) -> bytes:
    """The RTF, as far as the data go.

    Raises:
        DocumentDamagedError: when it is not compressed RTF.
        ParseLimitExceededError: when it has more than ``most`` bytes.
    """
    if len(data) < _HEADER.size:
        raise DocumentDamagedError("Its compressed text is cut off.")
    _, size, kind, _ = _HEADER.unpack_from(data)
    if size > most:
        raise ParseLimitExceededError("Its compressed text is larger than is allowed.")
    if kind == _UNCOMPRESSED:
        return data[_HEADER.size : _HEADER.size + size]
    if kind != _COMPRESSED:
        raise DocumentDamagedError("Its text is compressed in an unknown way.")
    return _expand(data, size)


def _expand(data: bytes, size: int) -> bytes:
    """Each byte of flags stands for eight tokens: a byte, or a place in the last 4,096 bytes and a length."""
    window = bytearray(_DICTIONARY.ljust(_SIZE, b"\0"))
    place, position = len(_DICTIONARY), _HEADER.size
    found = bytearray()
    while position < len(data) and len(found) < size:
        flags, position = data[position], position + 1
        for bit in range(8):
            token = data[position : position + (2 if flags >> bit & 1 else 1)]
            position += len(token)
            if len(token) == 2:  # noqa: PLR2004, a place and a length
                start, length = token[0] << 4 | token[1] >> 4, (token[1] & 0xF) + 2
                if start == place:
                    return bytes(found)
            elif not token or flags >> bit & 1:
                return bytes(found)
            else:
                start, length = place, 1
                window[place] = token[0]
            for step in range(length):
                byte = window[(start + step) % _SIZE]
                window[place] = byte
                found.append(byte)
                place = (place + 1) % _SIZE
    return bytes(found)
