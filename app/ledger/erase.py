"""Erase: removes names and text from the tasks of deleted documents and agents. Only ended tasks are changed."""

from collections.abc import Sequence

from sqlalchemy import TextualSelect, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.core import tasks
from app.domain.ids import TaskId
from app.domain.states import ACTIVE, FINAL, RUNNING, State
from app.domain.tasks import Task, TaskName
from app.ledger.answer_parts import erase_parts, erase_parts_of_tasks
from app.ledger.statement import TASK_COLUMNS, all_locked, fetch_tasks, quoted

_IS_FINAL = f"t.state IN ({quoted(FINAL)})"

# A status, a result, an error or an attempt's history may quote a name, an address or text of the document. A crawl
# counts its skipped pages by code.
_ERASED = f"""
    version = t.version + 1, metadata = '{{}}', arguments = '{{}}', dead_lettered_at = NULL,
    announced_at = NULL,
    status = CASE t.state WHEN '{State.SUCCESS}' THEN 'Done' WHEN '{State.FAILURE}' THEN 'Failed'
             ELSE 'Cancelled' END,
    stages = (SELECT coalesce(jsonb_agg(s.entry || '{{"status": ""}}' ORDER BY s.place), '[]')
              FROM jsonb_array_elements(t.stages) WITH ORDINALITY AS s (entry, place)),
    history = (SELECT coalesce(jsonb_agg(h.entry || '{{"message": null}}' ORDER BY h.place), '[]')
               FROM jsonb_array_elements(t.history) WITH ORDINALITY AS h (entry, place)),
    result = CASE WHEN t.result ? 'skipped' THEN jsonb_build_object(
                      'document_id', NULL, 'url', '', 'skipped', 'The document is deleted.', 'code', t.result -> 'code')
                  WHEN t.result IS NOT NULL THEN jsonb_build_object('document_id', t.document_id) END,
    error = CASE WHEN t.error IS NOT NULL THEN jsonb_build_object(
        'code', t.error -> 'code', 'message', 'The document is deleted.', 'retryable', false) END
"""


def _erase(condition: str) -> TextualSelect:
    return text(f"UPDATE tasks AS t SET {_ERASED} WHERE {condition} RETURNING {TASK_COLUMNS}").columns(*tasks.c)


ERASE_DOCUMENT_TASKS = _erase(all_locked(f"t.document_id = ANY (CAST(:document_ids AS bigint[])) AND {_IS_FINAL}"))


async def erase_document_tasks(connection: AsyncConnection, document_ids: Sequence[int]) -> list[Task]:
    """Remove names and text from the ended tasks of these documents. Dead letters among them are discarded."""
    return await fetch_tasks(connection, ERASE_DOCUMENT_TASKS, document_ids=list(document_ids))


ERASE_AGENT_TASKS = text(
    f"""
    UPDATE tasks AS t SET {_ERASED}
    WHERE t.id = ANY (ARRAY(
        SELECT t.id FROM tasks AS t
        WHERE t.agent_id = :agent_id AND t.document_id IS NULL AND {_IS_FINAL}
            AND (CAST(:after AS uuid) IS NULL OR t.id > CAST(:after AS uuid))
        ORDER BY t.id LIMIT :limit FOR NO KEY UPDATE))
    RETURNING t.id
    """
)


async def erase_agent_tasks(
    connection: AsyncConnection, agent_id: int, *, after: TaskId | None, limit: int
) -> list[TaskId]:
    """Do the same for an agent's tasks without a document, in the order of ids; returns the ids, ``limit`` at most.

    ``after`` is the last id of the former call.
    """
    parameters = {"agent_id": agent_id, "after": after, "limit": limit}
    erased = [TaskId(task_id) for task_id in (await connection.execute(ERASE_AGENT_TASKS, parameters)).scalars()]
    await erase_parts_of_tasks(connection, erased)
    return erased


_ERASE_PROFILE_TASKS = _erase(
    all_locked(
        f"""t.agent_id = :agent_id AND t.document_id IS NULL AND t.name = '{TaskName.ENRICH_PROFILE}'
            AND t.arguments @> jsonb_build_object('profile_id', CAST(:profile_id AS bigint)) AND {_IS_FINAL}"""
    )
)


async def erase_profile_tasks(connection: AsyncConnection, agent_id: int, profile_id: int) -> list[TaskId]:
    """Remove names and text from the ended enrichments of a customer profile; returns their ids."""
    given = {"agent_id": agent_id, "profile_id": profile_id}
    return [task.id for task in await fetch_tasks(connection, _ERASE_PROFILE_TASKS, **given)]


_IS_GONE = "CAST({0} ->> 'document_id' AS bigint) = ANY (CAST(:document_ids AS bigint[]))"

