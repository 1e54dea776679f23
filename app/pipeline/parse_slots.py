"""Bounds the documents that all processes of a host parse at the same time, by the memory that is available."""

import asyncio
import fcntl
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from app.domain.errors import RetryLaterError
from app.pipeline.memory import read_available

_MOST = 256
_POLL_SECONDS = 0.05
_WAIT_SECONDS = 10.0
_RETRY_SECONDS = 5.0
_MEGABYTE = 1024 * 1024

_held: set[int] = set()


def _close_held() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


# A forked child must not keep the slots of its parent.
os.register_at_fork(after_in_child=_close_held)


class ParseSlots:
    """One slot for each parse for which there is memory, at least one. A slot is a lock on a file in a common folder.

    The operating system releases the lock when the process that holds it dies. Available memory is read for each parse,
    so that fewer run while other programs use the memory.

    Args:
        memory_mb: The memory that one parse may use.
        folder: The folder that all processes share; by default one in the system's folder for temporary files.
        available: Returns the bytes of memory that are available; None if that is unknown.
    """

    def __init__(
        self, memory_mb: int, folder: Path | None = None, available: Callable[[], int | None] = read_available
    ) -> None:
        self._memory = memory_mb * _MEGABYTE
        self._folder = folder or Path(tempfile.gettempdir()) / f"sluice-parsers-{os.geteuid()}"
        self._available = available

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Hold a slot within the block.

        Raises:
            RetryLaterError: none became free within ten seconds: other tasks can use the worker slot until then.
        """
        descriptor = await self._wait()
        _held.add(descriptor)
        try:
            yield
        finally:
            if descriptor in _held:  # not in a forked child, which has closed it
                _held.remove(descriptor)
                os.close(descriptor)

    async def _wait(self) -> int:
        deadline = time.monotonic() + _WAIT_SECONDS
        while (descriptor := self._try()) is None:
            if time.monotonic() > deadline:
                raise RetryLaterError("Waiting for memory to read the document", retry_after=_RETRY_SECONDS)
            await asyncio.sleep(_POLL_SECONDS)
        return descriptor

    def _try(self) -> int | None:
        """Lock the first free slot. Returns its descriptor, or None if all are locked."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for number in range(self._count()):
            descriptor = os.open(self._folder / str(number), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
        return None

    def _count(self) -> int:
        available = self._available()
        return _MOST if available is None else min(max(1, available // self._memory), _MOST)
