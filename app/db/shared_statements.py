"""Statements that concurrent callers share: each takes the values of all callers that wait for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from app.domain.errors import DatabaseUnavailableError, TransactionConflictError

Value = TypeVar("Value")
Result = TypeVar("Result")


class SharedStatement(Generic[Value, Result]):
    """Runs a statement for many callers, without making a lone caller wait for others.

    While as many statements run as may, further values wait, and the next statement takes all of them. So every
    statement starts after its callers have called. One that fails for several values is repeated for each alone.

    Args:
        run: Runs the statement for some values; returns a result for each.
        at_once: Statements at the same time: while one waits for the server, the next collects values or runs.
        most: The most values of a statement.
    """

    def __init__(
        self, run: Callable[[Sequence[Value]], Awaitable[Sequence[Result]]], *, at_once: int = 2, most: int = 50
    ) -> None:
        self._run = run
        self._at_once = at_once
        self._most = most
        self._waiting: list[tuple[Value, asyncio.Future[Result]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def fetch(self, value: Value) -> Result:
        """Run the statement for ``value``, and perhaps for others. If the caller is cancelled, it may still run."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((value, result))
        if len(self._running) < self._at_once:
            # In an empty context: its log lines do not belong to the request that started it.
            self._running.add(asyncio.create_task(self._run_waiting(), context=Context()))
        return await result

    async def _run_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._run_batch(batch)
        finally:
            # Not by a callback of the task: a value that arrives before it is called would start no statement.
            self._running -= {asyncio.current_task()}

    async def _run_batch(self, batch: Sequence[tuple[Value, asyncio.Future[Result]]]) -> None:
        try:
            found = await self._run([value for value, _ in batch])
        except Exception as error:  # noqa: BLE001 - each caller receives it
            unavailable = isinstance(error, DatabaseUnavailableError) and not isinstance(
                error, TransactionConflictError
            )
            if len(batch) > 1 and not unavailable:
                half = len(batch) // 2  # to find the value that the database refuses, or that waits
                await self._run_batch(batch[:half])
                await self._run_batch(batch[half:])
                return
            for _, result in batch:
                if not result.done():
                    result.set_exception(error)
            return
        for (_, result), one_found in zip(batch, found, strict=True):
            if not result.done():  # otherwise the caller was cancelled
                result.set_result(one_found)
