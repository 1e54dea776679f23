"""Queries on customer profiles."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, case, delete, func, insert, literal, null, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.core import agents, tasks
from app.db.tables.profiles import customer_profiles as table
from app.db.tenants.visibility import sees_agent
from app.domain.identity import Access
from app.domain.profiles import Profile, ProfileStatus, forget_documents
from app.domain.records import Listing
from app.domain.states import ACTIVE, State

_STATUS: ColumnElement[str] = case(
    (tasks.c.state.in_([state.value for state in ACTIVE]), literal(ProfileStatus.ENRICHING.value)),
    (tasks.c.state == State.FAILURE.value, literal(ProfileStatus.FAILED.value)),
    else_=table.c.status,
)
"""The status by the latest enrichment. That of a task that was deleted since is in the row."""
_ERROR = case(
    (tasks.c.state == State.FAILURE.value, tasks.c.error),
    else_=table.c.error,
)
_ACTIVE = ", ".join(f"'{state}'" for state in ACTIVE)
_OTHERS = [column for column in table.c if column.name not in {"status", "error", "reading"}]


def _select(*columns: Any) -> Select[Any]:
    source = table.join(agents, agents.c.id == table.c.agent_id).outerjoin(tasks, tasks.c.id == table.c.task_id)
    return select(*columns).select_from(source).where(agents.c.deleted_at.is_(None))


_SHOWN = (*_OTHERS, _STATUS.label("status"), _ERROR.label("error"))
_PROFILES = _select(*_SHOWN, null().label("reading"))  # which may be long, and which only the enrichment needs


def read_profile(row: Any) -> Profile:
    """The profile of a row with all columns."""
    given = dict(row._mapping)  # noqa: SLF001 - the public name of SQLAlchemy
    return Profile(**{**given, "status": ProfileStatus(given["status"])})


def _conditions(status: ProfileStatus | None, search: str | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_STATUS.in_([status.value])] if status else []
    return [*conditions, table.c.name.icontains(search, autoescape=True)] if search else conditions


async def insert_profile(connection: AsyncConnection, **values: Any) -> int:
    """Add a profile; returns its id. The caller has checked that the agent exists.

    Raises:
        IntegrityError: when the agent has a profile of this website.
    """
    return int((await connection.execute(insert(table).values(values).returning(table.c.id))).scalar_one())


async def get_profile(connection: AsyncConnection, access: Access, profile_id: int) -> Profile | None:
    """One profile, unless its agent does not exist for the caller."""
    query = _PROFILES.where(table.c.id == profile_id, sees_agent(access))
    row = (await connection.execute(query)).one_or_none()
    return read_profile(row) if row else None


async def find_profile(connection: AsyncConnection, profile_id: int) -> Profile | None:
    """A profile whose agent exists, with its reading."""
    query = _select(*_SHOWN, table.c.reading).where(table.c.id == profile_id)
    row = (await connection.execute(query)).one_or_none()
    return read_profile(row) if row else None


async def list_profiles(
    connection: AsyncConnection,
    access: Access,
    agent_id: int,
    *,
    status: ProfileStatus | None,
    search: str | None,
    limit: int,
    after: int | None,
) -> Listing[Profile]:
    """An agent's profiles, the newest first; ``search`` is a part of the name."""
    conditions = [table.c.agent_id == agent_id, sees_agent(access), *_conditions(status, search)]
    total = await connection.scalar(_select(func.count()).where(*conditions))
    query = _PROFILES.where(*conditions).order_by(table.c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(table.c.id < after)
    rows = (await connection.execute(query)).all()
    cursor = str(rows[limit - 1].id) if len(rows) > limit else None
    return Listing([read_profile(row) for row in rows[:limit]], total or 0, cursor)


async def list_to_enrich(
    connection: AsyncConnection, agent_id: int, *, status: ProfileStatus | None, search: str | None, after: int
) -> list[tuple[int, str]]:
    """Ids and websites of an agent's profiles that have a website and no enrichment under way, at most a thousand."""
    conditions = [table.c.agent_id == agent_id, table.c.website.is_not(None), table.c.id > after]
    conditions += [_STATUS.not_in([ProfileStatus.ENRICHING.value]), *_conditions(status, search)]
    query = _select(table.c.id, table.c.website).where(*conditions).order_by(table.c.id).limit(1000)
    return [(row.id, row.website) for row in await connection.execute(query)]


async def lock_profile(connection: AsyncConnection, profile_id: int) -> Profile | None:
    """A profile's row as it is, locked until the transaction ends; ``status`` is the stored one."""
    query = select(table).where(table.c.id == profile_id).with_for_update(key_share=True)
    row = (await connection.execute(query)).one_or_none()
    return read_profile(row) if row else None


async def update_profile(connection: AsyncConnection, profile_id: int, **values: Any) -> None:
    """Change columns of a profile.

    Raises:
        IntegrityError: when the agent has another profile of the new website.
    """
    statement = update(table).where(table.c.id == profile_id)
    await connection.execute(statement.values(**values, updated_at=func.now()))


async def delete_profile(connection: AsyncConnection, profile_id: int) -> None:
    """Delete a profile with everything that is known of the company."""
    await connection.execute(delete(table).where(table.c.id == profile_id))


_SET_TASKS = text("""
    UPDATE customer_profiles AS p SET task_id = g.task_id, reading = NULL,
        next_enrichment_at = now() + make_interval(days => p.enrich_every_days)
    FROM unnest(CAST(:profile_ids AS bigint[]), CAST(:task_ids AS uuid[])) AS g (profile_id, task_id)
    WHERE p.id = g.profile_id
""")


async def set_tasks(connection: AsyncConnection, task_of: Mapping[int, UUID]) -> None:
    """Record the enrichment of each profile, and when the next one is due.

    The caller has locked the profiles, or is the only one that submits enrichments of them.
    """
    parameters = {"profile_ids": list(task_of), "task_ids": list(task_of.values())}
    await connection.execute(_SET_TASKS, parameters)


_LOCK_DUE = text(
    f"""
    SELECT p.id, p.organization_id, p.agent_id, p.website
    FROM customer_profiles AS p JOIN agents AS a ON a.id = p.agent_id AND a.deleted_at IS NULL
    WHERE p.next_enrichment_at <= now() AND p.website IS NOT NULL
        -- One enrichment at a time. That of a profile that is being enriched is due again when it has ended.
        AND NOT EXISTS (SELECT FROM tasks AS t WHERE t.id = p.task_id AND t.state IN ({_ACTIVE}))
    ORDER BY p.next_enrichment_at, p.id LIMIT :limit
    FOR NO KEY UPDATE OF p SKIP LOCKED
    """
)


async def lock_due(connection: AsyncConnection, limit: int) -> list[Any]:
    """Profiles whose next enrichment is due, locked, with ``id``, ``organization_id``, ``agent_id``, ``website``."""
    return list(await connection.execute(_LOCK_DUE, {"limit": limit}))


_QUOTING = text("""
    SELECT p.id, p.fields, p.summary FROM customer_profiles AS p
    WHERE p.agent_id = CAST(:agent_id AS bigint) AND (
        jsonb_path_exists(p.fields, '$.*.sources[*] ? (@.document_id == $ids[*])', :given)
        OR jsonb_path_exists(p.summary, '$.sentences[*].quotes[*] ? (@.document_id == $ids[*])', :given))
    ORDER BY p.id FOR NO KEY UPDATE
""").bindparams(bindparam("given", type_=JSONB))


async def erase_quotes(connection: AsyncConnection, agent_id: int, document_ids: Sequence[int]) -> None:
    """Remove from the profiles of an agent what these documents say."""
    rows = await connection.execute(_QUOTING, {"agent_id": agent_id, "given": {"ids": list(document_ids)}})
    for row in rows.all():
        fields, summary = forget_documents(row.fields, row.summary, document_ids)
        await update_profile(connection, row.id, fields=fields, summary=summary)


_REMOVE = text("""
    DELETE FROM customer_profiles AS p WHERE p.id = ANY (ARRAY(
        SELECT d.id FROM customer_profiles AS d WHERE d.agent_id = :agent_id ORDER BY d.id LIMIT :limit))
""")


async def remove_profiles(connection: AsyncConnection, agent_id: int, limit: int) -> int:
    """Delete profiles of a deleted agent, ``limit`` at most; returns how many."""
    return (await connection.execute(_REMOVE, {"agent_id": agent_id, "limit": limit})).rowcount
