"""Watches tasks without Redis, by a look at the ledger once a second: the port ``TaskWatch``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from app.domain.ids import TaskId

_POLL_SECONDS = 1.0


class PollingWatch:
    """The task watch for a result backend that publishes no changes."""

    @asynccontextmanager
    async def watch(self, task_id: TaskId) -> AsyncIterator[Callable[[float], Awaitable[None]]]:  # noqa: ARG002
        """Within the block, ``await wait(seconds)`` returns after that time, or after a second if that is sooner."""

        async def wait(seconds: float) -> None:
            await asyncio.sleep(min(seconds, _POLL_SECONDS))

        yield wait

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""
