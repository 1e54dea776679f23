"""Parses documents in child processes, so that a hostile document affects no other.

Children persist, because starting one takes longer than parsing most documents. Each parses one document at a time.
"""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from app.domain.documents import Parsed
from app.domain.errors import (
    DocumentDamagedError,
    DocumentError,
    ParseLimitExceededError,
    ParserKilledError,
    ServiceUnavailableError,
    SluiceError,
)
from app.domain.media import DOCX
from app.pipeline.parse import FALLBACK_READERS
from app.pipeline.sandbox.parse_slots import ParseSlots
from app.pipeline.sandbox.process import ChildDiedError, ChildProcess

_LIMIT_SIGNAL = "SIGXCPU"
"""The signal with which the kernel ends a child that uses too much processor time."""
_OUTSIDE_SIGNALS = {"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"}
"""Signals that no document causes: the kernel sends SIGKILL when memory runs out, an operator any of them. A child that
reaches its own limit on memory reports an error instead."""


class ParserSandbox:
    """The ``Parser`` of ``app.domain.ports`` in child processes. Use it from one event loop, in any thread.

    Args:
        size: Children that run at the same time; further documents wait.
        time_limit: Seconds a document may take from the moment a child starts it, including the fallback reader.
        memory_mb: Memory a child may map beyond what it starts with.
        slots: Bounds the parses of all processes of the host; None for no such bound.
        max_pages: Pages a document may have.
        ocr_engine: What reads scans and pictures, ``rapidocr`` or ``tesseract``; None turns OCR off.
        ocr_languages: The languages of OCR, such as ``eng+deu``; None where none are set.
        ocr_seconds: Seconds by which OCR may extend the time limit of a document.
        documents_per_child: Documents after which a child is replaced.
        idle_seconds: Seconds without work after which a child ends; the last one stays.
    """

    def __init__(
        self,
        *,
        size: int,
        time_limit: float,
        memory_mb: int,
        max_pages: int,
        ocr_engine: str | None = None,
        ocr_languages: str | None = None,
        ocr_seconds: float = 400,
        documents_per_child: int = 200,
        idle_seconds: float = 60,
        slots: ParseSlots | None = None,
    ) -> None:
        self._free = asyncio.Semaphore(size)
        self._slots = slots
        self._time_limit = time_limit
        self._memory_mb = memory_mb
        self._max_pages = max_pages
        self._ocr = {"ocr_engine": ocr_engine, "ocr_languages": ocr_languages, "ocr_seconds": ocr_seconds}
        self._extension = ocr_seconds if ocr_engine else 0.0
        self._documents_per_child = documents_per_child
        self._idle_seconds = idle_seconds
        self._idle: list[tuple[ChildProcess, asyncio.TimerHandle]] = []
        self._busy: set[ChildProcess] = set()
        self._endings: set[asyncio.Task[int | None]] = set()
        self._closed = False

    async def parse(
        self,
        path: Path,
        media_type: str,
        on_page: Callable[[int, int], None] | None = None,
        *,
        address: str | None = None,
    ) -> Parsed:
        """Parse a document, as ``Parser.parse``. Cancelling this kills the child at once.

        Raises:
            DocumentDamagedError, DocumentEncryptedError, NoExtractableTextError, ParseLimitExceededError
            ParserKilledError: when the system killed the child. The document may be all right.
            RetryLaterError: when the host has no memory for another parse.
            ServiceUnavailableError: when the sandbox is closed, or is closed during the parse.
        """
        async with self._free, self._slots.hold() if self._slots else nullcontext():
            try:
                async with asyncio.timeout(self._time_limit) as limit:
                    request = self._request(path, media_type, address)
                    return await self._parse(request, on_page, self._extend(limit))
            except TimeoutError as error:
                raise ParseLimitExceededError(f"Reading it took longer than {self._time_limit:g} seconds.") from error

    async def close(self) -> None:
        """Kill all children and wait until they have ended."""
        self._closed = True
        for child, timer in self._idle:
            timer.cancel()
            self._end(child)
        self._idle.clear()
        for child in self._busy:
            self._end(child)
        await asyncio.gather(*self._endings)

    def _extend(self, limit: asyncio.Timeout) -> Callable[[float], None]:
        """A function that moves the end of the time limit, by ``ocr_seconds`` in all at most."""
        latest = (limit.when() or 0) + self._extension

        def extend(seconds: float) -> None:
            limit.reschedule(min((limit.when() or 0) + seconds, latest))

        return extend

    async def _parse(
        self,
        request: dict[str, Any],
        on_page: Callable[[int, int], None] | None,
        extend: Callable[[float], None],
    ) -> Parsed:
        media_type = request["media_type"]
        try:
            return await self._attempt(request, on_page, extend)
        except ChildDiedError as death:
            failure = _describe(death)
            if media_type not in FALLBACK_READERS or isinstance(failure, ParserKilledError):
                raise failure from death
        try:  # the fallback reader is different code: the same file rarely crashes both
            return await self._attempt({**request, "fallback": True}, on_page, extend)
        except ChildDiedError as death:
            second = _describe(death)
            raise (failure if media_type == DOCX and not second.retryable else second) from death
        except DocumentError as error:
            if media_type == DOCX:  # python-docx rejects many valid files, so its error explains less
                raise failure from error
            raise

    def _request(self, path: Path, media_type: str, address: str | None) -> dict[str, Any]:
        return {
            "path": str(path.absolute()),
            "media_type": media_type,
            "address": address,
            "pages": self._max_pages,
            "ocr": self._ocr,
            "seconds": self._time_limit,
            "fallback": False,
        }

    async def _attempt(
        self, request: dict[str, Any], on_page: Callable[[int, int], None] | None, extend: Callable[[float], None]
    ) -> Parsed:
        child = await self._acquire()
        try:
            parsed = await child.parse(request, on_page, extend)
        except DocumentError:
            self._release(child)
            raise
        except ChildDiedError as death:
            self._discard(child)
            if self._closed:
                raise ServiceUnavailableError("The parser is shutting down.") from death
            raise
        except BaseException:  # a cancel, the time limit or an error of on_page: the child is still parsing
            self._discard(child)
            raise
        self._release(child)
        return parsed

    async def _acquire(self) -> ChildProcess:
        if self._closed:
            raise ServiceUnavailableError("The parser is shutting down.")
        while self._idle:
            child, timer = self._idle.pop()
            timer.cancel()
            if child.is_alive and child.has_empty_folder:
                break
            self._end(child)
        else:
            child = await ChildProcess.start(self._memory_mb)
        self._busy.add(child)
        return child

    def _release(self, child: ChildProcess) -> None:
        if self._closed or not child.is_fit or child.documents >= self._documents_per_child:
            self._discard(child)
            return
        self._busy.discard(child)
        self._idle.append((child, self._start_timer(child)))

    def _start_timer(self, child: ChildProcess) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._idle_seconds, self._expire, child)

    def _expire(self, child: ChildProcess) -> None:
        self._idle = [entry for entry in self._idle if entry[0] is not child]
        if self._idle or self._busy:
            self._end(child)
        else:
            self._idle.append((child, self._start_timer(child)))

    def _discard(self, child: ChildProcess) -> None:
        self._busy.discard(child)
        self._end(child)

    def _end(self, child: ChildProcess) -> None:
        """Kill the child now and reap it in the background, so that the caller need not wait for that."""
        child.kill()
        ending = asyncio.ensure_future(child.end())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


def _describe(death: ChildDiedError) -> SluiceError:
    """The error of the document that the child was reading when it died."""
    if death.signal_name in _OUTSIDE_SIGNALS:
        return ParserKilledError()
    if death.signal_name == _LIMIT_SIGNAL:
        return ParseLimitExceededError(str(death))
    return DocumentDamagedError(str(death))
