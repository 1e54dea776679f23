"""Entries of the audit log are written at once or within a second, and none is lost while the database is away."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.audit.entries import add_entries, forget_entries
from app.db.engine import Database
from app.domain.audit import AuditFilter, NewAuditEntry
from app.domain.errors import DatabaseUnavailableError
from app.services.operations import audit as module
from app.services.operations.audit import AuditLog

_ALL = AuditFilter()


@pytest.fixture
def log(database: Database) -> AuditLog:
    return AuditLog(database, records_addresses=False)


@pytest.fixture(autouse=True)
async def _empty(engine: AsyncEngine) -> None:
    """Begin without entries: the trigger that keeps them is off for the deletion."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
        await connection.execute(text("DELETE FROM audit_entries"))


def make(action: str, organization_id: int = 1) -> NewAuditEntry:
    return NewAuditEntry(organization_id=organization_id, key_id=7, actor="sk_sluice_abc", action=action)


async def count(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT count(*) FROM audit_entries")) or 0


async def test_an_entry_is_committed_when_add_returns(log: AuditLog, engine: AsyncEngine) -> None:
    await asyncio.gather(*(log.add(make(f"a{n}")) for n in range(100)))
    assert await count(engine) == 100


async def test_entries_that_may_wait_are_written_in_one_statement(
    log: AuditLog, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []

    async def note(database: Any, entries: Sequence[Any]) -> None:
        batches.append(len(entries))
        await add_entries(database, entries)

    monkeypatch.setattr(module, "add_entries", note)
    monkeypatch.setattr(module, "_BATCH_SECONDS", 0.0)
    for n in range(40):
        await log.add_soon(make(f"a{n}"))
    assert log._writer
    await log._writer
    assert (await count(engine), batches) == (40, [40])


async def test_entries_that_wait_are_written_at_the_shutdown_and_before_a_list(
    log: AuditLog, engine: AsyncEngine
) -> None:
    await log.add_soon(make("first"))
    assert [entry.action for entry in (await log.list(_ALL, limit=10, after=None)).items] == ["first"]
    await log.add_soon(make("second"))
    await log.close()
    assert await count(engine) == 2


async def test_entries_wait_while_the_database_is_unavailable_up_to_a_limit(
    log: AuditLog, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_database: Any, _entries: Sequence[Any]) -> None:
        raise DatabaseUnavailableError

    monkeypatch.setattr(module, "add_entries", fail)
    monkeypatch.setattr(module, "_MOST_KEPT", 3)
    for n in range(3):
        await log.add_soon(make(f"a{n}"))
    with pytest.raises(DatabaseUnavailableError):
        await log.add_soon(make("one too many"))
    monkeypatch.setattr(module, "add_entries", add_entries)
    await log.close()
    assert await count(engine) == 3


async def test_retention_deletes_only_old_entries_of_its_organization(log: AuditLog, engine: AsyncEngine) -> None:
    for organization_id in (1, 2):
        await add_old(engine, organization_id, 5)
        await log.add(make("recent", organization_id))
    async with engine.begin() as connection:
        assert [await forget_entries(connection, 1, 30, 3) for _ in range(3)] == [3, 2, 0]
    left = await log.list(_ALL, limit=100, after=None)
    assert sorted(entry.organization_id for entry in left.items) == [1, 2, 2, 2, 2, 2, 2]


async def add_old(engine: AsyncEngine, organization_id: int, number: int) -> None:
    """Add entries of forty days ago."""
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO audit_entries (organization_id, actor, action, occurred_at)"
                " SELECT :organization_id, 'a', 'old', now() - interval '40 days' FROM generate_series(1, :number)"
            ),
            {"organization_id": organization_id, "number": number},
        )
