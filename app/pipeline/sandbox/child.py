"""The program of a sandbox child: parses one document after another until its parent ends.

Started by ``app.pipeline.sandbox.sandbox`` as ``python -m app.pipeline.sandbox.child <socket> <memory in MB>``.
"""

import json
import logging
import os
import queue
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from app.domain.documents import Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError, SluiceError, name_disk_error
from app.domain.media import SEVENZIP
from app.domain.onboarding import AGENT_ROWS
from app.domain.profiles import COMPANY_PAGE, PROFILE_ROWS
from app.domain.specs import SOURCES
from app.parent_death import die_with_parent
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from app.pipeline.sandbox import wire

_MEGABYTE = 1024 * 1024
_RETIRE_ABOVE = 192 * _MEGABYTE
_PROGRESS_EVERY = 0.05
_EXTRA_CPU_SECONDS = 5
_MESSAGE = 64 * 1024
_OOM_SCORE = "500"


def main() -> None:
    """Serve requests until the parent closes its end."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(signal.SIGKILL, os.getppid())
    _raise_oom_score()
    logging.disable()  # the parsing libraries log every irregularity of every file
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, requests), daemon=True).start()
    _limit_memory(int(sys.argv[2]) * _MEGABYTE)
    while True:
        _serve(connection, requests.get())


def _receive(connection: socket.socket, requests: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Queue requests. End the process when the parent has closed the connection, even during a parse."""
    try:
        with connection.makefile("rb") as stream:
            while header := stream.read(wire.HEADER.size):
                _, length = wire.HEADER.unpack(header)
                requests.put(json.loads(stream.read(length)))
    finally:
        os._exit(0)


def _serve(connection: socket.socket, request: dict[str, Any]) -> None:
    _limit_cpu(request["seconds"])
    tempfile.tempdir = request["folder"]
    reporter = _Reporter(connection)
    try:
        _send(connection, _write_frames(_read(connection, request, reporter)))
    except SluiceError as error:
        _fail(connection, error.code, error.detail, retire=_is_large())
    except MemoryError:
        _fail(connection, ParseLimitExceededError.code, "Reading it needs more memory than is allowed.", retire=True)
    except Exception as error:  # noqa: BLE001, the document is at fault, and the parent gets the error
        named = name_disk_error(error)
        code = named.code if isinstance(named, SluiceError) else DocumentDamagedError.code
        _fail(connection, code, f"{type(error).__name__}: {error}"[:300], retire=_is_large())


def _write_frames(parsed: Parsed) -> Iterator[bytes]:
    """The answer to a request, frame by frame."""
    for page in parsed.pages:
        yield wire.frame(wire.PAGE, wire.encode_page(page))
    for file in parsed.attachments:
        yield wire.frame(wire.FILE, file.name.encode("utf-8", "ignore"))
        for piece in file.pieces():
            yield wire.frame(wire.PIECE, piece)
    yield wire.json_frame(wire.DONE, {"metadata": dict(parsed.metadata), "retire": _is_large()})


def _send(connection: socket.socket, frames: Iterable[bytes]) -> None:
    """Send frames, many small ones at once: each message wakes the parent."""
    waiting, size = list[bytes](), 0
    for frame in frames:
        waiting.append(frame)
        size += len(frame)
        if size >= _MESSAGE:
            connection.sendall(b"".join(waiting))
            waiting, size = [], 0
    connection.sendall(b"".join(waiting))


def _make_limits(connection: socket.socket, request: dict[str, Any]) -> Limits:
    def extend(seconds: float) -> None:
        connection.sendall(wire.json_frame(wire.EXTEND, seconds))
        soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (soft + round(seconds), hard))

    return Limits(pages=request["pages"], address=request["address"], **request["ocr"], extend_time=extend)


def _read(connection: socket.socket, request: dict[str, Any], reporter: "_Reporter") -> Parsed:
    path, media_type = Path(request["path"]), request["media_type"]
    if media_type == SEVENZIP:
        from app.pipeline.archives.sevenzip import read_sevenzip  # noqa: PLC0415, an extra, and few files need it

        return read_sevenzip(path)
    if media_type == SOURCES:
        from app.pipeline.specs.analysis import analyse_bundle  # noqa: PLC0415, the parsers of languages cost memory

        return analyse_bundle(path, reporter)
    limits = _make_limits(connection, request)
    if media_type == COMPANY_PAGE:
        from app.pipeline.profiles.page import read  # noqa: PLC0415, the names of countries cost memory

        return read(path, limits)
    if media_type == PROFILE_ROWS:
        from app.pipeline.profiles.rows import read_rows as read_profiles  # noqa: PLC0415, few files need it

        return read_profiles(path, limits)
    if media_type == AGENT_ROWS:
        from app.pipeline.onboarding.rows import read_rows  # noqa: PLC0415, few files need it

        return read_rows(path, limits, reporter)
    return parse(path, media_type, reporter, limits=limits, fallback=request["fallback"])


def _fail(connection: socket.socket, code: str, detail: str | None, *, retire: bool) -> None:
    connection.sendall(wire.json_frame(wire.FAILED, {"code": code, "detail": detail, "retire": retire}))


class _Reporter:
    """Sends the progress: at most twenty times a second, and always at the end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _PROGRESS_EVERY
            self._connection.sendall(wire.json_frame(wire.PROGRESS, [done, total]))


def _raise_oom_score() -> None:
    """Make the kernel kill this process first when the machine runs out of memory."""
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text(_OOM_SCORE)


def _limit_memory(allowance: int) -> None:
    """Limit the address space to its present size plus ``allowance`` bytes, where ``/proc`` shows that size."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # crashes are expected; a core dump is of no use
    statm = Path("/proc/self/statm")
    if statm.exists():
        mapped = int(statm.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + allowance, mapped + allowance))


def _limit_cpu(seconds: float) -> None:
    """Limit the processor time, in case the parent hangs and cannot enforce its time limit."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + _EXTRA_CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _is_large() -> bool:
    statm = Path("/proc/self/statm")
    return statm.exists() and int(statm.read_text().split()[1]) * resource.getpagesize() > _RETIRE_ABOVE


if __name__ == "__main__":
    main()
