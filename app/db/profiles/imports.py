"""Statements that write many customer profiles at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.profiles.profiles import read_profile
from app.db.tables.profiles import customer_profiles as table
from app.domain.profiles import Profile

_COLUMNS = ("name", "fields", "enrich_every_days", "next_enrichment_at")


async def lock_same(
    connection: AsyncConnection, agent_id: int, websites: Sequence[str], names: Sequence[str]
) -> list[Profile]:
    """Lock an agent's profiles of these websites, and those without a website that have these names, in lower case."""
    by_name = table.c.website.is_(None) & func.lower(table.c.name).in_(names)
    query = select(table).where(table.c.agent_id == agent_id, or_(table.c.website.in_(websites), by_name))
    rows = await connection.execute(query.order_by(table.c.id).with_for_update(key_share=True))
    return [read_profile(row) for row in rows]


_NEW = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in _COLUMNS}
_UPDATE = update(table).where(table.c.id == bindparam("profile_id")).values(**_NEW, updated_at=func.now())


async def update_profiles(connection: AsyncConnection, changed: Mapping[int, Mapping[str, Any]]) -> None:
    """Change locked profiles, by their ids: ``name``, ``fields``, ``enrich_every_days``, ``next_enrichment_at``."""
    rows = [
        {"profile_id": profile_id, **{f"new_{name}": values[name] for name in _COLUMNS}}
        for profile_id, values in changed.items()
    ]
    if rows:
        await connection.execute(_UPDATE, rows)


async def insert_profiles(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Add profiles; returns their ids.

    Raises:
        IntegrityError: when another transaction has added a profile of one of their websites in the meantime.
    """
    if not rows:
        return []
    return list((await connection.execute(insert(table).returning(table.c.id), list(rows))).scalars())
