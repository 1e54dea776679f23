"""The sweep of storage: a task that deletes files which no row names, and counts rows whose file is missing."""

import time

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.upkeep.runs import add_counts, begin_run, end_run, read_counts
from app.domain.counting import count_of
from app.domain.tasks import Progress
from app.domain.upkeep import UpkeepTask
from app.services.operations.leftovers import Leftovers
from app.services.queue.attempts import Outcome, RunningAttempt

_TURN_SECONDS = 20.0


class StorageSweep:
    """Compares all files with the rows, a thousand at a time."""

    def __init__(self, database: Database, leftovers: Leftovers) -> None:
        self._database = database
        self._leftovers = leftovers

    async def run(self, attempt: RunningAttempt) -> Outcome:
        """Delete the files that no row names, and count the documents whose file is missing."""
        task, until = attempt.task, time.monotonic() + _TURN_SECONDS
        async with self._database.statement() as connection:
            await begin_run(connection, UpkeepTask.STORAGE, None, task.id)
        after, files, matched = (task.arguments.get(name) for name in ("after", "files", "matched"))
        files, matched = files or 0, matched or 0
        while True:
            batch = await self._leftovers.remove_unnamed(after)
            files, matched, after = files + batch.files, matched + batch.matched, batch.following
            if batch.deleted:
                async with self._database.statement() as connection:
                    await add_counts(connection, task.id, {"files_deleted": batch.deleted})
            status = f"Compared {count_of(files, 'file')} with the rows"
            await attempt.report(Progress("compare", 0, status))
            if after is None:
                break
            if time.monotonic() > until:
                return Outcome(None, status, continues={"after": after, "files": files, "matched": matched})
        missing = max(0, await self._leftovers.count_rows() - matched)

        async def end(connection: AsyncConnection) -> None:
            await add_counts(connection, task.id, {"files": files, "rows_without_file": missing})
            await end_run(connection, task.id)

        async with self._database.statement() as connection:
            deleted = (await read_counts(connection, task.id)).get("files_deleted", 0)
        result = {"deleted": {"files": deleted}, "files": files, "rows_without_file": missing}
        return Outcome(result, f"Deleted {count_of(deleted, 'file')} without a row", apply=end)
