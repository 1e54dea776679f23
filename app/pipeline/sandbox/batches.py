"""Makes the words and vectors of batches in child processes: threads of one process would take turns on one core.

The children start with the first batch, and end when they have had none for some seconds.
"""

import asyncio
import json
import signal
import socket
import subprocess
from collections.abc import Collection, Sequence

from app.domain.errors import ServiceUnavailableError
from app.domain.vectors import IndexedBatch
from app.pipeline.sandbox import wire
from app.pipeline.sandbox.process import reap, spawn


class BatchProcesses:
    """The ``BatchIndexer`` of ``app.domain.ports`` in child processes. Use it from one event loop.

    Args:
        program: The module that the children run.
        models: The names of the models whose vectors the program makes.
        size: Children that run at the same time; further batches wait.
        idle_seconds: Seconds without a batch after which a child ends.
    """

    def __init__(self, program: str, models: Collection[str], *, size: int, idle_seconds: float = 10) -> None:
        self.models = models
        self._program = program
        self._free = asyncio.Semaphore(size)
        self._idle_seconds = idle_seconds
        self._idle: dict[_Child, asyncio.TimerHandle] = {}
        self._busy: set[_Child] = set()
        self._endings: set[asyncio.Task[int]] = set()
        self._closed = False

    async def index(self, name: str, texts: Sequence[str], *, model: str | None) -> IndexedBatch:
        """Make words and vectors, as ``BatchIndexer.index``. Cancelling this kills the child."""
        async with self._free:
            child = await self._acquire()
            try:
                indexed = await child.index({"name": name, "texts": texts, "model": model})
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                code = await self._end(child)
                ended = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
                detail = f"The process that made the words of this batch was ended {ended}."
                raise ServiceUnavailableError(detail) from error
            except BaseException:  # a cancel, or an error that the child reports
                self._end(child)
                raise
            self._release(child)
            return indexed

    async def close(self) -> None:
        """Kill all children and wait until they have ended."""
        self._closed = True
        for child in (*self._idle, *self._busy):
            self._end(child)
        await asyncio.gather(*self._endings)

    async def _acquire(self) -> "_Child":
        if self._closed:
            raise ServiceUnavailableError("The process is shutting down.")
        while self._idle:
            child, timer = self._idle.popitem()  # the one that worked last
            timer.cancel()
            if child.is_alive:
                break
            self._end(child)
        else:
            child = await _Child.start(self._program)
        self._busy.add(child)
        return child

    def _release(self, child: "_Child") -> None:
        self._busy.discard(child)
        loop = asyncio.get_running_loop()
        self._idle[child] = loop.call_later(self._idle_seconds, self._end, child)

    def _end(self, child: "_Child") -> "asyncio.Task[int]":
        """Kill a child now and reap it in the background; the task returns its code, negative for a signal."""
        self._busy.discard(child)
        if timer := self._idle.pop(child, None):
            timer.cancel()
        ending = child.end()
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        return ending


class _Child:
    """One child process, which works on one batch at a time."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._ending: asyncio.Task[int] | None = None

    @classmethod
    async def start(cls, program: str) -> "_Child":
        ours, theirs = socket.socketpair()
        with theirs:
            process = spawn(program, theirs)
        try:
            return cls(process, *await asyncio.open_connection(sock=ours))
        except BaseException:  # a cancel
            process.kill()
            ours.close()
            await asyncio.shield(asyncio.to_thread(reap, process))
            raise

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    async def index(self, request: dict[str, object]) -> IndexedBatch:
        """Send a batch and wait for its words and vectors.

        Raises:
            RuntimeError: with the error that the child reports.
            IncompleteReadError, ConnectionError: when the child ended.
        """
        self._writer.write(wire.json_frame(wire.REQUEST, request))
        await self._writer.drain()
        kind, length = wire.HEADER.unpack(await self._reader.readexactly(wire.HEADER.size))
        payload = await self._reader.readexactly(length)
        if kind == wire.FAILED:
            raise RuntimeError(f"A batch has failed: {json.loads(payload)}")
        return wire.decode_batch(payload)

    def end(self) -> "asyncio.Task[int]":
        """Kill the process; the task waits for its end and returns its code, negative for a signal."""
        if self._ending is None:
            self._process.kill()
            self._writer.close()
            self._ending = asyncio.ensure_future(self._reap())
        return self._ending

    async def _reap(self) -> int:
        await asyncio.to_thread(reap, self._process)
        return self._process.returncode
