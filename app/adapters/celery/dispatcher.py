"""Celery's dispatcher of task events, for events that the threads of a worker send at the same time."""

from collections.abc import Callable
from threading import Lock
from typing import Any

from celery.events import EventDispatcher


class ThreadSafeDispatcher(EventDispatcher):
    """Loses no event that a thread adds while others are published.

    Celery's own empties the buffer after it has published it, and with it such an event. In a worker with threads this
    is most often ``task-started``, since the thread starts the task while ``task-received`` is published.
    """

    # Attributes that its stubs lack.
    mutex: Lock
    producer: Any
    _group_buffer: dict[str, list[Any]]
    _publish: Callable[..., None]

    def flush(self, errors: bool = True, groups: bool = True) -> None:
        """Publish the buffered events, and remove only those from the buffer."""
        super().flush(errors=errors, groups=False)
        if not groups:
            return
        with self.mutex:
            for group, events in list(self._group_buffer.items()):
                if published := list(events):
                    self._publish(published, self.producer, f"{group}.multi")
                    del events[: len(published)]
