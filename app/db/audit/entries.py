"""Queries on the entries of the audit log, which is append-only: a trigger refuses every other change."""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Source, fetch
from app.db.paging import list_rows
from app.db.statements import Statement
from app.db.tables.operations import audit_entries
from app.domain.audit import AuditEntry, AuditFilter, NewAuditEntry
from app.domain.records import Listing

_LARGEST_ID = 2**63 - 1
_NAMES = [field.name for field in fields(NewAuditEntry)]

_ADD = Statement("""
    INSERT INTO audit_entries (organization_id, key_id, actor, action, method, path, targets, fields, status,
        request_id, client_address, occurred_at)
    SELECT organization_id, key_id, actor, action, method, path, targets, fields, status, request_id, client_address,
        clock_timestamp() - make_interval(secs => age)
    FROM jsonb_to_recordset(CAST(:entries AS jsonb)) AS given (organization_id bigint, key_id bigint, actor text,
        action text, method text, path text, targets text[], fields text[], status integer, request_id text,
        client_address text, age double precision)
""")


async def add_entries(source: Source, entries: Sequence[tuple[NewAuditEntry, float]]) -> None:
    """Write entries, each with its age in seconds, in one statement."""
    # Not by ``asdict``, which copies each value and takes longer than all the rest.
    given = [{name: getattr(entry, name) for name in _NAMES} | {"age": age} for entry, age in entries]
    await fetch(source, _ADD, {"entries": json.dumps(given)})


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    entries = audit_entries.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.organization_id is not None:
        conditions.append(entries.organization_id == wanted.organization_id)
    if wanted.key is not None:
        is_id = wanted.key.isdecimal() and int(wanted.key) <= _LARGEST_ID
        conditions.append(entries.key_id == int(wanted.key) if is_id else entries.actor == wanted.key)
    if wanted.action is not None:
        conditions.append(entries.action == wanted.action)
    if wanted.target is not None:
        conditions.append(entries.targets.contains([wanted.target]))
    if wanted.since is not None:
        conditions.append(entries.occurred_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(entries.occurred_at < wanted.until)
    return conditions


def _build(row: Any) -> AuditEntry:
    return AuditEntry(**row._asdict())


async def list_entries(
    connection: AsyncConnection, wanted: AuditFilter, *, limit: int, after: int | None
) -> Listing[AuditEntry]:
    """List entries, the newest first."""
    return await list_rows(connection, audit_entries, _conditions(wanted), _build, limit=limit, after=after)


# The trigger lets a transaction delete old entries that has this setting.
_FORGET = text("""
    DELETE FROM audit_entries WHERE id = ANY (ARRAY(
        SELECT e.id FROM audit_entries AS e, (SELECT set_config('sluice.audit_retention', 'on', true)) AS allowed
        WHERE e.organization_id = :organization_id
        ORDER BY e.id LIMIT :limit FOR UPDATE OF e SKIP LOCKED))
    AND occurred_at < now() - make_interval(days => :days)
""")


async def forget_entries(connection: AsyncConnection, organization_id: int, days: int, limit: int) -> int:
    """Delete an organization's oldest entries that are older than ``days``, ``limit`` at most; returns how many."""
    deleted = await connection.execute(_FORGET, {"organization_id": organization_id, "days": days, "limit": limit})
    return deleted.rowcount
