"""Parts of answers: what an attempt has written so far, for clients that follow it.

Each part raises the task's version, which is the id of its event. So a client that has received a version can resume
after it, and receives each part once. Parts of an attempt that is superseded are never shown: their epoch is not the
row's. The next attempt deletes them and begins with the event ``restart``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId
from app.domain.states import FINAL, Event, State
from app.domain.tasks import Attempt, Task, TaskName
from app.ledger.report import AttemptStatus, read_status
from app.ledger.statement import CANCEL_REQUESTED, OF_ATTEMPT, guard, quoted, to


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an answer as an event: its id, its name and its data."""

    version: int
    event: str
    data: Mapping[str, Any]


ADD_PARTS = text(
    f"""
    WITH changed AS (
        UPDATE tasks AS t
        SET {to(Event.REPORT)} + jsonb_array_length(:parts) - 1
        WHERE {OF_ATTEMPT} AND {guard(Event.REPORT)}
        RETURNING t.id, t.epoch, t.version - jsonb_array_length(:parts) AS former, {CANCEL_REQUESTED} AS cancelled
    ),
    added AS (
        INSERT INTO answer_parts (task_id, version, epoch, event, data)
        SELECT c.id, c.former + p.place, c.epoch, p.part ->> 'event', p.part -> 'data'
        FROM changed AS c, jsonb_array_elements(:parts) WITH ORDINALITY AS p (part, place)
        WHERE NOT c.cancelled
    )
    SELECT cancelled FROM changed
    """
).bindparams(bindparam("parts", type_=JSONB))


async def add_parts(
    connection: AsyncConnection, attempt: Attempt, parts: Sequence[tuple[str, Mapping[str, Any]]]
) -> AttemptStatus:
    """Add parts, each the name and the data of an event, and return whether to continue."""
    written = [{"event": event, "data": dict(data)} for event, data in parts]
    parameters = {"task_id": attempt.task_id, "epoch": attempt.epoch, "parts": written}
    return read_status((await connection.execute(ADD_PARTS, parameters)).scalar_one_or_none())


RESTART_PARTS = text(
    f"""
    WITH changed AS (
        UPDATE tasks AS t
        SET {to(Event.REPORT)}
        WHERE {OF_ATTEMPT} AND {guard(Event.REPORT)} AND EXISTS (SELECT FROM answer_parts AS p WHERE p.task_id = t.id)
        RETURNING t.id, t.epoch, t.version
    ),
    dropped AS (DELETE FROM answer_parts AS p USING changed AS c WHERE p.task_id = c.id)
    INSERT INTO answer_parts (task_id, version, epoch, event, data)
    SELECT c.id, c.version, c.epoch, 'restart', :data FROM changed AS c
    """
).bindparams(bindparam("data", type_=JSONB))


async def restart_parts(connection: AsyncConnection, attempt: Attempt, data: Mapping[str, Any]) -> None:
    """Replace the parts that the task has, if any, by the event ``restart``, at which clients discard them."""
    parameters = {"task_id": attempt.task_id, "epoch": attempt.epoch, "data": dict(data)}
    await connection.execute(RESTART_PARTS, parameters)


_LIST_PARTS = text(
    """
    SELECT p.version, p.event, p.data FROM answer_parts AS p
    WHERE p.task_id = :task_id AND p.epoch = :epoch AND p.version > :seen AND p.version <= :version
    ORDER BY p.version
    """
)


async def list_parts(connection: AsyncConnection, task: Task, seen: int) -> list[Part]:
    """The parts of the attempt that ``task`` shows: those after the version ``seen``, up to this row's version."""
    parameters = {"task_id": task.id, "epoch": task.epoch, "seen": seen, "version": task.version}
    return [Part(**row) for row in (await connection.execute(_LIST_PARTS, parameters)).mappings()]


_ERASE_PARTS = text(
    f"""
    DELETE FROM answer_parts AS p USING tasks AS t
    WHERE t.id = p.task_id AND t.agent_id = :agent_id AND t.document_id IS NULL
        AND t.name = '{TaskName.ANSWER_QUESTION}' AND t.state IN ({quoted(FINAL)})
        AND (t.state <> '{State.SUCCESS}' OR EXISTS (
            SELECT FROM answer_parts AS q, unnest(CAST(:document_ids AS bigint[])) AS gone (id)
            WHERE q.task_id = t.id
                AND q.data -> 'citations' @> jsonb_build_array(jsonb_build_object('document_id', gone.id))))
    """
)


async def erase_parts(connection: AsyncConnection, agent_id: int, document_ids: Sequence[int]) -> None:
    """Delete the parts of an agent's ended answers that quote these documents, and of those that were not finished."""
    await connection.execute(_ERASE_PARTS, {"agent_id": agent_id, "document_ids": list(document_ids)})


_ERASE_PARTS_OF_TASKS = text("DELETE FROM answer_parts WHERE task_id = ANY (CAST(:task_ids AS uuid[]))")


async def erase_parts_of_tasks(connection: AsyncConnection, task_ids: Sequence[TaskId]) -> None:
    """Delete the parts of these tasks."""
    await connection.execute(_ERASE_PARTS_OF_TASKS, {"task_ids": list(task_ids)})
