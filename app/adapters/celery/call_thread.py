"""A thread for blocking calls to one server."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import structlog
from celery.exceptions import CeleryError
from kombu.exceptions import ChannelError, KombuError
from kombu.exceptions import ConnectionError as AmqpConnectionError
from redis.exceptions import RedisError

BROKER_ERRORS = (KombuError, AmqpConnectionError, ChannelError, CeleryError, RedisError, OSError)
"""What Celery's clients raise when a broker or result backend is unreachable, hangs or refuses."""

_MOST_WAITING = 1000

log = structlog.get_logger()


class CallThread:
    """A thread for blocking calls to one server.

    After a failed call, further calls fail at once for as long as the failed one took. So of many calls in a row, only
    the first waits for a server that hangs.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: set[Future[None]] = set()
        self._paused_until = 0.0
        self._reason = ""

    async def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call the function in the thread.

        Raises:
            OSError: the last call failed a moment ago. Otherwise, what the function raises.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._attempt, function, arguments)

    def submit(self, failure: str, function: Callable[..., None], *arguments: Any) -> None:
        """Call the function in the thread without waiting for it.

        Args:
            failure: The log event if the call fails, or is dropped because a thousand calls wait already.
            function: The function.
            arguments: Its arguments.
        """
        if len(self._waiting) >= _MOST_WAITING:
            log.warning(failure, error="Too many calls wait for the server.")
            return
        future = self._thread.submit(self._attempt_logged, failure, function, arguments)
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)

    def close(self) -> None:
        """Wait for calls that run, and end the thread."""
        self._thread.shutdown()

    def _attempt_logged(self, failure: str, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            self._attempt(function, arguments)
        except BROKER_ERRORS as error:
            log.warning(failure, error=str(error))

    def _attempt(self, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        began = time.monotonic()
        if began < self._paused_until:
            raise ConnectionError(self._reason)
        try:
            function(*arguments)
        except Exception as error:
            ended = time.monotonic()
            self._paused_until, self._reason = ended + (ended - began), str(error)
            raise
