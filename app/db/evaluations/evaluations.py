"""Queries on evaluations and their results."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.evaluations.question_sets import read_question
from app.db.paging import list_rows
from app.db.tables.evaluations import evaluation_results, evaluations
from app.domain.evaluations import Evaluation, NumberedQuestion, QuestionResult, ShownResult
from app.domain.records import Listing


def _evaluation(row: Any) -> Evaluation:
    return Evaluation(**row._mapping)  # noqa: SLF001 - the public name of SQLAlchemy


async def insert_evaluation(connection: AsyncConnection, **values: Any) -> Evaluation:
    """Add an evaluation. The caller has checked that the question set exists."""
    return _evaluation((await connection.execute(insert(evaluations).values(values).returning(*evaluations.c))).one())


async def list_evaluations(
    connection: AsyncConnection, agent_id: int, *, limit: int, after: int | None
) -> Listing[Evaluation]:
    """An agent's evaluations, the newest first."""
    conditions = [evaluations.c.agent_id == agent_id]
    return await list_rows(connection, evaluations, conditions, _evaluation, limit=limit, after=after)


async def get_evaluation(connection: AsyncConnection, evaluation_id: int) -> Evaluation | None:
    """One evaluation."""
    row = (await connection.execute(select(evaluations).where(evaluations.c.id == evaluation_id))).one_or_none()
    return _evaluation(row) if row else None


async def lock_evaluation(connection: AsyncConnection, evaluation_id: int) -> bool:
    """Keep an evaluation from being deleted until the transaction ends; False when it does not exist."""
    query = select(evaluations.c.id).where(evaluations.c.id == evaluation_id)
    return (await connection.execute(query.with_for_update(read=True, key_share=True))).one_or_none() is not None


async def find_evaluation(connection: AsyncConnection, task_id: UUID, index_id: int) -> Evaluation | None:
    """The evaluation of an index that a task has begun."""
    query = select(evaluations).where(
        evaluations.c.task_id == task_id, evaluations.c.index["id"].as_integer() == index_id
    )
    row = (await connection.execute(query)).one_or_none()
    return _evaluation(row) if row else None


async def delete_evaluation(connection: AsyncConnection, evaluation_id: int) -> None:
    """Delete an evaluation with its results."""
    await connection.execute(delete(evaluations).where(evaluations.c.id == evaluation_id))


_TO_EVALUATE = text("""
    SELECT q.number, q.question, q.expected FROM evaluations AS e
    JOIN questions AS q ON q.question_set_id = e.question_set_id
    WHERE e.id = CAST(:evaluation_id AS bigint) AND NOT EXISTS (
        SELECT FROM evaluation_results AS r WHERE r.evaluation_id = e.id AND r.number = q.number)
    ORDER BY q.number LIMIT :limit
""")


async def list_to_evaluate(connection: AsyncConnection, evaluation_id: int, limit: int) -> list[NumberedQuestion]:
    """The next questions without a result."""
    rows = await connection.execute(_TO_EVALUATE, {"evaluation_id": evaluation_id, "limit": limit})
    return [NumberedQuestion(row.number, read_question(row.question, row.expected)) for row in rows]


async def insert_results(connection: AsyncConnection, evaluation_id: int, results: Sequence[QuestionResult]) -> None:
    """Add results. A question that has one keeps it."""
    rows = [
        {
            "evaluation_id": evaluation_id,
            "number": result.number,
            "ndcg": result.ndcg,
            "is_right": result.is_right,
            "measures": result.measures,
            "found": result.found,
        }
        for result in results
    ]
    await connection.execute(upsert(evaluation_results).on_conflict_do_nothing(), rows)


async def list_measures(connection: AsyncConnection, evaluation_id: int) -> dict[int, Mapping[str, Any]]:
    """The measures of each question, by its number."""
    query = select(evaluation_results.c.number, evaluation_results.c.measures).where(
        evaluation_results.c.evaluation_id == evaluation_id
    )
    rows = await connection.execute(query.order_by(evaluation_results.c.number))
    return {row.number: row.measures for row in rows}


async def count_results(connection: AsyncConnection, evaluation_id: int) -> int:
    """The number of questions that have a result."""
    query = select(func.count()).where(evaluation_results.c.evaluation_id == evaluation_id)
    return int((await connection.execute(query)).scalar_one())


_COMPLETE = (
    update(evaluations)
    .where(evaluations.c.id == bindparam("evaluation_id"), evaluations.c.summary.is_(None))
    .values(summary=bindparam("result", type_=JSONB), completed_at=func.now())
)


async def complete_evaluation(connection: AsyncConnection, evaluation_id: int, summary: Mapping[str, Any]) -> None:
    """Record the summary of an evaluation, unless it has one."""
    await connection.execute(_COMPLETE, {"evaluation_id": evaluation_id, "result": dict(summary)})


_WORST = """
    SELECT r.*, q.question, q.expected,
        (SELECT jsonb_object_agg(d.id, d.filename) FROM documents AS d
         WHERE d.agent_id = e.agent_id AND d.deleted_at IS NULL AND d.id IN (
            SELECT CAST(hit ->> 'document_id' AS bigint)
            FROM jsonb_each(r.found) AS by_mode, jsonb_array_elements(by_mode.value) AS hit)) AS filenames
    FROM evaluations AS e
    JOIN evaluation_results AS r ON r.evaluation_id = e.id
    JOIN questions AS q ON q.question_set_id = e.question_set_id AND q.number = r.number
    WHERE e.id = CAST(:evaluation_id AS bigint)
"""
_WORST_FOUND = text(f"{_WORST} AND r.ndcg < 1 ORDER BY r.ndcg, r.number LIMIT :limit")


async def list_worst(connection: AsyncConnection, evaluation_id: int, limit: int) -> list[ShownResult]:
    """The questions with the lowest nDCG below 1, the lowest first."""
    rows = await connection.execute(_WORST_FOUND, {"evaluation_id": evaluation_id, "limit": limit})
    return [_shown(row) for row in rows]


_WRONG = text(f"{_WORST} AND NOT r.is_right ORDER BY r.number LIMIT :limit")


async def list_wrong(connection: AsyncConnection, evaluation_id: int, limit: int) -> list[ShownResult]:
    """Questions that were answered and should not have been, or the other way round."""
    return [_shown(row) for row in await connection.execute(_WRONG, {"evaluation_id": evaluation_id, "limit": limit})]


def _shown(row: Any) -> ShownResult:
    result = QuestionResult(row.number, row.ndcg, row.is_right, row.measures, row.found)
    names = {int(number): name for number, name in (row.filenames or {}).items()}
    return ShownResult(read_question(row.question, row.expected), result, names)
