"""Fingerprints of request bodies: two bodies are compared without storing either."""

import hashlib
from email.message import Message

from starlette.types import Message as Event
from starlette.types import Receive

from app.api.body_limit import BodyTooLarge
from app.domain.idempotency import Fingerprint


def find_boundary(content_type: str) -> str | None:
    """The boundary of a multipart content type; None for any other type."""
    content = Message()
    content["content-type"] = content_type
    boundary = content.get_param("boundary")
    return boundary if content.get_content_maintype() == "multipart" and isinstance(boundary, str) else None


_PIECES = 10_000
"""Pieces of a form whose body is compared. A form of more is not: hashing each piece costs time."""


class BodyHash:
    """SHA-256 of a body as it streams; equal for two forms that differ only in their boundary.

    Clients choose a new boundary for every request. The bytes between two boundaries are hashed, followed by their
    length as eight bytes, so that two different sequences of pieces never hash the same bytes.
    """

    def __init__(self, boundary: str | None = None) -> None:
        self.size = 0
        """Bytes hashed so far."""
        self._hash = hashlib.sha256()
        self._delimiter = f"\r\n--{boundary}".encode("latin-1", "replace") if boundary else b""
        # The first boundary stands at the start of the body, without the line break before it.
        self._rest = b"\r\n" if boundary else b""
        self._length = 0
        self.pieces = 0
        """Pieces hashed so far."""

    def update(self, data: bytes) -> None:
        """Hash the next bytes."""
        if not self._delimiter:
            self._add(data)
            return
        *pieces, rest = (self._rest + data).split(self._delimiter)
        for piece in pieces:
            self._add(piece)
            self._end_piece()
        # The last bytes may be the beginning of a boundary.
        safe = max(len(rest) - len(self._delimiter) + 1, 0)
        self._add(rest[:safe])
        self._rest = rest[safe:]

    def finish(self) -> Fingerprint:
        """The fingerprint of the complete body."""
        self._add(self._rest)
        self._end_piece()
        return Fingerprint(self._hash.digest(), self.size)

    def _add(self, data: bytes) -> None:
        self._hash.update(data)
        self._length += len(data)
        self.size += len(data)

    def _end_piece(self) -> None:
        self._hash.update(self._length.to_bytes(8, "big"))
        self.size += 8
        self.pieces += 1
        self._length = 0


class FingerprintedBody:
    """Hashes a request's body while the application reads it."""

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
        elif self._fingerprint is None and not self._broken:
            self._hash.update(event.get("body", b""))
            if self._hash.pieces > _PIECES:
                self._broken = True
            elif not event.get("more_body", False):
                self._fingerprint = self._hash.finish()
        return event

    async def finish(self, limit: int) -> Fingerprint | None:
        """Read the rest of the body, at most ``limit`` bytes; None if it is incomplete, longer or refused."""
        limit += self._hash.size
        while self._fingerprint is None and not self._broken and self._hash.size <= limit:
            try:
                await self.receive()
            except BodyTooLarge:
                self._broken = True
        return self._fingerprint
