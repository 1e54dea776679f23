"""When API keys were last used, exact to a minute. A request only notes the time in memory."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog

from app.db.engine import Database
from app.db.tenants.api_keys import note_use
from app.domain.errors import SluiceError

_NOTED_SECONDS = 60.0
_WRITE_SECONDS = 5.0

log = structlog.get_logger()


class KeyUsage:
    """Collects the uses of this process, and writes them together: each key at most once a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[int, float] = {}
        self._unwritten: dict[int, datetime] = {}

    def note(self, key_id: int) -> None:
        """Note that a key is used now."""
        now = time.monotonic()
        noted = self._noted.get(key_id)
        if noted is None or now - noted >= _NOTED_SECONDS:
            self._noted[key_id] = now
            self._unwritten[key_id] = datetime.now(UTC)

    async def write(self) -> None:
        """Write the uses that were noted since the last time. After a failure, which is logged, the next call does."""
        if not self._unwritten:
            return
        unwritten, self._unwritten = self._unwritten, {}
        try:
            async with self._database.statement() as connection:
                await note_use(connection, unwritten)
        except Exception as error:
            self._unwritten = unwritten | self._unwritten
            if not isinstance(error, SluiceError):
                log.exception("key_usage_not_written", keys=len(unwritten))
                return
            log.warning("key_usage_not_written", code=error.code, keys=len(unwritten))

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write every few seconds during the block, and once at its end."""
        repeated = asyncio.create_task(self._repeat())
        try:
            yield
        finally:
            repeated.cancel()
            await asyncio.wait([repeated])
            await self.write()

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            await self.write()
