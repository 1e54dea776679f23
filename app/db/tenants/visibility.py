"""Visibility: the conditions that limit queries to what the caller's API key may see.

No other module writes such a condition. A route passes ``identity.access`` to its service, the service passes it to the
query, and the query adds the condition of its table.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, any_, exists, literal, or_, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from app.db.engine import Database
from app.db.search.filters import write_condition
from app.db.tables.core import agents, documents, tasks
from app.db.tables.tenants import api_keys
from app.domain.filters import read_filter
from app.domain.identity import Access
from app.domain.tasks import ASKED_BY, Task, TaskName

VISIBLE_AGENT = """
    organization_id = :organization_id AND deleted_at IS NULL AND NOT internal
    AND (CAST(:allowed_agents AS bigint[]) IS NULL OR id = ANY (CAST(:allowed_agents AS bigint[])))"""
"""``sees_agent`` for a statement that goes to the driver directly, with the parameters of ``name_agents``."""


def name_agents(access: Access) -> dict[str, Any]:
    """The parameters of ``VISIBLE_AGENT``."""
    allowed = None if access.agent_ids is None else sorted(access.agent_ids)
    return {"organization_id": access.organization_id, "allowed_agents": allowed}


def sees_agent(access: Access) -> ColumnElement[bool]:
    """The condition that a row of ``agents`` exists for the caller."""
    of_organization = (agents.c.organization_id == access.organization_id) & agents.c.deleted_at.is_(None)
    return of_organization & ~agents.c.internal & _is_allowed(agents.c.id, access)


def sees_document(access: Access) -> ColumnElement[bool]:
    """The condition that a row of ``documents`` exists for the caller."""
    # The documents of a deleted agent are marked some time after it.
    of_agent = exists().where(agents.c.id == documents.c.agent_id, agents.c.deleted_at.is_(None))
    of_organization = (documents.c.organization_id == access.organization_id) & documents.c.deleted_at.is_(None)
    return and_(of_organization, of_agent, _is_allowed(documents.c.agent_id, access), _matches(access))


def sees_task(access: Access) -> ColumnElement[bool]:
    """The condition that a row of ``tasks`` exists for the caller.

    To a key with a document filter, these are the tasks of documents that match it, and the questions that it asked.
    """
    of_organization = (tasks.c.organization_id == access.organization_id) & _is_allowed(tasks.c.agent_id, access)
    if access.document_filter is None:
        return of_organization
    of_document = exists(select(documents.c.id).where(documents.c.id == tasks.c.document_id, _matches(access)))
    asked = (tasks.c.name == TaskName.ANSWER_QUESTION.value) & (
        tasks.c.arguments[ASKED_BY].astext == str(access.key_id)
    )
    return of_organization & or_(of_document, asked)


def sees_key(access: Access) -> ColumnElement[bool]:
    """The condition that a row of ``api_keys`` exists for the caller: a key that grants no more than the caller has."""
    of_organization = api_keys.c.organization_id == access.organization_id
    if access.agent_ids is None:
        return of_organization
    is_part: ColumnElement[bool] = api_keys.c.agent_ids.contained_by(_array(access))
    return of_organization & is_part


async def is_visible_task(database: Database, access: Access, task: Task) -> bool:
    """Whether a task that was read exists for the caller. Without a document filter, this asks no database."""
    if task.organization_id != access.organization_id or not access.includes_agent(task.agent_id):
        return False
    if access.document_filter is None:
        return True
    async with database.statement() as connection:
        return bool(await connection.scalar(select(exists().where(tasks.c.id == task.id, sees_task(access)))))


def _is_allowed(agent_id: ColumnElement[int], access: Access) -> ColumnElement[bool]:
    return true() if access.agent_ids is None else agent_id == any_(_array(access))


def _array(access: Access) -> ColumnElement[Any]:
    return literal(sorted(access.agent_ids or ()), ARRAY(BigInteger))


def _matches(access: Access) -> ColumnElement[bool]:
    """The condition that a row of ``documents`` matches the caller's document filter."""
    return true() if access.document_filter is None else write_condition(read_filter(access.document_filter))
