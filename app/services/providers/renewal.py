"""Renewal: keeps a claim that expires soon alive while its work lasts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from app.domain.errors import DatabaseUnavailableError

log = structlog.get_logger()


@asynccontextmanager
async def renewing(renew: Callable[[], Awaitable[None]], seconds: float) -> AsyncIterator[None]:
    """Within the block, call ``renew`` every so many seconds. If the process dies, the claim expires."""
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
