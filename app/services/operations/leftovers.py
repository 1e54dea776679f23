"""Leftovers: files without a row, and deleted documents that no task erases. Upkeep finds and removes them in parts."""

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from app.db.documents.erasure import count_files, list_left
from app.db.engine import Database
from app.domain.ports import BlobStore, StoredFile
from app.domain.tasks import NewTask, Queue, TaskName
from app.ledger.files import forget_discarded_files, list_discarded_files, list_unused_files
from app.ledger.submit import submit_all
from app.ledger.upkeep import try_lock_chore
from app.services.queue.admission import Admission
from app.temporary_folders import remove_abandoned_folders

_TASKS_AT_ONCE = 500
_FILES_AT_ONCE = 1_000
# An upload stores its file before its row, and an archive all its files before their rows.
_GUARD = timedelta(days=1)
# The keys that Sluice makes. Other files below the root or the prefix are not its own.
_OWN_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}(-page)?(-\d+)?")

# As earlier versions name temporary folders, which they do not lock.
_TEMPORARY = re.compile(r"sluice-[a-z0-9_]{8}")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FileCounts:
    """How storage compares with the rows. Files younger than a day are not counted as being without a row."""

    files: int
    without_row: int
    rows_without_file: int


@dataclass(frozen=True, slots=True)
class ComparedFiles:
    """Some files in storage: how many, how many were deleted, and how many documents name one of them.

    ``following`` is the key after which the next files begin; None after the last ones.
    """

    files: int
    deleted: int
    matched: int
    following: str | None


class Leftovers:
    """Removes what deletions and interrupted work left behind."""

    def __init__(self, database: Database, blobs: BlobStore, admission: Admission) -> None:
        self._database = database
        self._blobs = blobs
        self._admission = admission

    async def submit_erasures(self) -> None:
        """Submit tasks that erase deleted documents and agents, where no task does."""
        async with self._database.transaction() as connection:
            if not await try_lock_chore(connection, "erase"):
                return
            left = await list_left(connection, _TASKS_AT_ONCE)
            tasks = [
                NewTask(
                    organization_id,
                    agent_id,
                    TaskName.DELETE_DOCUMENT if document_id else TaskName.DELETE_AGENT,
                    Queue.DEFAULT,
                    document_id,
                )
                for organization_id, agent_id, document_id in left
            ]
            if tasks:
                await submit_all(connection, tasks)
        if tasks:
            self._admission.nudge(Queue.DEFAULT)

    async def remove_discarded(self) -> None:
        """Delete the files whose rows were deleted, which the same transactions recorded."""
        while True:
            async with self._database.statement() as connection:
                keys = await list_discarded_files(connection, _FILES_AT_ONCE)
                unused = await list_unused_files(connection, keys)
            for key in unused:
                await self._blobs.delete(key)
            async with self._database.statement() as connection:
                await forget_discarded_files(connection, keys)
            if len(keys) < _FILES_AT_ONCE:
                return

    async def remove_unnamed(self, after: str | None) -> ComparedFiles:
        """Delete the files without a row among the next thousand in storage after the key ``after``."""
        files = await self._blobs.list(after, _FILES_AT_ONCE)
        unused = await self._find_unused(files)
        for key in unused:
            await self._blobs.delete(key)
        if unused:
            log.warning("files_without_row_deleted", files=len(unused))
        async with self._database.statement() as connection:
            matched = await count_files(connection, [file.key for file in files])
        following = files[-1].key if len(files) == _FILES_AT_ONCE else None
        return ComparedFiles(len(files), len(unused), matched, following)

    async def count_rows(self) -> int:
        """Count the documents that have a file, without those of the last hour."""
        async with self._database.statement() as connection:
            return await count_files(connection)

    async def remove_folders(self) -> None:
        """Delete the temporary folders of processes of this host that were killed."""
        if removed := await asyncio.to_thread(remove_abandoned_folders):
            log.info("abandoned_folders_deleted", folders=removed)
        await asyncio.to_thread(_remove_folders, Path(tempfile.gettempdir()), time.time() - _GUARD.total_seconds())

    async def count_files(self) -> FileCounts:
        """Compare all files in storage with the rows."""
        total, without_row, matched, after = 0, 0, 0, None
        rows = await self.count_rows()
        while files := await self._blobs.list(after, _FILES_AT_ONCE):
            after, total = files[-1].key, total + len(files)
            without_row += len(await self._find_unused(files))
            async with self._database.statement() as connection:
                matched += await count_files(connection, [file.key for file in files])
        return FileCounts(total, without_row, max(0, rows - matched))

    async def _find_unused(self, files: Sequence[StoredFile]) -> list[str]:
        before = datetime.now(UTC) - _GUARD
        keys = [file.key for file in files if file.written_at < before and _OWN_KEY.fullmatch(file.key)]
        async with self._database.statement() as connection:
            return await list_unused_files(connection, keys)


def _remove_folders(parent: Path, before: float) -> None:
    for folder in parent.iterdir():
        with suppress(OSError):  # another process has removed it, or another user owns it
            if _TEMPORARY.fullmatch(folder.name) and folder.lstat().st_mtime < before and not folder.is_symlink():
                shutil.rmtree(folder)
