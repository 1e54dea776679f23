"""The doorbell over Celery: publishes messages to the broker, and states to the result backend."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from celery import Celery
from celery.states import SUCCESS
from kombu import Connection, Producer

from app.adapters.celery.call_thread import BROKER_ERRORS, CallThread
from app.adapters.celery.events import send_event, send_start, switch
from app.adapters.celery.redis_transport import BellChannel
from app.adapters.celery.results import CeleryResults
from app.domain.ids import TaskId
from app.domain.tasks import Bell, TaskLabel

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


def _show_arguments(bell: Bell, *, filenames: bool) -> str:
    """What Flower shows as the arguments: the file, since the message itself has none."""
    shown = [bell.label.filename[:_SHOWN_CHARACTERS]] if filenames and bell.label.filename else bell.arguments
    return repr(tuple(shown))


def _show_named_arguments(label: TaskLabel) -> str:
    numbers = {"document_id": label.document_id, "agent_id": label.agent_id}
    return repr({name: value for name, value in numbers.items() if value is not None})


def _is_needed(bell: Bell, connection: Connection) -> bool:
    """Whether fewer messages than the limit of ``bell`` wait in its queue. RabbitMQ is not asked: always True there."""
    if bell.limit is None or not isinstance(connection.default_channel, BellChannel):
        return True
    return not connection.default_channel.has_waiting(bell.queue, bell.limit)


class CeleryDoorbell:
    """Publishes messages and stores results through a Celery application.

    Celery's client blocks, so each kind of call to the broker has its own thread. A broker that hangs delays other
    messages by a few seconds at most, and never the event loop.
    """

    def __init__(self, celery: Celery, *, shows_filenames: bool = True) -> None:
        """Set up; connections are made when they are needed.

        Args:
            celery: The application.
            shows_filenames: Whether messages contain the names of files, which Flower then shows.
        """
        self._celery = celery
        self._shows_filenames = shows_filenames
        self._results = CeleryResults(celery)
        self._publisher = CallThread("doorbell")
        self._event_sender = CallThread("events")
        self._pinger = CallThread("ping")
        self._connection: Connection | None = None  # of the publisher, kept open between messages
        self._event_connection: Connection | None = None

    async def publish(self, bells: Sequence[Bell]) -> None:
        """Publish one message for each bell that is below its limit. A failure is logged."""
        if not bells:
            return
        try:
            await self._publisher.call(self._publish, bells)
        except BROKER_ERRORS as error:
            log.warning("message_not_published", messages=len(bells), queue=bells[0].queue, error=str(error))

    def publish_state(
        self, task_id: TaskId, version: int, state: str, info: Any, *, reports_success: bool = False
    ) -> None:
        """Store a state in Celery's result backend for ``AsyncResult``, and send an event for Flower if it runs.

        Celery itself sends an event for each success, except that of a parent.
        """
        self._results.store(task_id, version, state, info)
        node_name = switch.node_name
        if node_name is not None and (state != SUCCESS or reports_success):
            self._event_sender.submit("event_not_sent", self._send_event, node_name, str(task_id), state, info)

    def ask_for_watchers(self, task_id: TaskId, notify: Callable[[], None]) -> None:
        """Call ``notify`` if a client waits for changes of the task, as far as the result backend shows it."""
        self._results.ask_for_watchers(task_id, notify)

    def publish_start(self, bell: Bell) -> None:
        """Send the events that a worker has received and started a task, if Flower runs. A failure is logged."""
        node_name = switch.node_name
        if node_name is not None:
            shown = {
                "name": bell.name,
                "args": _show_arguments(bell, filenames=self._shows_filenames),
                "kwargs": _show_named_arguments(bell.label),
            }
            self._event_sender.submit("event_not_sent", self._send_start, node_name, str(bell.task_id), shown)

    async def forget_states(self, task_ids: Sequence[TaskId]) -> None:
        """Delete states from Celery's result backend. They expire after ``RESULT_EXPIRES`` in any case."""
        await self._results.forget(task_ids)

    async def flush(self) -> None:
        """Wait until the states so far are stored, or cannot be."""
        await self._results.flush()

    async def ping(self) -> None:
        """Connect to the broker.

        Raises:
            Exception: one of ``BROKER_ERRORS`` if the broker does not answer.
        """
        await self._pinger.call(self._try_connection)

    async def close(self) -> None:
        """Store the states that wait, wait for calls that run, end the threads and close connections."""
        await self._results.close()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for thread in (self._publisher, self._event_sender, self._pinger):
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
                if _is_needed(waiting[0], self._connection):
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
        self._with_event_connection(send_event, node_name, task_id, state, info)

    def _send_start(self, node_name: str, task_id: str, shown: dict[str, Any]) -> None:
        self._with_event_connection(send_start, node_name, task_id, shown)

    def _with_event_connection(self, send: Callable[..., None], *arguments: Any) -> None:
        try:
            self._event_connection = self._event_connection or self._connect()
            send(self._celery, self._event_connection, *arguments)
        except Exception:
            connection, self._event_connection = self._event_connection, None
            if connection is not None:
                connection.collect()
            raise
