"""Telling whether two requests carry the same body, without keeping either."""

import hashlib
from email.message import Message

from starlette.types import Message as Event
from starlette.types import Receive

from app.domain.idempotency import Fingerprint


def find_boundary(content_type: str) -> str | None:
    """What separates the parts of a body of this type; None when it has none."""
    content = Message()
    content["content-type"] = content_type
    boundary = content.get_param("boundary")
    return boundary if content.get_content_maintype() == "multipart" and isinstance(boundary, str) else None


class BodyHash:
    """SHA-256 of a body as it streams, the same for two forms that differ in nothing but their boundary.

    Clients make up a new boundary for every request. What lies between two of them is hashed, followed by its length
    as eight bytes, so that no two different sequences of pieces hash the same bytes.
    """

    def __init__(self, boundary: str | None = None) -> None:
        self.size = 0
        """Bytes hashed so far."""
        self._hash = hashlib.sha256()
        self._delimiter = f"\r\n--{boundary}".encode("latin-1", "replace") if boundary else b""
        # The first boundary stands at the very start, as after the end of a line.
        self._rest = b"\r\n" if boundary else b""
        self._length = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        if not self._delimiter:
            self._take(data)
            return
        *pieces, rest = (self._rest + data).split(self._delimiter)
        for piece in pieces:
            self._take(piece)
            self._end_piece()
        # A boundary may have begun in its last bytes.
        sure = max(len(rest) - len(self._delimiter) + 1, 0)
        self._take(rest[:sure])
        self._rest = rest[sure:]

    def finish(self) -> Fingerprint:
        """The fingerprint of the body, which has ended."""
        self._take(self._rest)
        self._end_piece()
        return Fingerprint(self._hash.digest(), self.size)

    def _take(self, data: bytes) -> None:
        self._hash.update(data)
        self._length += len(data)
        self.size += len(data)

    def _end_piece(self) -> None:
        self._hash.update(self._length.to_bytes(8, "big"))
        self.size += 8
        self._length = 0


class FingerprintedBody:
    """A request's body on its way to whoever reads it."""

    def __init__(self, receive: Receive, content_type: str) -> None:
        self._receive = receive
        self._hash = BodyHash(find_boundary(content_type))
        self._broken = False
        self._fingerprint: Fingerprint | None = None

    async def receive(self) -> Event:
        """The next ASGI event."""
        event = await self._receive()
        if event["type"] != "http.request":
            self._broken = True
        elif self._fingerprint is None:
            self._hash.update(event.get("body", b""))
            if not event.get("more_body", False):
                self._fingerprint = self._hash.finish()
        return event

    async def finish(self, limit: int) -> Fingerprint | None:
        """Read what nobody has read, ``limit`` bytes at most; None when the body breaks off or goes on."""
        limit += self._hash.size
        while self._fingerprint is None and not self._broken and self._hash.size <= limit:
            await self.receive()
        return self._fingerprint
