"""The watch without Redis, which reports nothing: the port ``TaskWatch``."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.domain.ids import TaskId


class PollingWatch:
    """The task watch where no result backend publishes changes. Clients receive them by the poll of each second."""

    @asynccontextmanager
    async def watch(self, task_id: TaskId, notify: Callable[[], None]) -> AsyncIterator[None]:  # noqa: ARG002
        """Do nothing."""
        yield

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""
