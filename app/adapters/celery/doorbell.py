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
from celery.backends.base import BaseKeyValueStoreBackend
from celery.exceptions import CeleryError, TaskRevokedError
from celery.states import EXCEPTION_STATES, PENDING, REVOKED, SUCCESS
from kombu import Connection, Producer
from kombu.exceptions import ChannelError, KombuError
from kombu.exceptions import ConnectionError as AmqpConnectionError
from redis.exceptions import RedisError

from app.adapters.celery.events import send_event, switch
from app.domain.ids import TaskId
from app.domain.tasks import Bell, TaskLabel

BROKER_ERRORS = (KombuError, AmqpConnectionError, ChannelError, CeleryError, RedisError, OSError)
"""What Celery's clients raise when a broker or result backend is unreachable, hangs or refuses."""

_SHOWN_CHARACTERS = 200
# How long a server may take to accept a connection or to answer. A message that is not published is published later.
_TIMEOUT_SECONDS = 2
# The first is for kombu's Redis transport, the others are for py-amqp. Each ignores the other's.
_TIMEOUTS = {
    "socket_timeout": _TIMEOUT_SECONDS,
    "read_timeout": _TIMEOUT_SECONDS,
    "write_timeout": _TIMEOUT_SECONDS,
}

log = structlog.get_logger()


def _as_celery_result(state: str, info: Any) -> Any:
    """Celery expects an exception for the states that stand for a failure."""
    if state == REVOKED:
        return TaskRevokedError(info["message"])
    return RuntimeError(f"{info['code']}: {info['message']}") if state in EXCEPTION_STATES else info


def _show_arguments(bell: Bell, *, filenames: bool) -> str:
    """What Flower shows as the arguments: the file, since the message itself has none."""
    shown = [bell.label.filename[:_SHOWN_CHARACTERS]] if filenames and bell.label.filename else bell.arguments
    return repr(tuple(shown))


def _show_named_arguments(label: TaskLabel) -> str:
    numbers = {"document_id": label.document_id, "agent_id": label.agent_id}
    return repr({name: value for name, value in numbers.items() if value is not None})


