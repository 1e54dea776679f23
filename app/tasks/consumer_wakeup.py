"""Wakes the event loop of Celery's consumer from another thread, by a byte in a pipe that the loop watches."""

import os
from contextlib import suppress
from typing import Any

_pipe: tuple[int, int] | None = None


def watch_pipe(hub: Any) -> None:
    """Have a kombu event loop watch the pipe. Call it again after a reconnect, which makes a new loop."""
    global _pipe  # noqa: PLW0603 - a process has one consumer, and Celery passes no state of ours to its requests
    if _pipe is None:
        _pipe = os.pipe()
        for end in _pipe:
            os.set_blocking(end, False)
    hub.add_reader(_pipe[0], _drain, _pipe[0])


def wake_consumer() -> None:
    """Wake the consumer's event loop. Does nothing in a process without a consumer."""
    if _pipe is not None:
        with suppress(BlockingIOError):  # the pipe is full: the loop wakes in any case
            os.write(_pipe[1], b"!")


def _drain(end: int) -> None:
    with suppress(BlockingIOError):
        os.read(end, 4096)
