"""Kombu's Redis transport, which drops items that are no messages. Kombu's own raises, which ends the worker."""

from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps
from redis.exceptions import RedisError

from app.adapters.celery.messages import check_command, check_envelope, decode_item, refusals


class BellQoS(redis.QoS):
    """Returns unacknowledged messages to their queues, and drops records of them that cannot be read."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Return one message to its queue."""
        try:
            super().restore_by_tag(tag, client, leftmost)
        except RedisError:
            raise
        except Exception:  # noqa: BLE001 - the record may be anything
            refusals.add("its record of an unacknowledged message cannot be read", None)
            self._remove_from_indices(tag).execute()  # type: ignore[attr-defined]  # not in its stubs


class BellChannel(redis.Channel):
    """Reads the lists of the queues, and what is published to all workers."""

    QoS = BellQoS

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lengths = dict[str, int]()

    def has_waiting(self, queue: str, number: int) -> bool:
        """Whether at least ``number`` messages wait in the list of ``queue``.

        The server is asked only if the list was that long when this channel last published to it.
        """
        if self._lengths.get(queue, 0) >= number:
            with self.conn_or_acquire() as client:
                self._lengths[queue] = client.llen(queue)
        return self._lengths.get(queue, 0) >= number

    def _put(self, queue: str, message: Any, **_: Any) -> None:
        """Publish a message. Kombu's own method does not keep the answer, which is the new length of the list."""
        priority = self._get_message_priority(message, reverse=False)
        key = self._q_for_pri(queue, priority)  # type: ignore[attr-defined]  # not in its stubs
        with self.conn_or_acquire() as client:
            self._lengths[queue] = client.lpush(key, dumps(message))

    def _brpop_read(self, **options: Any) -> bool:
        """Deliver the item that BRPOP returned, or drop it. Kombu's own method but for ``decode_item``.

        Raises:
            Empty: there was no item.
        """
        try:
            found = self._read_item(**options)
        finally:
            self._in_poll = None
        if not found:
            raise Empty
        key, item = found
        queue = bytes_to_str(key).rsplit(self.sep, 1)[0]
        self._queue_cycle.rotate(queue)  # type: ignore[attr-defined]  # not in its stubs
        try:
            message = decode_item(item)
        except ValueError as error:
            refusals.add(str(error), queue)
        else:
            self.connection._deliver(message, queue)  # noqa: SLF001 - as kombu's own method does
        return True

    def _handle_message(self, client: Any, response: Any) -> Any:
        """Take a message from publish/subscribe; its data are None if they are not JSON, and kombu then skips it."""
        payload = super()._handle_message(client, response)  # type: ignore[misc]  # not in its stubs
        if payload and isinstance(payload["data"], bytes):
            try:
                decode_item(payload["data"])
            except ValueError as error:
                refusals.add(str(error), bytes_to_str(payload["channel"]))
                payload["data"] = None
        return payload

    def _read_item(self, **options: Any) -> Any:
        try:
            return self.client.parse_response(self.client.connection, "BRPOP", **options)
        except self.connection_errors:  # type: ignore[attr-defined]  # not in its stubs
            self.client.connection.disconnect()  # so that the next read connects again
            raise


class BellTransport(redis.Transport):
    """Checks what arrives from lists and by publish/subscribe (events, and commands of ``celery inspect``)."""

    Channel = BellChannel

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            check_envelope(message)
            if queue and queue.endswith(".celery.pidbox") and not queue.endswith(".reply.celery.pidbox"):
                check_command(message)
        except ValueError as error:
            refusals.add(str(error), queue)
        else:
            super()._deliver(message, queue)


def register_transport() -> None:
    """Have kombu use this transport for every address of a Redis."""
    name = f"{BellTransport.__module__}:{BellTransport.__name__}"
    TRANSPORT_ALIASES.update(redis=name, rediss=name)