class _CallThread:
    """A thread for blocking calls to one server.

    After a failed call, further calls fail at once for as long as the failed one took. So of many calls in a row, only
    the first waits for a server that hangs.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._paused_until = 0.0
        self._reason = ""

    async def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call the function in the thread.

        Raises:
            OSError: the last call failed a moment ago. Otherwise, what the function raises.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._attempt, function, arguments)

    def close(self) -> None:
        """Wait for calls that run, and end the thread."""
        self._thread.shutdown()

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


class CeleryDoorbell:
    """Publishes messages and stores results through a Celery application.

    Celery's client blocks, so each kind of call has its own thread. A broker that hangs delays other messages by a few
    seconds at most, and never the event loop.
    """

    def __init__(self, celery: Celery, *, shows_filenames: bool = True) -> None:
        """Set up; connections are made when they are needed.

        Args:
            celery: The application.
            shows_filenames: Whether messages contain the names of files, which Flower then shows.
        """
        self._celery = celery
        self._shows_filenames = shows_filenames
        self._publisher = _CallThread("doorbell")
        self._result_writer = _CallThread("results")
        self._event_sender = _CallThread("events")
        self._pinger = _CallThread("ping")
        self._connection: Connection | None = None  # of the publisher, kept open between messages
        self._event_connection: Connection | None = None

    async def publish(self, bells: Sequence[Bell]) -> None:
        """Publish one message for each bell. A failure is logged."""
        if not bells:
            return
        try:
            await self._publisher.call(self._publish, bells)
        except BROKER_ERRORS as error:
            log.warning("message_not_published", messages=len(bells), queue=bells[0].queue, error=str(error))

    async def publish_state(self, task_id: TaskId, state: str, info: Any, *, reports_success: bool = False) -> None:
        """Store a state in Celery's result backend for ``AsyncResult``, and send an event for Flower if it runs.

        A failure is logged. Celery itself sends an event for each success, except that of a parent.
        """
        try:
            await self._result_writer.call(self._store, str(task_id), state, info)
        except BROKER_ERRORS as error:
            log.warning("result_not_stored", task_id=str(task_id), error=str(error))
        node_name = switch.node_name
        if node_name is None or (state == SUCCESS and not reports_success):
            return
        try:
            await self._event_sender.call(self._send_event, node_name, str(task_id), state, info)
        except BROKER_ERRORS as error:
            log.warning("event_not_sent", task_id=str(task_id), error=str(error))

    async def forget_states(self, task_ids: Sequence[TaskId]) -> None:
        """Delete states from Celery's result backend. A failure is logged; they expire after ``RESULT_EXPIRES``."""
        try:
            await self._result_writer.call(self._forget, [str(task_id) for task_id in task_ids])
        except BROKER_ERRORS as error:
            log.warning("results_not_deleted", tasks=len(task_ids), error=str(error))

    async def ping(self) -> None:
        """Connect to the broker.

        Raises:
            Exception: one of ``BROKER_ERRORS`` if the broker does not answer.
        """
        await self._pinger.call(self._try_connection)

    def close(self) -> None:
        """Wait for calls that run, end the threads and close the connection."""
        for thread in (self._publisher, self._result_writer, self._event_sender, self._pinger):
            thread.close()
        for connection in (self._connection, self._event_connection):
            if connection is not None:
                with suppress(*BROKER_ERRORS):
                    connection.release()

    def _connect(self) -> Connection:
        connection = self._celery.connection_for_write(connect_timeout=_TIMEOUT_SECONDS, transport_options=_TIMEOUTS)
        return connection.ensure_connection(max_retries=1, interval_start=0, timeout=_TIMEOUT_SECONDS)

    def _try_connection(self) -> None:
        with self._connect():
            pass

    def _publish(self, bells: Sequence[Bell]) -> None:
        waiting = deque(bells)
        if self._connection is not None:
            # The broker may have restarted since the last message. A failure here leads to a new connection below.
            with suppress(*BROKER_ERRORS):
                self._send(waiting)
        self._send(waiting)

    def _send(self, waiting: deque[Bell]) -> None:
        """Publish from the left until the queue is empty. A connection that fails is dropped."""
        try:
            while waiting:
                self._connection = self._connection or self._connect()
                self._send_bell(waiting[0], self._celery.amqp.Producer(self._connection, auto_declare=False))
                waiting.popleft()
        except Exception:
            self._drop_connection()
            raise

    def _send_bell(self, bell: Bell, producer: Producer) -> None:
        self._celery.send_task(
            bell.name,
            bell.arguments,
            task_id=str(bell.task_id),
            queue=bell.queue,
            argsrepr=_show_arguments(bell, filenames=self._shows_filenames),
            kwargsrepr=_show_named_arguments(bell.label),
            ignore_result=True,
            retry=False,
            producer=producer,
            confirm_timeout=_TIMEOUT_SECONDS,
        )

    def _drop_connection(self) -> None:
        """Close the connection without the closing handshake, to which the broker may not respond."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.collect()

    def _send_event(self, node_name: str, task_id: str, state: str, info: Any) -> None:
        try:
            self._event_connection = self._event_connection or self._connect()
            send_event(self._celery, self._event_connection, node_name, task_id, state, info)
        except Exception:
            connection, self._event_connection = self._event_connection, None
            if connection is not None:
                connection.collect()
            raise

    def _store(self, task_id: str, state: str, info: Any) -> None:
        if state == PENDING:  # a fresh attempt; the backend keeps a success whatever is stored later
            self._forget([task_id])
        self._celery.backend.store_result(task_id, _as_celery_result(state, info), state)

    def _forget(self, task_ids: Sequence[str]) -> None:
        backend = self._celery.backend
        if isinstance(backend, BaseKeyValueStoreBackend):  # otherwise results are disabled
            for task_id in task_ids:
                backend.delete(backend.get_key_for_task(task_id))
