"""Which messages a worker accepts: those that Sluice publishes, and no others.

Any program that can write to the broker may put other items on its queues. A worker drops them: the task's row is the
truth, and a dropped message of a real task is published again.
"""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from kombu import Message, compression

from app.domain.tasks import TaskName

LARGEST_MESSAGE = 256 * 1024
"""The bytes that a message may have. Those of Sluice have about one kilobyte."""

_LOG_SECONDS = 10.0
_NAMES = frozenset(name.value for name in TaskName)
_SHOWN_HEADERS = ("argsrepr", "kwargsrepr")

log = structlog.get_logger()


class RefusalLog:
    """Logs refused messages: at most one line in ten seconds, with their number since the last line."""

    def __init__(self) -> None:
        self._refused = 0
        self._next_line = 0.0

    def add(self, reason: str, queue: str | None) -> None:
        """Count a refused message, and log a line if one is due."""
        self._refused += 1
        now = time.monotonic()
        if now >= self._next_line:
            log.warning("message_refused", reason=reason, queue=queue, messages=self._refused)
            self._refused, self._next_line = 0, now + _LOG_SECONDS


refusals = RefusalLog()
"""The log of this process."""


def refuse_compression() -> None:
    """Make kombu fail on compressed messages. It would decompress them, without a limit, before any check of ours."""
    for content_type in compression.encoders():
        compression.register(_refuse, _refuse, content_type)


def _refuse(_body: bytes) -> bytes:
    raise ValueError("Messages are not compressed.")


def decode_item(item: bytes) -> Any:
    """Decode an item of a Redis list.

    Raises:
        ValueError: it is too large, or not JSON. The text is the reason.
    """
    if len(item) > LARGEST_MESSAGE:
        raise ValueError("it is too large")
    try:
        return json.loads(item)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None


def check_envelope(envelope: object) -> None:
    """Check that kombu can make a message of an object.

    Raises:
        ValueError: it cannot. The text is the reason.
    """
    match envelope:
        case {
            "body": str(body),
            "headers": dict(),
            "properties": {
                "delivery_tag": str(),
                "delivery_info": {"exchange": str(), "routing_key": str()},
                "body_encoding": "base64",
            },
        }:
            try:
                base64.b64decode(body).decode()
            except ValueError:
                raise ValueError("its body is not base64") from None
        case _:
            raise ValueError("it is no Celery message")


def check_command(envelope: Mapping[str, Any]) -> None:
    """Check that Celery can read the command of ``celery inspect`` or ``celery control`` in an envelope.

    Its handler answers an unreadable one with a new connection, in which the worker may wait for ever.

    Raises:
        ValueError: it cannot. The text is the reason.
    """
    try:
        command = json.loads(base64.b64decode(envelope["body"]))
    except (ValueError, RecursionError):
        raise ValueError("it is no command") from None
    match command:
        case {"method": str()}:
            fields = {
                name: command.get(name) for name in ("arguments", "destination", "reply_to", "pattern", "matcher")
            }
        case _:
            raise ValueError("it is no command")
    match fields:
        case {
            "arguments": None | dict(),
            "destination": None | list(),
            "reply_to": None | {"exchange": str(), "routing_key": str()},
            "pattern": None | str(),
            "matcher": None | "glob",
        } if isinstance(envelope["headers"].get("clock", 0), int):
            pass
        case _:
            raise ValueError("it is no command")


def find_fault(message: Message) -> str | None:
    """Why a message is not one that Sluice publishes; None if it is."""
    headers: Mapping[str, Any] = message.headers
    if (message.content_type, str(message.content_encoding).lower()) != ("application/json", "utf-8"):
        return "its content type is not JSON"
    if len(message.body or b"") > LARGEST_MESSAGE:
        return "it is too large"
    name = headers.get("task")
    if not isinstance(name, str) or name not in _NAMES:
        return "it names no task of Sluice"
    if not _is_id(headers.get("id")):
        return "it has no task id"
    return None if _has_own_arguments(message, name) else "its arguments are wrong"


def remove_options(message: Message) -> None:
    """Keep the headers that say which task to run and what to show; remove an ETA, time limits and all others."""
    given: Mapping[str, Any] = message.headers
    shown = {name: given[name] for name in _SHOWN_HEADERS if isinstance(given.get(name), str)}
    kept: dict[str, Any] = {"task": given["task"], "id": given["id"], "root_id": given["id"], "ignore_result": True}
    message.headers = {**shown, **kept}


def _has_own_arguments(message: Message, name: str) -> bool:
    """Whether the body is that of a bell: no arguments, except for the id in an alert, and no callbacks."""
    try:
        arguments, named, embedded = message.payload
        extras = [*named, *(value for value in embedded.values() if value)]
    except Exception:  # noqa: BLE001 - the body may be anything
        return False
    if name == TaskName.ANNOUNCE_DEAD_LETTER:
        return not extras and isinstance(arguments, list) and len(arguments) == 1 and _is_id(arguments[0])
    return not extras and arguments == []


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