# A refusal has no references, but may list sentences that a language model made from any document.
_ERASE_ANSWERS = text(
    f"""
    UPDATE tasks AS t
    SET version = t.version + 1,
        result = (t.result - 'unsupported') || CASE WHEN t.result -> 'references' = '[]' THEN '{{}}' ELSE :erased END
    WHERE t.id = ANY (ARRAY(
        SELECT t.id FROM tasks AS t
        WHERE t.agent_id = :agent_id AND t.document_id IS NULL AND t.name = '{TaskName.ANSWER_QUESTION}'
            AND {_IS_FINAL} AND (
                t.result -> 'references' = '[]' AND t.result -> 'unsupported' <> '[]'
                OR EXISTS (
                    SELECT FROM unnest(CAST(:document_ids AS bigint[])) AS gone (id)
                    WHERE t.result -> 'references' @> jsonb_build_array(jsonb_build_object('document_id', gone.id))))
        ORDER BY t.id FOR NO KEY UPDATE))
    RETURNING t.id
    """
).bindparams(bindparam("erased", type_=JSONB))


async def erase_answers(connection: AsyncConnection, agent_id: int, document_ids: Sequence[int]) -> list[TaskId]:
    """Remove the answers of an agent that quote these documents; returns their tasks, which stay with the questions.

    Also removes the parts of these answers and of unfinished ones, and the unsupported sentences of refusals.
    """
    await erase_parts(connection, agent_id, document_ids)
    erased = {"answer": "A document that this answer quoted is deleted.", "references": []}
    parameters = {"agent_id": agent_id, "document_ids": list(document_ids), "erased": erased}
    return [TaskId(task_id) for task_id in (await connection.execute(_ERASE_ANSWERS, parameters)).scalars()]


_ERASE_FAILURES = text(
    f"""
    UPDATE tasks AS t
    SET version = t.version + 1, result = jsonb_set(t.result, '{{failures}}', (
        SELECT jsonb_agg(
            CASE WHEN {_IS_GONE.format("f.entry")} THEN f.entry || '{{"filename": null, "message": null}}'
                 ELSE f.entry END ORDER BY f.place)
        FROM jsonb_array_elements(t.result -> 'failures') WITH ORDINALITY AS f (entry, place)))
    WHERE t.id = ANY (ARRAY(
        SELECT p.id FROM tasks AS p
        WHERE p.id IN (
                SELECT c.parent_id FROM tasks AS c
                WHERE c.document_id = ANY (CAST(:document_ids AS bigint[])) AND c.state = '{State.FAILURE}')
            AND jsonb_typeof(p.result -> 'failures') = 'array' AND p.result -> 'failures' <> '[]'
        ORDER BY p.id FOR NO KEY UPDATE))
    RETURNING t.id
    """
)


async def erase_failures(connection: AsyncConnection, document_ids: Sequence[int]) -> list[TaskId]:
    """Remove the names of these documents from the results of batches, archives and crawls; returns these tasks."""
    parameters = {"document_ids": list(document_ids)}
    return [TaskId(task_id) for task_id in (await connection.execute(_ERASE_FAILURES, parameters)).scalars()]


_ERASE_ADDRESSES = text(
    """
    DELETE FROM crawl_urls AS u USING tasks AS page
    WHERE page.document_id = ANY (CAST(:document_ids AS bigint[])) AND u.task_id = page.parent_id
        AND (u.url = ANY (CAST(:urls AS text[])) OR u.taken_by = page.id)
        AND EXISTS (SELECT FROM tasks AS crawl WHERE crawl.id = u.task_id AND crawl.completed_at IS NOT NULL)
    """
)


async def erase_addresses(connection: AsyncConnection, document_ids: Sequence[int], urls: Sequence[str]) -> None:
    """Remove the addresses of these pages from the crawls that have ended. A running crawl would read them again."""
    await connection.execute(_ERASE_ADDRESSES, {"document_ids": list(document_ids), "urls": list(urls)})


# An answer that began before the deletion may still quote the document, and so may an enrichment of a customer profile.
# Two tasks that delete it must not wait for each other: upkeep submits one if the first was cancelled, and that one may
# be queued again.
_MUST_WAIT = text(
    f"""
    SELECT EXISTS (
        SELECT FROM tasks AS t
        WHERE t.document_id = :document_id AND t.name <> '{TaskName.DELETE_DOCUMENT}' AND t.state IN ({quoted(ACTIVE)})
    ) OR EXISTS (
        SELECT FROM tasks AS t JOIN documents AS d ON d.id = :document_id
        WHERE t.agent_id = d.agent_id AND t.state IN ({quoted(RUNNING)}) AND t.started_at <= d.deleted_at
            AND (t.name = '{TaskName.ANSWER_QUESTION}'
                OR t.name = '{TaskName.ENRICH_PROFILE}' AND t.arguments ->> 'source' = 'documents')
    )
    """
)


async def is_in_use(connection: AsyncConnection, document_id: int) -> bool:
    """Return whether a task may still write something about a deleted document."""
    return bool((await connection.execute(_MUST_WAIT, {"document_id": document_id})).scalar_one())


_AGENT_IN_USE = text(
    f"""
    SELECT count(*) FROM tasks AS t
    WHERE t.agent_id = :agent_id AND t.id <> :task_id AND t.state IN ({quoted(RUNNING)}, '{State.EXPANDED}')
    """
)


async def count_in_use(connection: AsyncConnection, agent_id: int, task_id: TaskId) -> int:
    """Count the tasks of a deleted agent, other than ``task_id``, that are running or wait for their children."""
    return int((await connection.execute(_AGENT_IN_USE, {"agent_id": agent_id, "task_id": task_id})).scalar_one())
