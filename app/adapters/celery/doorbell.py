"""The doorbell over Celery: publishes messages and writes the result backend, off the event loop."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import structlog
from celery import Celery
from celery.exceptions import CeleryError, TaskRevokedError
from celery.states import EXCEPTION_STATES, REVOKED
from kombu import Connection, Producer
from kombu.exceptions import ChannelError, KombuError
from kombu.exceptions import ConnectionError as AmqpConnectionError
from redis.exceptions import RedisError

from app.domain.ids import TaskId
from app.domain.tasks import Bell

BROKER_ERRORS = (KombuError, AmqpConnectionError, ChannelError, CeleryError, RedisError, OSError)
"""What Celery's clients raise when a broker or a result backend is away, hangs or refuses."""

# How long a server may take to accept a connection, or to answer: a bell that is not rung soon rings again.
_PATIENCE_SECONDS = 2
# In the words of kombu's Redis transport and of py-amqp; each passes over the other's.
_TIMEOUTS = {
    "socket_timeout": _PATIENCE_SECONDS,
    "read_timeout": _PATIENCE_SECONDS,
    "write_timeout": _PATIENCE_SECONDS,
}

log = structlog.get_logger()


def _as_celery_result(state: str, info: Any) -> Any:
    """Celery expects an exception with the states that stand for one."""
    if state == REVOKED:
        return TaskRevokedError(info["message"])
    return RuntimeError(f"{info['code']}: {info['message']}") if state in EXCEPTION_STATES else info


class _Line:
    """A thread for blocking calls to one server.

    A server that let a call wait in vain is left alone for as long again, so that of many calls in a row only the
    first waits.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._silent_until = 0.0
        self._reason = ""

    async def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call the function in the thread.

        Raises:
            OSError: when the server is being left alone; else whatever the function raises.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._attempt, function, arguments)

    def close(self) -> None:
        """Wait for what is under way and end the thread."""
        self._thread.shutdown()

    def _attempt(self, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        began = time.monotonic()
        if began < self._silent_until:
            raise ConnectionError(self._reason)
        try:
            function(*arguments)
        except Exception as error:
            ended = time.monotonic()
            self._silent_until, self._reason = ended + (ended - began), str(error)
            raise


class CeleryDoorbell:
    """Publishes through a Celery application.

    Celery's client blocks, so each kind of call has one thread of its own: a broker that
    hangs delays other bells, never the event loop, and those by a few seconds at most.
    """

    def __init__(self, celery: Celery) -> None:
        self._celery = celery
        self._publisher = _Line("doorbell")
        self._teller = _Line("results")
        self._pinger = _Line("ping")
        self._connection: Connection | None = None  # the publisher's, kept between bells

    async def ring(self, bells: Sequence[Bell]) -> None:
        """Publish one message a bell."""
        if not bells:
            return
        try:
            await self._publisher.call(self._publish, bells)
        except BROKER_ERRORS as error:
            log.warning("bell_not_rung", bells=len(bells), queue=bells[0].queue, error=str(error))

    async def publish_state(self, task_id: TaskId, state: str, info: Any) -> None:
        """Store a state in Celery's result backend, so that ``AsyncResult`` and Flower agree with the ledger."""
        try:
            await self._teller.call(self._store, str(task_id), state, info)
        except BROKER_ERRORS as error:
            log.warning("result_not_stored", task_id=str(task_id), error=str(error))

    async def ping(self) -> None:
        """Raise unless the broker answers."""
        await self._pinger.call(self._try_connection)

    def close(self) -> None:
        """Wait for what is under way, end the threads and the connection."""
        for line in (self._publisher, self._teller, self._pinger):
            line.close()
        if self._connection is not None:
            with suppress(*BROKER_ERRORS):
                self._connection.release()

    def _connect(self) -> Connection:
        connection = self._celery.connection_for_write(connect_timeout=_PATIENCE_SECONDS, transport_options=_TIMEOUTS)
        return connection.ensure_connection(max_retries=1, interval_start=0, timeout=_PATIENCE_SECONDS)

    def _try_connection(self) -> None:
        with self._connect():
            pass

    def _publish(self, bells: Sequence[Bell]) -> None:
        waiting = deque(bells)
        if self._connection is not None:
            # The broker may have been started anew since the last bell, so a failure here is worth a fresh connection.
            with suppress(*BROKER_ERRORS):
                self._send(waiting)
        self._send(waiting)

    def _send(self, waiting: deque[Bell]) -> None:
        """Publish from the left until nothing waits; a connection that fails is not kept."""
        try:
            while waiting:
                self._connection = self._connection or self._connect()
                self._send_bell(waiting[0], self._celery.amqp.Producer(self._connection, auto_declare=False))
                waiting.popleft()
        except Exception:
            self._hang_up()
            raise

    def _send_bell(self, bell: Bell, producer: Producer) -> None:
        self._celery.send_task(
            bell.name,
            bell.arguments,
            task_id=str(bell.task_id),
            queue=bell.queue,
            ignore_result=True,
            retry=False,
            producer=producer,
            confirm_timeout=_PATIENCE_SECONDS,
        )

    def _hang_up(self) -> None:
        """Drop the kept connection without a word to the broker, which may not listen."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.collect()

    def _store(self, task_id: str, state: str, info: Any) -> None:
        self._celery.backend.store_result(task_id, _as_celery_result(state, info), state)
