"""Queries on limits and on what counts towards them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Source, fetch
from app.db.statements import Statement
from app.domain.limits import NO_LIMITS, ORGANIZATION, Limits
from app.domain.states import RUNNING, WAITING, State
from app.domain.tasks import INDEXING, WORK_QUEUES

_NAMES = [field.name for field in fields(Limits)]
_COLUMNS = ", ".join(_NAMES)

_FIND = Statement(f"""
    SELECT o.limits_version, l.agent_id, {", ".join(f"l.{name}" for name in _NAMES)}
    FROM organizations AS o LEFT JOIN limits AS l
        ON l.organization_id = o.id AND l.agent_id IN ({ORGANIZATION}, CAST(:agent_id AS bigint))
    WHERE o.id = :organization_id
""")
_SET = text(f"""
    WITH written AS (
        INSERT INTO limits AS l (organization_id, agent_id, {_COLUMNS})
        SELECT o.id, :agent_id, {", ".join(f":{name}" for name in _NAMES)} FROM organizations AS o
        WHERE o.id = :organization_id
        ON CONFLICT (organization_id, agent_id) DO UPDATE SET {", ".join(f"{n} = excluded.{n}" for n in _NAMES)}
        RETURNING organization_id
    )
    UPDATE organizations AS o SET limits_version = o.limits_version + 1
    FROM written AS w WHERE o.id = w.organization_id RETURNING o.id
""")


@dataclass(frozen=True, slots=True)
class FoundLimits:
    """The limits of an organization and of one of its agents, and the version of all its limits."""

    version: int
    organization: Limits
    agent: Limits


async def find_limits(source: Source, organization_id: int, agent_id: int) -> FoundLimits:
    """Find the limits of an organization, and those of an agent."""
    rows = await fetch(source, _FIND, {"organization_id": organization_id, "agent_id": agent_id})
    found = {row["agent_id"]: Limits(**{name: row[name] for name in _NAMES}) for row in rows}
    version = rows[0]["limits_version"] if rows else 0
    return FoundLimits(version, found.get(ORGANIZATION, NO_LIMITS), found.get(agent_id or None, NO_LIMITS))


async def set_limits(connection: AsyncConnection, organization_id: int, agent_id: int, limits: Limits) -> bool:
    """Store the limits of an organization or an agent; False if there is no such organization."""
    parameters = {"organization_id": organization_id, "agent_id": agent_id, **asdict(limits)}
    return (await connection.execute(_SET, parameters)).one_or_none() is not None


def _list(names: Sequence[StrEnum]) -> str:
    return ", ".join(f"'{name.value}'" for name in names)


_IS_DOCUMENT = f"t.name IN ({_list(INDEXING)}) AND t.document_id IS NOT NULL"
_USED_SCOPE = f"organization_id = :organization_id AND CAST(:agent_id AS bigint) IN ({ORGANIZATION}, agent_id)"
# The tasks that were accepted and have not ended, by the partial indexes of their states. Those that are admitted are
# few: they are read as they are, so that no plan reads the tasks of the organization that have ended.
_COUNT_OPEN = Statement(f"""
    WITH admitted AS MATERIALIZED (
        SELECT t.organization_id, t.agent_id, t.document_id FROM tasks AS t
        WHERE t.state = '{State.QUEUED}' AND {_IS_DOCUMENT}
        UNION ALL
        SELECT t.organization_id, t.agent_id, t.document_id FROM tasks AS t
        WHERE t.state IN ({_list(RUNNING)}) AND {_IS_DOCUMENT}
    ),
    agent AS MATERIALIZED (
        SELECT id FROM agents
        WHERE organization_id = :organization_id AND CAST(:agent_id AS bigint) IN ({ORGANIZATION}, id)
    ),
    open AS (
        SELECT document_id FROM admitted WHERE {_USED_SCOPE}
        UNION ALL
        SELECT t.document_id FROM agent AS a JOIN tasks AS t
            ON t.agent_id = a.id AND t.queue IN ({_list(WORK_QUEUES)}) AND t.state IN ({_list(WAITING)})
        WHERE {_IS_DOCUMENT}
    ),
    level (stored) AS (
        SELECT sum(stored_bytes) FROM usage_days WHERE {_USED_SCOPE}
        UNION ALL
        SELECT sum(stored_bytes) FROM usage_records WHERE {_USED_SCOPE} AND counted_at IS NULL
    )
    SELECT count(*) AS documents, CAST(coalesce(sum(d.size_bytes), 0) AS bigint) AS bytes,
           (SELECT CAST(coalesce(sum(stored), 0) AS bigint) FROM level) AS stored_bytes,
           CAST(now() AT TIME ZONE 'UTC' AS date) AS today
    FROM open AS o JOIN documents AS d ON d.id = o.document_id
""")


@dataclass(frozen=True, slots=True)
class OpenWork:
    """The documents that were accepted and are not finished, with their bytes; what is stored; the current day."""

    documents: int
    bytes: int
    stored_bytes: int
    today: date


async def count_open(source: Source, organization_id: int, agent_id: int) -> OpenWork:
    """Count what an organization or an agent has stored, and what it is about to store."""
    [row] = await fetch(source, _COUNT_OPEN, {"organization_id": organization_id, "agent_id": agent_id})
    return OpenWork(row["documents"], row["bytes"], row["stored_bytes"], row["today"])


_NOTE = text("""
    INSERT INTO limit_notices (organization_id, agent_id, month, name, level)
    VALUES (:organization_id, :agent_id, :month, :name, :level)
    ON CONFLICT (organization_id, agent_id, month, name, level) DO NOTHING RETURNING name
""")


async def note_level(
    connection: AsyncConnection, organization_id: int, agent_id: int, *, month: date, name: str, level: str
) -> bool:
    """Note that a limit has reached a level in a month; False if it was noted before."""
    parameters = {
        "organization_id": organization_id,
        "agent_id": agent_id,
        "month": month,
        "name": name,
        "level": level,
    }
    return (await connection.execute(_NOTE, parameters)).one_or_none() is not None
