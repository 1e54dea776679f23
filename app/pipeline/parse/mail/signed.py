"""S/MIME: whether a message is encrypted or signed, and the content of a signed one (RFC 5652)."""

_SIGNED = bytes.fromhex("06092a864886f70d010702")
_ENVELOPED = (
    bytes.fromhex("06092a864886f70d010703"),
    bytes.fromhex("060b2a864886f70d0109100117"),  # authenticated and encrypted
)
_DATA = bytes.fromhex("06092a864886f70d010701")
_KIND_WITHIN = 64
_OCTETS, _CONSTRUCTED_OCTETS, _CONTEXT = 0x04, 0x24, 0xA0
_INDEFINITE = 0x80
_MAX_PIECES = 1_000_000


def find_kind(content: bytes, declared: str) -> str:
    """``signed`` or ``encrypted``, by the content type, else as declared (``smime-type``)."""
    head = content[:_KIND_WITHIN]
    if _SIGNED in head:
        return "signed"
    if any(kind in head for kind in _ENVELOPED):
        return "encrypted"
    return "signed" if declared.lower() in {"signed-data", "certs-only"} else "encrypted"


def unwrap(content: bytes) -> bytes | None:
    """The signed content; None where there is none, as in a message that carries only certificates."""
    found = content.find(_DATA)
    if found < 0:
        return None
    position = found + len(_DATA)
    if content[position : position + 1] != bytes([_CONTEXT]):
        return None
    position, _ = _read_length(content, position + 1)
    pieces: list[bytes] = []
    for _ in range(_MAX_PIECES):
        tag = content[position] if position < len(content) else 0
        if tag not in {_OCTETS, _CONSTRUCTED_OCTETS}:
            break
        position, length = _read_length(content, position + 1)
        if tag == _OCTETS:
            pieces.append(content[position : position + length])
            position += length
    return b"".join(pieces) or None


def _read_length(content: bytes, position: int) -> tuple[int, int]:
    """The position after a length, and the length; 0 where it is indefinite."""
    first = content[position] if position < len(content) else 0
    count = first & 0x7F if first & _INDEFINITE else 0
    length = int.from_bytes(content[position + 1 : position + 1 + count], "big") if count else first & 0x7F
    return position + 1 + count, length
