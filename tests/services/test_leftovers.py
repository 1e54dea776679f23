"""Files without a row are found and deleted, and retention deletes no row without recording the file that it names."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.storage.files import FileStore
from app.db.engine import Database
from app.domain.ids import new_task_id
from app.domain.tasks import TaskName
from app.embedded import folders
from app.embedded.folders import open_run_folder
from app.ledger.files import make_page_key
from app.ledger.upkeep import forget_tasks
from app.services.operations import leftovers as module
from app.services.operations import storage_sweep
from app.services.operations.leftovers import FileCounts, Leftovers
from app.services.operations.storage_sweep import StorageSweep
from app.services.queue.attempts import Outcome
from tests.adapters.blobs import put
from tests.api.checks import list_files
from tests.services.fake_attempts import FakeAttempt

_DAY = 24 * 3600.0
KEYS = [f"{n:02x}/{n:032x}" for n in range(20)]


class Nudges:
    """Stands in for admission."""

    def nudge(self, _queue: str) -> None:
        """Do nothing."""


class World:
    """Storage in a folder, rows in a database, and the service."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.store = FileStore(folder)
        admission: Any = Nudges()
        self.leftovers = Leftovers(Database(engine), self.store, admission)
        self.attempt = FakeAttempt(1)

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        """Run a statement; returns the first value of each row."""
        async with self.engine.begin() as connection:
            result = await connection.execute(text(statement), parameters)
            return [row[0] for row in result] if result.returns_rows else []

    async def add_file(self, key: str, days_ago: float = 2) -> None:
        """Store a file as if it had been written some days ago."""
        await put(self.store, key, b"content")
        then = time.time() - days_ago * _DAY
        os.utime(self.folder / key, (then, then))

    async def add_document(self, blob_key: str | None) -> int:
        """Insert a document with this file."""
        [document] = await self.sql(
            "INSERT INTO documents (organization_id, agent_id, filename, media_type, blob_key, created_at)"
            " SELECT 1, min(id), 'a', '', :key, now() - interval '2 days' FROM agents RETURNING id",
            key=blob_key,
        )
        return int(document)

    async def add_task(
        self, document: int, state: str, name: TaskName = TaskName.PROCESS_DOCUMENT, **more: Any
    ) -> UUID:
        """Insert a task that ended long ago, unless its state is active."""
        values: dict[str, Any] = {"id": new_task_id(), "arguments": "{}", "attempt": 1, **more}
        await self.sql(
            "INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue, state, attempt, arguments,"
            " completed_at) SELECT :id, 1, min(id), :document, :name, 'default', :state, :attempt,"
            " CAST(:arguments AS jsonb), CASE WHEN :state IN ('SUCCESS', 'FAILURE', 'REVOKED')"
            " THEN now() - interval '90 days' END FROM agents",
            document=document,
            name=name.value,
            state=state,
            **values,
        )
        task_id: UUID = values["id"]
        return task_id

    async def decide(self, document: int, task_id: UUID) -> None:
        """Let a task be the document's."""
        await self.sql("UPDATE documents SET task_id = :task WHERE id = :id", task=task_id, id=document)

    async def forget(self) -> int:
        """Delete old tasks as upkeep does."""
        async with self.engine.begin() as connection:
            return await forget_tasks(connection, 1, 30, 100)

    async def sweep(self) -> Outcome:
        """Delete discarded files, then those without a row, as a new task or as the next turn of the last one."""
        await self.leftovers.remove_discarded()
        outcome = await StorageSweep(Database(self.engine), self.leftovers).run(self.attempt.as_attempt())
        self.attempt.follow(outcome)
        return outcome

    async def list_files(self) -> list[str]:
        """The keys of all files."""
        return [file.key for file in await self.store.list(None, 100)]

    async def list_unnamed(self) -> set[str]:
        """The files that no row names."""
        documents = await self.sql("SELECT blob_key FROM documents")
        tasks = await self.sql("SELECT arguments #>> '{content,blob_key}' FROM tasks")
        return set(await self.list_files()) - {*documents, *tasks, *await self.sql("SELECT key FROM discarded_files")}


@pytest.fixture
async def world(engine: AsyncEngine, tmp_path: Path) -> World:
    made = World(engine, tmp_path)
    await made.sql("TRUNCATE tasks, documents, agents, discarded_files CASCADE")
    await made.sql("INSERT INTO agents (organization_id, name, slug) VALUES (1, 'a', 'a')")
    return made


def content(key: str) -> str:
    """The arguments of a task that carries new content."""
    return f'{{"content": {{"blob_key": "{key}"}}}}'


async def test_the_file_of_an_overtaken_replacement_is_deleted_after_its_task_is_forgotten(world: World) -> None:
    present, overtaken = KEYS[:2]
    document = await world.add_document(present)
    await world.add_task(document, "REVOKED", arguments=content(overtaken))
    await world.decide(document, await world.add_task(document, "SUCCESS", arguments=content(present)))
    for key in (present, overtaken):
        await world.add_file(key, days_ago=0)
    assert await world.forget() == 2
    assert await world.list_unnamed() == set()
    await world.sweep()
    assert await world.list_files() == [present]
    assert await world.sql("SELECT key FROM discarded_files") == []


