"""The parent's side of one sandbox child."""

import asyncio
import json
import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import app
from app.domain import errors
from app.domain.documents import Parsed
from app.pipeline.sandbox import wire
from app.pipeline.sandbox.file_spool import FileSpool
from app.pipeline.sandbox.page_spool import PageSpool
from app.temporary_folders import TemporaryFolder

_ROOT = Path(app.__file__).resolve().parent.parent
_PATHS = ("PATH", "PYTHONPATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "TESSDATA_PREFIX")
_KEPT = (*_PATHS, "LANG", "LC_ALL")
_REPLY_LIMIT = 512 * 1024 * 1024
_MAX_FILES = 10_000
_MAX_PAGES = 1_000_000
_DETAIL_CHARACTERS = 1000
_ERRORS = {
    kind.code: kind
    for kind in (
        errors.InvalidListError,
        errors.DocumentDamagedError,
        errors.DocumentEncryptedError,
        errors.NoExtractableTextError,
        errors.ParseLimitExceededError,
        errors.ParserKilledError,
        errors.StorageFullError,
        errors.UnsupportedTypeError,
    )
}


class ChildDiedError(Exception):
    """The child ended during a parse. ``signal_name`` is the signal that ended it; None when it exited by itself."""

    def __init__(self, signal_number: int | None) -> None:
        self.signal_name = signal.Signals(signal_number).name if signal_number else None
        super().__init__(f"Its parser was ended by {self.signal_name}." if self.signal_name else "Its parser exited.")


class ChildProcess:
    """A child that parses one document at a time.

    ``documents`` counts the documents it received. ``is_fit`` is false when it must be replaced.

    It keeps its temporary files in a folder of its own, which is removed when it ends, so that none are left when it is
    killed. A folder whose parent process was killed is removed by upkeep. A child that has left files there after a
    document is replaced.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._folder = TemporaryFolder()
        self._process = process
        self._reader = reader
        self._writer = writer
        self.documents = 0
        self.is_fit = True

    @classmethod
    async def start(cls, memory_mb: int) -> "ChildProcess":
        """Start a child.

        ``Popen`` and a socket pair work in any thread and event loop; the child watchers of event loops do not. The
        environment holds no secrets, because a hostile document may take control of the child.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = spawn("app.pipeline.sandbox.child", theirs, memory_mb)
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def has_empty_folder(self) -> bool:
        """Whether its folder is empty. False too if it cannot be read, or was removed as an old temporary file."""
        try:
            return not any(self._folder.path.iterdir())
        except OSError:
            return False

    def kill(self) -> None:
        """Kill the process at once; ``end`` waits for it."""
        if self.is_alive:
            self._process.kill()

    async def parse(
        self,
        request: dict[str, Any],
        on_page: Callable[[int, int], None] | None,
        on_extension: Callable[[float], None],
    ) -> Parsed:
        """Parse one document in the child, which calls ``on_extension`` with the seconds by which OCR extends its time.

        Raises:
            ChildDiedError: when the child dies before it has answered.
            DocumentError: the error that the child reported.
        """
        self.documents += 1
        try:
            self._writer.write(wire.json_frame(wire.REQUEST, {**request, "folder": str(self._folder.path)}))
            return await self._read_reply(on_page, on_extension)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.is_fit = False
            raise ChildDiedError(await self.end()) from error
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
            self.is_fit = False
            raise errors.DocumentDamagedError("Its parser sent an invalid answer.") from error

    async def _read_reply(
        self, on_page: Callable[[int, int], None] | None, on_extension: Callable[[float], None]
    ) -> Parsed:
        pages, files = PageSpool(), FileSpool()
        left = _REPLY_LIMIT
        while True:
            kind, length = wire.HEADER.unpack(await self._reader.readexactly(wire.HEADER.size))
            left -= wire.HEADER.size + length
            if left < 0:
                raise errors.ParseLimitExceededError("It contains more text and files than is allowed.")
            payload = await self._reader.readexactly(length)
            if kind == wire.PAGE:
                _add_page(pages, payload)
            elif kind == wire.FILE:
                _begin_file(files, payload)
            elif kind == wire.PIECE:
                files.write(payload)
            elif kind == wire.PROGRESS and on_page is not None:
                on_page(*_read_progress(payload))
            elif kind == wire.EXTEND:
                on_extension(_read_seconds(payload))
            elif kind == wire.DONE:
                return Parsed(pages, dict(self._finish(payload)["metadata"]), files)
            elif kind == wire.FAILED:
                found = self._finish(payload)
                kind_of_error = _ERRORS.get(found["code"], errors.DocumentDamagedError)
                raise kind_of_error(str(found["detail"] or "")[:_DETAIL_CHARACTERS])

    def _finish(self, payload: bytes) -> dict[str, Any]:
        reply: dict[str, Any] = json.loads(payload)
        self.is_fit = not reply["retire"] and self.has_empty_folder
        return reply

    async def end(self) -> int | None:
        """Kill the child if it still runs and wait for it. Returns the signal that ended it, if any."""
        self._writer.close()
        if self.is_alive:
            await asyncio.to_thread(reap, self._process)
        await asyncio.to_thread(self._folder.remove)
        code = self._process.returncode
        return -code if code < 0 else None


def _read_progress(payload: bytes) -> tuple[int, int]:
    """The pages that are done, and all."""
    done, total = map(int, json.loads(payload))
    if not 0 <= done <= total:
        raise ValueError("It has read more pages than there are.")
    return done, total


def _read_seconds(payload: bytes) -> float:
    """The seconds of an extension; a timer of the event loop must not get any other value."""
    seconds = float(json.loads(payload))
    if not math.isfinite(seconds):
        raise ValueError("The extension is not a number of seconds.")
    return seconds


def _add_page(pages: PageSpool, payload: bytes) -> None:
    if len(pages) == _MAX_PAGES:
        raise errors.ParseLimitExceededError(f"It contains more than {_MAX_PAGES} pages.")
    pages.append(payload)


def _begin_file(files: FileSpool, name: bytes) -> None:
    if len(files) == _MAX_FILES:
        raise errors.ParseLimitExceededError(f"It contains more than {_MAX_FILES} files.")
    files.begin(name.decode("utf-8", "replace"))


def spawn(program: str, connection: socket.socket, *arguments: object) -> "subprocess.Popen[bytes]":
    """Start a module of Sluice as a child process, which has one end of a socket pair. It dies with this thread.

    Its arguments are the number of the socket, then ``arguments``.
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    descriptor = connection.fileno()
    return subprocess.Popen(  # noqa: S603, a program of Sluice
        [sys.executable, "-m", program, str(descriptor), *map(str, arguments)],
        cwd=_ROOT,
        env={**environment, "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"},
        pass_fds=(descriptor,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # In a process group of its own it receives no Ctrl-C. A new session would reset its niceness on Linux.
        process_group=0,
    )


def reap(process: "subprocess.Popen[bytes]") -> None:
    """Kill a child and wait for its end."""
    process.kill()
    process.wait()
