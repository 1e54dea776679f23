"""Question sets: questions of an agent with what a search for each should find."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.evaluations.question_sets import (
    delete_question_set,
    get_question_set,
    insert_question_set,
    list_question_sets,
    list_questions,
)
from app.db.tenants.agents import get_agent
from app.domain.errors import NotFoundError
from app.domain.evaluations import NumberedQuestion, QuestionSet
from app.domain.identity import Access
from app.domain.questions import Question
from app.domain.records import Agent, Listing


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """A question set with some of its questions. ``next`` is the cursor of the next ones, None at the end."""

    question_set: QuestionSet
    questions: Sequence[NumberedQuestion]
    next: str | None


class QuestionSets:
    """Stores, lists and deletes question sets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, organization_id: int, agent_id: int, name: str, questions: Sequence[Question]
    ) -> QuestionSet:
        """Add a question set.

        Raises:
            NotFoundError: when the organization has no such agent.
        """
        async with self._database.transaction() as connection:
            added = await insert_question_set(connection, organization_id, agent_id, name, questions)
        if added is None:
            raise NotFoundError(f"Agent {agent_id} does not exist.")
        return added

    async def list(self, organization_id: int, agent_id: int, *, limit: int, after: int | None) -> Listing[QuestionSet]:
        """An agent's question sets, the newest first.

        Raises:
            NotFoundError: when the organization has no such agent.
        """
        async with self._database.statement() as connection:
            await find_owner(connection, organization_id, agent_id)
            return await list_question_sets(connection, agent_id, limit=limit, after=after)

    async def get(
        self, organization_id: int, agent_id: int, set_id: int, *, limit: int, after: int | None
    ) -> QuestionPage:
        """A question set with its questions after a number.

        Raises:
            NotFoundError: when the organization has no such agent, or the agent no such set.
        """
        async with self._database.statement() as connection:
            await find_owner(connection, organization_id, agent_id)
            found = await find_question_set(connection, agent_id, set_id)
            questions = await list_questions(connection, set_id, limit=limit + 1, after=after)
        cursor = str(questions[limit - 1].number) if len(questions) > limit else None
        return QuestionPage(found, questions[:limit], cursor)

    async def delete(self, organization_id: int, agent_id: int, set_id: int) -> None:
        """Delete a question set with its evaluations.

        Raises:
            NotFoundError: when the organization has no such agent, or the agent no such set.
        """
        async with self._database.statement() as connection:
            await find_owner(connection, organization_id, agent_id)
            await find_question_set(connection, agent_id, set_id)
            await delete_question_set(connection, set_id)


async def find_owner(connection: AsyncConnection, organization_id: int, agent_id: int) -> Agent:
    """The agent that owns question sets.

    Raises:
        NotFoundError: when the organization has no such agent.
    """
    agent = await get_agent(connection, Access(organization_id), agent_id)
    if agent is None:
        raise NotFoundError(f"Agent {agent_id} does not exist.")
    return agent


async def find_question_set(
    connection: AsyncConnection, agent_id: int, set_id: int, *, lock: bool = False
) -> QuestionSet:
    """A question set of an agent; with ``lock``, it is not deleted until the transaction ends.

    Raises:
        NotFoundError: when the agent has no such set.
    """
    found = await get_question_set(connection, set_id, lock=lock)
    if found is None or found.agent_id != agent_id:
        raise NotFoundError(f"The agent has no question set {set_id}.")
    return found
