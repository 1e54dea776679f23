"""Upkeep: regular work that one supervisor at a time does for the whole installation."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.db.crawls import forget_hosts
from app.db.documents.erasure import forget_documents
from app.db.engine import Database
from app.db.search.word_segments import maintain_word_segments
from app.db.tenants.idempotency import forget_keys
from app.db.vectors.embedded_texts import delete_unused_vectors
from app.db.vectors.hnsw_indexes import maintain_hnsw_indexes
from app.domain.errors import DatabaseUnavailableError, StorageUnavailableError
from app.domain.ports import BlobStore
from app.ledger.dead_letters import list_unannounced
from app.ledger.queues import count_backlogs
from app.ledger.upkeep import claim_chore, forget_tasks, forget_turns, forget_workers
from app.services.indexing.calibrations import Calibrations
from app.services.indexing.reembedding import Reembedding
from app.services.operations.leftovers import Leftovers
from app.services.queue.after_commit import AfterCommit

_COUNT_SECONDS = 5.0
_ANNOUNCE_SECONDS = 30.0
_REEMBED_SECONDS = 2.0
_CALIBRATE_SECONDS = 10.0
_SWEEP_SECONDS = 20.0
_ERASE_SECONDS = 20.0
_FILES_SECONDS = 60.0
_GRAPHS_SECONDS = 300.0
_WORDS_SECONDS = 10.0
_FORGET_SECONDS = 600.0
_BATCH = 1000
_ALARMS = 100

log = structlog.get_logger()


class Upkeep:
    """Deletes old rows and files, announces dead letters again, advances reembedding, and counts backlogs."""

    def __init__(
        self,
        database: Database,
        after_commit: AfterCommit,
        blobs: BlobStore,
        reembedding: Reembedding,
        calibrations: Calibrations,
        leftovers: Leftovers,
        retention_days: int,
        cache_days: int,
    ) -> None:
        self._database = database
        self._after_commit = after_commit
        self._blobs = blobs
        self._leftovers = leftovers
        self._retention_days = retention_days
        self._cache_days = cache_days
        self._long_chores: dict[str, tuple[float, Callable[[], Awaitable[object]]]] = {
            "reembed": (_REEMBED_SECONDS, reembedding.advance),
            "calibrate": (_CALIBRATE_SECONDS, calibrations.submit_due),
            "sweep": (_SWEEP_SECONDS, reembedding.sweep),
            "erase": (_ERASE_SECONDS, leftovers.submit_erasures),
            "files": (_FILES_SECONDS, leftovers.remove_files),
            "graphs": (_GRAPHS_SECONDS, lambda: maintain_hnsw_indexes(database)),
            "words": (_WORDS_SECONDS, lambda: maintain_word_segments(database)),
        }
        self._running: dict[str, asyncio.Task[None]] = {}

    async def do_chores(self) -> None:
        """Do the chores that are due and that no other supervisor has claimed."""
        async with self._database.statement() as connection:
            if await claim_chore(connection, "count", _COUNT_SECONDS):
                await count_backlogs(connection)
            unannounced = []
            if await claim_chore(connection, "announce", _ANNOUNCE_SECONDS):
                unannounced = await list_unannounced(connection, _ALARMS)
            forget_due = await claim_chore(connection, "forget", _FORGET_SECONDS)
            chores = self._long_chores.items()
            long = [name for name, (seconds, _) in chores if await claim_chore(connection, name, seconds)]
        await self._after_commit.announce_dead_letters(unannounced)
        if forget_due:
            await self._delete_old()
        for name in long:
            self._start(name)

    async def close(self) -> None:
        """Cancel the long chores: the next supervisor that claims them starts them again."""
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _start(self, name: str) -> None:
        """Start a chore that may take minutes, in the background: other chores and the sweeps must go on."""
        if name not in self._running:
            self._running[name] = asyncio.create_task(self._run(name))

    async def _run(self, name: str) -> None:
        try:
            await self._long_chores[name][1]()
        except (DatabaseUnavailableError, StorageUnavailableError):
            log.warning("chore_interrupted", chore=name)
        except Exception:
            log.exception("chore_failed", chore=name)
        finally:
            del self._running[name]

    async def _delete_old(self) -> None:
        """Delete rows that are no longer needed, and the files of incomplete uploads."""
        async with self._database.statement() as connection:
            await forget_workers(connection)
            await forget_hosts(connection)
            await forget_turns(connection)
            deleted = 0
            while batch := await forget_tasks(connection, self._retention_days, _BATCH):
                deleted += batch
            while await forget_documents(connection, self._retention_days, _BATCH):
                pass
            while await forget_keys(connection, _BATCH):
                pass
            while await delete_unused_vectors(connection, self._cache_days, _BATCH):
                pass
        if deleted:
            log.info("old_tasks_deleted", tasks=deleted)
        await self._leftovers.remove_folders()
        await self._blobs.sweep()
