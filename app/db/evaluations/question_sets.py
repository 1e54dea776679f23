"""Queries on question sets."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.paging import list_rows
from app.db.tables.evaluations import question_sets, questions
from app.domain.evaluations import NumberedQuestion, QuestionSet
from app.domain.questions import Question
from app.domain.records import Listing


def _numbered(row: Any) -> NumberedQuestion:
    return NumberedQuestion(row.number, read_question(row.question, row.expected))


def read_question(question: str, expected: Mapping[str, Any]) -> Question:
    """A question from its columns."""
    documents, quotes = tuple(expected["documents"]), tuple(expected["quotes"])
    return Question(question, documents, quotes, expected["answerable"])


# Locked, so that the deletion of the agent, which hides it first, finds the set.
_INSERT_SET = text("""
    INSERT INTO question_sets (organization_id, agent_id, name, questions, unanswerable)
    SELECT a.organization_id, a.id, :name, :questions, :unanswerable
    FROM (SELECT organization_id, id FROM agents
          WHERE id = CAST(:agent_id AS bigint) AND organization_id = CAST(:organization_id AS bigint)
              AND deleted_at IS NULL FOR SHARE) AS a
    RETURNING *
""")


async def insert_question_set(
    connection: AsyncConnection, organization_id: int, agent_id: int, name: str, given: Sequence[Question]
) -> QuestionSet | None:
    """Add a set with its questions; None when the organization has no such agent."""
    parameters = {
        "organization_id": organization_id,
        "agent_id": agent_id,
        "name": name,
        "questions": len(given),
        "unanswerable": sum(not question.answerable for question in given),
    }
    row = (await connection.execute(_INSERT_SET, parameters)).one_or_none()
    if row is None:
        return None
    numbered = [
        {"question_set_id": row.id, "number": number, "question": question.text, "expected": question.expected}
        for number, question in enumerate(given, 1)
    ]
    await connection.execute(insert(questions), numbered)
    return _question_set(row)


async def list_question_sets(
    connection: AsyncConnection, agent_id: int, *, limit: int, after: int | None
) -> Listing[QuestionSet]:
    """An agent's question sets, the newest first."""
    conditions = [question_sets.c.agent_id == agent_id]
    return await list_rows(connection, question_sets, conditions, _question_set, limit=limit, after=after)


async def get_question_set(connection: AsyncConnection, set_id: int, *, lock: bool = False) -> QuestionSet | None:
    """One question set; with ``lock``, it is not deleted until the transaction ends."""
    query = select(question_sets).where(question_sets.c.id == set_id)
    query = query.with_for_update(read=True, key_share=True) if lock else query
    row = (await connection.execute(query)).one_or_none()
    return _question_set(row) if row else None


def _question_set(row: Any) -> QuestionSet:
    return QuestionSet(**row._mapping)  # noqa: SLF001 - the public name of SQLAlchemy


async def list_questions(
    connection: AsyncConnection, set_id: int, *, limit: int, after: int | None
) -> list[NumberedQuestion]:
    """The questions of a set after a number, in order."""
    query = select(questions).where(questions.c.question_set_id == set_id, questions.c.number > (after or 0))
    rows = await connection.execute(query.order_by(questions.c.number).limit(limit))
    return [_numbered(row) for row in rows]


async def delete_question_set(connection: AsyncConnection, set_id: int) -> None:
    """Delete a set with its questions and evaluations."""
    await connection.execute(delete(question_sets).where(question_sets.c.id == set_id))


_REMOVE_SETS = text("""
    DELETE FROM question_sets WHERE id = ANY (ARRAY(
        SELECT id FROM question_sets WHERE agent_id = CAST(:agent_id AS bigint) ORDER BY id LIMIT :limit))
""")


async def remove_question_sets(connection: AsyncConnection, agent_id: int, limit: int) -> int:
    """Delete question sets of a deleted agent, with their evaluations; returns how many."""
    return (await connection.execute(_REMOVE_SETS, {"agent_id": agent_id, "limit": limit})).rowcount


# A file name may belong to several documents.
_RESOLVE = text("""
    SELECT id, filename, source_url FROM documents
    WHERE agent_id = CAST(:agent_id AS bigint) AND deleted_at IS NULL
        AND (id = ANY (CAST(:ids AS bigint[])) OR filename = ANY (CAST(:names AS text[]))
            OR source_url = ANY (CAST(:names AS text[])))
""")


async def resolve_documents(
    connection: AsyncConnection, agent_id: int, documents: Sequence[int | str]
) -> dict[int | str, set[int]]:
    """The ids of the documents that each id, file name or source URL stands for; none for one that is unknown."""
    names = [entry for entry in documents if isinstance(entry, str)]
    parameters = {"agent_id": agent_id, "ids": [entry for entry in documents if isinstance(entry, int)], "names": names}
    found: dict[int | str, set[int]] = {entry: set() for entry in documents}
    for row in await connection.execute(_RESOLVE, parameters):
        for entry in (row.id, row.filename, row.source_url):
            if entry in found:
                found[entry].add(row.id)
    return found
