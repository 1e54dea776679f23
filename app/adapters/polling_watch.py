"""Watching tasks without Redis: whoever waits looks once a second."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from app.domain.ids import TaskId

_POLL_SECONDS = 1.0


class PollingWatch:
    """The task watch of an installation whose result backend announces nothing."""

    @asynccontextmanager
    async def watch(self, task_id: TaskId) -> AsyncIterator[Callable[[float], Awaitable[None]]]:  # noqa: ARG002
        """Within the block, ``await wait(seconds)`` returns after that time or a second, whichever is first."""

        async def wait(seconds: float) -> None:
            await asyncio.sleep(min(seconds, _POLL_SECONDS))

        yield wait

    async def close(self) -> None:
        """Nothing is held."""
