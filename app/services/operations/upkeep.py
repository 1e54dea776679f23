"""Upkeep: regular work that one supervisor at a time does for the whole installation."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from app.db.crawls import forget_hosts
from app.db.engine import Database
from app.db.search.word_segments import maintain_word_segments
from app.db.tenants.idempotency import forget_keys
from app.db.upkeep.runs import note_chore
from app.db.vectors.embedded_texts import delete_unused_vectors
from app.db.vectors.hnsw_indexes import maintain_hnsw_indexes
from app.domain.errors import DatabaseUnavailableError, StorageUnavailableError
from app.domain.ports import BlobStore
from app.ledger.dead_letters import list_unannounced
from app.ledger.queues import count_backlogs
from app.ledger.upkeep import claim_chore, forget_turns, forget_workers
from app.services.indexing.calibrations import Calibrations
from app.services.indexing.reembedding import Reembedding
from app.services.operations.leftovers import Leftovers
from app.services.queue.after_commit import AfterCommit

_COUNT_SECONDS = 5.0
_ANNOUNCE_SECONDS = 30.0
_FORGET_SECONDS = 600.0
_REEMBED_SECONDS = 2.0
_CALIBRATE_SECONDS = 10.0
_SWEEP_SECONDS = 20.0
_ERASE_SECONDS = 20.0
_FILES_SECONDS = 60.0
_GRAPHS_SECONDS = 300.0
_WORDS_SECONDS = 10.0
_BATCH = 1000
_ALARMS = 100
_NOTE_SECONDS = 60.0
_ERROR_CHARACTERS = 500

log = structlog.get_logger()

Chore = Callable[[], Awaitable[object]]


class Upkeep:
    """Deletes what nothing needs, announces dead letters again, advances reembedding, and counts backlogs.

    What an organization keeps for some days is deleted by tasks: ``app.services.operations.retention``.
    """

    def __init__(
        self,
        database: Database,
        after_commit: AfterCommit,
        blobs: BlobStore,
        reembedding: Reembedding,
        calibrations: Calibrations,
        leftovers: Leftovers,
        cache_days: int,
    ) -> None:
        self._database = database
        self._after_commit = after_commit
        self._blobs = blobs
        self._leftovers = leftovers
        self._cache_days = cache_days
        self._short_chores: dict[str, tuple[float, Chore]] = {
            "count": (_COUNT_SECONDS, self._count),
            "announce": (_ANNOUNCE_SECONDS, self._announce),
            "forget": (_FORGET_SECONDS, self._delete_old),
        }
        self._long_chores: dict[str, tuple[float, Chore]] = {
            "reembed": (_REEMBED_SECONDS, reembedding.advance),
            "calibrate": (_CALIBRATE_SECONDS, calibrations.submit_due),
            "sweep": (_SWEEP_SECONDS, reembedding.sweep),
            "erase": (_ERASE_SECONDS, leftovers.submit_erasures),
            "files": (_FILES_SECONDS, leftovers.remove_discarded),
            "graphs": (_GRAPHS_SECONDS, lambda: maintain_hnsw_indexes(database)),
            "words": (_WORDS_SECONDS, lambda: maintain_word_segments(database)),
        }
        self._noted: dict[str, tuple[float, bool]] = {}
        """When this process last recorded a chore (``time.monotonic``), and whether that run failed."""
        self._running: dict[str, asyncio.Task[None]] = {}

    async def do_chores(self) -> None:
        """Do the chores that are due and that no other supervisor has claimed."""
        async with self._database.statement() as connection:
            short, long = [
                [name for name, (seconds, _) in chores.items() if await claim_chore(connection, name, seconds)]
                for chores in (self._short_chores, self._long_chores)
            ]
        for name in long:
            self._start(name)
        for name in short:
            await self._note(name, self._short_chores[name][1])

    async def _count(self) -> None:
        async with self._database.statement() as connection:
            await count_backlogs(connection)

    async def _announce(self) -> None:
        async with self._database.statement() as connection:
            unannounced = await list_unannounced(connection, _ALARMS)
        await self._after_commit.announce_dead_letters(unannounced)

    async def _note(self, name: str, chore: Chore) -> None:
        """Do a chore, and record its run: now and then, and whenever it failed or works again."""
        began, error = time.monotonic(), None
        try:
            await chore()
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}".splitlines()[0][:_ERROR_CHARACTERS]
            raise
        finally:
            ended = time.monotonic()
            noted_at, failed = self._noted.get(name, (-_NOTE_SECONDS, False))
            if ended - noted_at >= _NOTE_SECONDS or error or failed:
                self._noted[name] = ended, error is not None
                with suppress(DatabaseUnavailableError):
                    await note_chore(self._database, name, ended - began, error)

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
            await self._note(name, self._long_chores[name][1])
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
            while await forget_keys(connection, _BATCH):
                pass
            while await delete_unused_vectors(connection, self._cache_days, _BATCH):
                pass
        await self._leftovers.remove_folders()
        await self._blobs.sweep()
