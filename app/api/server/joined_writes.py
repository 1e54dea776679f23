"""The head of a response is sent together with the first bytes of its body."""

import asyncio


class JoinedWrites:
    """Writes one response to a connection.

    uvicorn writes head and body separately. Each would be a system call of its own, and would wake the client.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None
        """None before the first write; empty when the head is sent."""

    def write(self, data: bytes) -> None:
        """Write bytes. The first ones wait for the next ones, until the callbacks that are ready now have run."""
        if self._head is None:
            self._head = data
            self._loop.call_soon(self.flush)
        elif self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Send a head that still waits."""
        if self._head and not self._transport.is_closing():
            self._transport.write(self._head)
            self._head = b""

    def close(self) -> None:
        """Close the connection when all is sent."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closing or closed."""
        return self._transport.is_closing()
