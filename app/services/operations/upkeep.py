"""Upkeep: chores that fall to one supervisor at a time, for the whole installation."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.db.crawls import forget_hosts
from app.db.embedded_texts import delete_unused_vectors
from app.db.engine import Database
from app.db.hnsw_indexes import maintain_hnsw_indexes
from app.db.idempotency import forget_keys
from app.domain.errors import DatabaseUnavailableError
from app.domain.ports import BlobStore
from app.ledger.dead_letters import list_unannounced
from app.ledger.queues import count_backlogs
from app.ledger.upkeep import claim_chore, forget_tasks, forget_turns, forget_workers
from app.services.indexing.reembedding import Reembedding
from app.services.queue.after_commit import AfterCommit

_COUNT_SECONDS = 5.0
_ANNOUNCE_SECONDS = 30.0
_REEMBED_SECONDS = 2.0
_SWEEP_SECONDS = 20.0
_GRAPHS_SECONDS = 300.0
_FORGET_SECONDS = 600.0
_BATCH = 1000
_ALARMS = 100

log = structlog.get_logger()


class Upkeep:
    """What would otherwise grow without end, or be forgotten."""

    def __init__(
        self,
        database: Database,
        after_commit: AfterCommit,
        blobs: BlobStore,
        reembedding: Reembedding,
        retention_days: int,
        cache_days: int,
    ) -> None:
        self._database = database
        self._after_commit = after_commit
        self._blobs = blobs
        self._retention_days = retention_days
        self._cache_days = cache_days
        self._long: dict[str, tuple[float, Callable[[], Awaitable[object]]]] = {
            "reembed": (_REEMBED_SECONDS, reembedding.advance),
            "sweep": (_SWEEP_SECONDS, reembedding.sweep),
            "graphs": (_GRAPHS_SECONDS, lambda: maintain_hnsw_indexes(database)),
        }
        self._running: dict[str, asyncio.Task[None]] = {}

    async def do_chores(self) -> None:
        """Do what is due and nobody else has taken on."""
        async with self._database.statement() as connection:
            if await claim_chore(connection, "count", _COUNT_SECONDS):
                await count_backlogs(connection)
            silent = []
            if await claim_chore(connection, "announce", _ANNOUNCE_SECONDS):
                silent = await list_unannounced(connection, _ALARMS)
            forget = await claim_chore(connection, "forget", _FORGET_SECONDS)
            long = [name for name, (seconds, _) in self._long.items() if await claim_chore(connection, name, seconds)]
        await self._after_commit.announce_dead_letters(silent)
        if forget:
            await self._forget()
        for name in long:
            self._begin(name)

    async def close(self) -> None:
        """Give up what takes long: whoever has the next turn begins it anew."""
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _begin(self, name: str) -> None:
        """Begin a chore that may take minutes. It is not waited for: other chores, and the sweeps, go on."""
        if name not in self._running:
            self._running[name] = asyncio.create_task(self._run(name))

    async def _run(self, name: str) -> None:
        try:
            await self._long[name][1]()
        except DatabaseUnavailableError:
            log.warning("chore_broken_off", chore=name)
        except Exception:
            log.exception("chore_failed", chore=name)
        finally:
            del self._running[name]

    async def _forget(self) -> None:
        """Forget what is past its time: tasks, turns that tell nothing, workers, keys of requests, broken uploads."""
        async with self._database.statement() as connection:
            await forget_workers(connection)
            await forget_hosts(connection)
            await forget_turns(connection)
            forgotten = 0
            while batch := await forget_tasks(connection, self._retention_days, _BATCH):
                forgotten += batch
            while await forget_keys(connection, _BATCH):
                pass
            while await delete_unused_vectors(connection, self._cache_days, _BATCH):
                pass
        if forgotten:
            log.info("tasks_forgotten", tasks=forgotten)
        await self._blobs.sweep()
