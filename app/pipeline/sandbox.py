"""Parsing in processes of its own, so that a crash, a bomb or an endless file costs that document only."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from app.domain.documents import Page, Parsed
from app.domain.errors import (
    DocumentDamagedError,
    DocumentEncryptedError,
    DocumentError,
    NoExtractableTextError,
    ParseLimitExceededError,
)
from app.domain.media import PDF

_ROOT = Path(__file__).parents[2]
_LINE_BYTES = 1 << 30
_ERRORS: dict[str, type[DocumentError]] = {
    error.code: error
    for error in (DocumentDamagedError, DocumentEncryptedError, NoExtractableTextError, ParseLimitExceededError)
}

log = structlog.get_logger()
OnPage = Callable[[int, int], None]


class _ChildDiedError(Exception):
    """The parsing process ended without an answer."""


class _Child:
    """One parsing process and how many documents it has read."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.documents = 0
        self.expiry: asyncio.TimerHandle | None = None

    async def ask(self, request: dict[str, Any], on_page: OnPage | None) -> dict[str, Any]:
        """Send a request and read up to its answer, passing progress on."""
        assert self.process.stdin  # noqa: S101 - it was opened with pipes
        assert self.process.stdout  # noqa: S101 - the same
        self.documents += 1
        with suppress(ConnectionError):
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            await self.process.stdin.drain()
        while line := await self.process.stdout.readline():
            message: dict[str, Any] = json.loads(line)
            if "done" not in message:
                return message
            if on_page:
                on_page(int(message["done"]), int(message["total"]))
        raise _ChildDiedError

    async def kill(self) -> None:
        """End it now, whatever it does."""
        if self.expiry:
            self.expiry.cancel()
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class ParserSandbox:
    """The ``Parser`` port over persistent child processes.

    Args:
        size: Documents parsed at once at most; further ones wait.
        time_limit: Seconds a document may take.
        memory_mb: Address space a process may have.
        max_pages: Pages a document may have.
        documents_per_child: After so many a process is replaced, which gives back what libraries leak.
        idle_seconds: After so long without work a process ends.
    """

    def __init__(
        self,
        *,
        size: int,
        time_limit: float,
        memory_mb: int,
        max_pages: int,
        documents_per_child: int = 200,
        idle_seconds: float = 60.0,
    ) -> None:
        self._places = asyncio.Semaphore(size)
        self._time_limit = time_limit
        self._arguments = [str(memory_mb), str(max_pages), str(int(time_limit) + 1)]
        self._documents_per_child = documents_per_child
        self._idle_seconds = idle_seconds
        self._idle: list[_Child] = []
        self._endings: set[asyncio.Task[None]] = set()

    async def parse(self, path: Path, media_type: str, on_page: OnPage | None = None) -> Parsed:
        """Parse the file at ``path``; see ``Parser`` in ``app.domain.ports``."""
        request = {"path": os.path.abspath(path), "media_type": media_type}
        async with self._places:
            try:
                return await self._attempt(request, on_page)
            except (_ChildDiedError, DocumentDamagedError) as error:
                if media_type != PDF:
                    raise _as_damaged(error) from error
                try:
                    return await self._attempt({**request, "spare": True}, on_page)
                except _ChildDiedError as again:
                    raise _as_damaged(again) from again

    async def close(self) -> None:
        """End every process."""
        children, self._idle = self._idle, []
        await asyncio.gather(*(child.kill() for child in children), *self._endings)

    async def _attempt(self, request: dict[str, Any], on_page: OnPage | None) -> Parsed:
        child = self._idle.pop() if self._idle else await self._start()
        if child.expiry:
            child.expiry.cancel()
        try:
            async with asyncio.timeout(self._time_limit):
                answer = await child.ask(request, on_page)
        except BaseException as error:
            await asyncio.shield(child.kill())
            if isinstance(error, TimeoutError):
                raise ParseLimitExceededError(f"It takes longer than {self._time_limit:g} seconds.") from error
            raise
        if answer.get("leave") or child.documents >= self._documents_per_child:
            await child.kill()
        else:
            self._keep(child)
        return _read_answer(answer)

    async def _start(self) -> _Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app.pipeline.sandbox_child",
            *self._arguments,
            str(os.getpid()),
            stdin=PIPE,
            stdout=PIPE,
            cwd=_ROOT,
            limit=_LINE_BYTES,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},  # no secret is within its reach
        )
        return _Child(process)

    def _keep(self, child: _Child) -> None:
        """Put it by for the next document; without one, it ends in a while."""

        def expire() -> None:
            self._idle.remove(child)
            ending = asyncio.ensure_future(child.kill())
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)

        child.expiry = asyncio.get_running_loop().call_later(self._idle_seconds, expire)
        self._idle.append(child)


def _as_damaged(error: Exception) -> DocumentDamagedError:
    return error if isinstance(error, DocumentDamagedError) else DocumentDamagedError("Its reader crashed.")


def _read_answer(answer: dict[str, Any]) -> Parsed:
    """Check what a process said that may be in hostile hands."""
    if "error" in answer:
        detail = answer.get("detail")
        raise _ERRORS.get(answer["error"], DocumentDamagedError)(str(detail) if detail else None)
    pages = [Page(None if number is None else int(number), str(text)) for number, text in answer["pages"]]
    return Parsed(pages, {str(key): value for key, value in answer["metadata"].items()})
