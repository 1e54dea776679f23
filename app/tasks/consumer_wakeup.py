"""A way to wake the consumer's event loop from another thread: a byte in a pipe that it listens to."""

import os
from contextlib import suppress
from typing import Any

_pipe: tuple[int, int] | None = None


def listen(hub: Any) -> None:
    """Let ``wake_consumer`` wake this loop, of kombu. A consumer that has reconnected listens anew."""
    global _pipe  # noqa: PLW0603 - one consumer a process, and Celery hands its requests nothing
    if _pipe is None:
        _pipe = os.pipe()
        for end in _pipe:
            os.set_blocking(end, False)
    hub.add_reader(_pipe[0], _drain, _pipe[0])


def wake_consumer() -> None:
    """Have the consumer's loop, where this process has one, go round once more."""
    if _pipe is not None:
        with suppress(BlockingIOError):  # full: it is about to wake in any case
            os.write(_pipe[1], b"!")


def _drain(end: int) -> None:
    with suppress(BlockingIOError):
        os.read(end, 4096)
