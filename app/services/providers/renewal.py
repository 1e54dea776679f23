"""Renewal: a claim with a short life is kept alive for as long as its work lasts, and no longer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from app.domain.errors import DatabaseUnavailableError

log = structlog.get_logger()


@asynccontextmanager
async def renewing(renew: Callable[[], Awaitable[None]], seconds: float) -> AsyncIterator[None]:
    """Within the block, renew a claim every so many seconds. It runs out by itself when the process dies."""
    task = asyncio.create_task(_renew(renew, seconds))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _renew(renew: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await renew()
        except DatabaseUnavailableError:
            log.warning("claim_not_renewed")