async def test_the_pages_that_failed_attempts_read_are_deleted_after_their_task_is_forgotten(world: World) -> None:
    document = await world.add_document(None)
    task_id = await world.add_task(document, "FAILURE", TaskName.PROCESS_WEBPAGE, attempt=3)
    kept = make_page_key(task_id, 2)
    await world.sql("UPDATE documents SET blob_key = :key", key=kept)
    for attempt in (1, 2, 3):
        await world.add_file(make_page_key(task_id, attempt), days_ago=0)
    assert await world.forget() == 1
    assert await world.list_unnamed() == set()
    await world.sweep()
    assert await world.list_files() == [kept]


async def test_files_without_a_row_are_deleted_after_a_day_and_all_others_stay(world: World) -> None:
    of_document, of_waiting, of_failed, overtaken, orphan, recent = KEYS[:6]
    document = await world.add_document(of_document)
    await world.add_task(document, "PENDING", arguments=content(of_waiting))
    await world.add_task(document, "REVOKED", arguments=content(overtaken))
    other = await world.add_document(None)
    await world.decide(other, await world.add_task(other, "FAILURE", arguments=content(of_failed)))
    running = await world.add_task(other, "EXPANDED", TaskName.PROCESS_ARCHIVE)
    failed_page = await world.add_task(document, "FAILURE", TaskName.PROCESS_WEBPAGE)
    entry, page = f"{running.hex[-2:]}/{running.hex}-7", make_page_key(failed_page, 1)
    foreign = ["backups/2026.tar", "doctor/probe", f"{KEYS[0]}.txt"]
    for key in (of_document, of_waiting, of_failed, overtaken, orphan, entry, page, *foreign):
        await world.add_file(key)
    await world.add_file(recent, days_ago=0.9)
    await world.sweep()
    assert set(await world.list_files()) == {of_document, of_waiting, of_failed, recent, entry, *foreign}


async def test_a_large_page_whose_batches_may_run_again_keeps_its_file(world: World) -> None:
    document = await world.add_document(None)
    key = make_page_key(task_id := new_task_id(), 1)
    step = f'{{"last_step": {{"arguments": {{"version": {{"content": {{"blob_key": "{key}"}}}}}}}}}}'
    await world.add_task(document, "FAILURE", TaskName.PROCESS_WEBPAGE, id=task_id, arguments=step)
    await world.decide(document, task_id)
    await world.add_file(key)
    await world.sweep()
    assert await world.list_files() == [key]


async def test_a_run_checks_some_files_and_the_next_continues(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FILES_AT_ONCE", 4)
    monkeypatch.setattr(storage_sweep, "_TURN_SECONDS", -1.0)
    for key in KEYS[:10]:
        await world.add_file(key)
    await world.add_document(KEYS[11])
    left, outcome = [], None
    for _ in range(3):
        outcome = await world.sweep()
        left.append(len(await world.list_files()))
    assert left == [6, 2, 0]
    assert outcome
    assert outcome.result == {"deleted": {"files": 10}, "files": 10, "rows_without_file": 1}


async def test_files_without_a_row_and_rows_without_a_file_are_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FILES_AT_ONCE", 3)
    for key in KEYS[:7]:
        await world.add_document(key)
    for key in KEYS[2:12]:
        await world.add_file(key)
    assert await world.leftovers.count_files() == FileCounts(10, 5, 2)


async def test_the_temporary_folders_of_killed_tasks_are_deleted_after_a_day(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, days in (("sluice-abcdefg1", 2), ("sluice-abcdefg2", 0.5), ("sluice-demo-abcdefg3", 2), ("other", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page").write_bytes(b"content")
        os.utime(tmp_path / name, (time.time() - days * _DAY,) * 2)
    await world.leftovers.remove_folders()
    left = {path.parent.name for path in list_files(tmp_path)}
    assert left == {"sluice-abcdefg2", "sluice-demo-abcdefg3", "other"}


async def test_the_folder_for_the_sockets_of_running_servers_is_not_deleted(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(folders, "_find_base", lambda: tmp_path)
    with open_run_folder(tmp_path) as first:
        pass
    first.touch()  # as if the name were another user's
    with open_run_folder(tmp_path) as folder:
        os.utime(folder, (time.time() - 2 * _DAY,) * 2)
        await world.leftovers.remove_folders()
        assert folder.is_dir()


async def test_what_is_deleted_and_not_erased_gets_a_task_once(world: World) -> None:
    await world.sql("UPDATE documents SET deleted_at = now() - interval '1 hour'")
    document = await world.add_document(None)
    await world.sql("UPDATE documents SET deleted_at = now() - interval '1 hour' WHERE id = :id", id=document)
    await world.sql("INSERT INTO agents (organization_id, name, slug, deleted_at) VALUES (1, 'b', 'b', '2000-01-01')")
    for _ in range(2):
        await world.leftovers.submit_erasures()
    names = await world.sql("SELECT name FROM tasks ORDER BY name")
    assert names == [TaskName.DELETE_AGENT, TaskName.DELETE_DOCUMENT]
