"""Bounds the documents that all processes of a host parse at the same time, by the memory that is available."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from app.domain.errors import RetryLaterError
from app.host_locks import get_lock_folder, lock_first, unlock
from app.pipeline.sandbox.memory import read_available

_MOST = 256
_POLL_SECONDS = 0.05
_READ_SECONDS = 0.25
_WAIT_SECONDS = 10.0
_RETRY_SECONDS = 5.0
_MEGABYTE = 1024 * 1024


class ParseSlots:
    """One slot for each parse for which there is memory, at least one. A slot is a lock on a file in a common folder.

    Available memory is read four times a second at most, so that fewer run while other programs use the memory.

    Args:
        memory_mb: The memory that one parse may use.
        folder: The folder that all processes share; by default one in the system's folder for temporary files.
        available: Returns the bytes of memory that are available; None if that is unknown.
    """

    def __init__(
        self, memory_mb: int, folder: Path | None = None, available: Callable[[], int | None] = read_available
    ) -> None:
        self._memory = memory_mb * _MEGABYTE
        self._folder = folder or get_lock_folder("parsers")
        self._available = available
        self._count, self._read_at = 1, -math.inf

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Hold a slot within the block.

        Raises:
            RetryLaterError: none became free within ten seconds: other tasks can use the worker slot until then.
        """
        descriptor = await self._wait()
        try:
            yield
        finally:
            unlock(descriptor)

    async def _wait(self) -> int:
        deadline = time.monotonic() + _WAIT_SECONDS
        while (found := lock_first(self._folder, self._count_slots())) is None:
            if time.monotonic() > deadline:
                raise RetryLaterError("Waiting for memory to read the document", retry_after=_RETRY_SECONDS)
            await asyncio.sleep(_POLL_SECONDS)
        return found[1]

    def _count_slots(self) -> int:
        """The number of slots; reading the memory takes longer than reading a small document."""
        now = time.monotonic()
        if now >= self._read_at + _READ_SECONDS:
            available = self._available()
            self._count = _MOST if available is None else min(max(1, available // self._memory), _MOST)
            self._read_at = now
        return self._count
