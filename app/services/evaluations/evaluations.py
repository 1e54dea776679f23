"""Evaluations: submits, lists, shows, compares and deletes them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app import __version__
from app.db.engine import Database
from app.db.evaluations.evaluations import (
    delete_evaluation,
    get_evaluation,
    insert_evaluation,
    list_evaluations,
    list_measures,
    list_worst,
    list_wrong,
)
from app.domain.documents import DocumentStatus
from app.domain.errors import InvalidRequestError, NotFoundError
from app.domain.evaluations import Evaluation, QuestionSet, ShownResult
from app.domain.filters import read_filter
from app.domain.ids import TaskId, new_task_id
from app.domain.records import Agent, Listing
from app.domain.states import RUNNING, State
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.domain.vectors import VectorIndex
from app.ledger.read import list_states
from app.ledger.submit import submit
from app.services.evaluations.conditions import Difference, list_differences
from app.services.evaluations.question_sets import find_owner, find_question_set
from app.services.evaluations.summaries import ModeComparison, compare
from app.services.indexing.vectors import Vectors
from app.services.intake.backpressure import Backpressure
from app.services.queue.admission import Admission
from app.services.search.search import Mode

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What to evaluate.

    Attributes:
        question_set_id: The questions.
        modes: How to search.
        top_k: The number of results of each search.
        ask: Whether to answer each question, too.
        where: A filter of the searches.
    """

    question_set_id: int
    modes: Sequence[Mode]
    top_k: int = 10
    ask: bool = False
    where: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """An evaluation with the questions that did worst and, if requested, its comparison with another by mode.

    ``differences`` are the conditions that the two do not share.
    """

    evaluation: Evaluation
    status: DocumentStatus
    worst: Sequence[ShownResult]
    wrong: Sequence[ShownResult]
    comparison: Mapping[str, ModeComparison] | None
    differences: Sequence[Difference] | None


class Evaluations:
    """An agent's evaluations.

    Args:
        reranker: What they record of the reranker in force; None without one.
    """

    def __init__(
        self,
        database: Database,
        admission: Admission,
        backpressure: Backpressure,
        vectors: Vectors,
        reranker: Mapping[str, Any] | None,
    ) -> None:
        self._database = database
        self._admission = admission
        self._backpressure = backpressure
        self._vectors = vectors
        self._reranker = reranker

    async def begin(self, organization_id: int, agent_id: int, request: EvaluationRequest) -> tuple[Evaluation, Task]:
        """Submit an evaluation of the active index.

        Raises:
            BacklogFullError: when the agent has too many tasks waiting.
            QuotaExceededError, BudgetExceededError: when a limit is used up.
            InvalidRequestError: when the filter has another form than ``app.domain.filters`` reads.
            NotFoundError: when the organization has no such agent, or the agent no such question set.
        """
        if request.where:
            read_filter(request.where)
        index = await self._vectors.get_active()
        task_id = new_task_id()
        async with self._backpressure.admit(organization_id, agent_id), self._database.transaction() as connection:
            agent = await find_owner(connection, organization_id, agent_id)
            question_set = await find_question_set(connection, agent_id, request.question_set_id, lock=True)
            evaluation = await add_evaluation(connection, agent, question_set, index, task_id, request, self._reranker)
            arguments = {"evaluation_id": evaluation.id}
            task = await submit(
                connection,
                NewTask(organization_id, agent_id, TaskName.EVALUATE, Queue.LOW, arguments=arguments, id=task_id),
            )
        self._admission.nudge(Queue.LOW)
        return evaluation, task

    async def list(
        self, organization_id: int, agent_id: int, *, limit: int, after: int | None
    ) -> tuple[Listing[Evaluation], dict[int, DocumentStatus]]:
        """An agent's evaluations, the newest first, and the status of each by its id.

        Raises:
            NotFoundError: when the organization has no such agent.
        """
        async with self._database.statement() as connection:
            await find_owner(connection, organization_id, agent_id)
            listing = await list_evaluations(connection, agent_id, limit=limit, after=after)
            return listing, await _read_statuses(connection, listing.items)

    async def show(
        self, organization_id: int, agent_id: int, evaluation_id: int, compared_with: int | None = None
    ) -> EvaluationReport:
        """An evaluation with its worst questions, and its comparison with an earlier one.

        Raises:
            NotFoundError: when the organization has no such agent, or the agent no such evaluation.
            InvalidRequestError: when the other evaluation has another question set, or no mode in common.
        """
        async with self._database.statement() as connection:
            await find_owner(connection, organization_id, agent_id)
            evaluation = await _find(connection, agent_id, evaluation_id)
            other = None if compared_with is None else await _find(connection, agent_id, compared_with)
            return EvaluationReport(
                evaluation,
                (await _read_statuses(connection, [evaluation]))[evaluation.id],
                await list_worst(connection, evaluation.id, _SHOWN),
                await list_wrong(connection, evaluation.id, _SHOWN),
                await _compare(connection, other, evaluation) if other else None,
                list_differences(other, evaluation) if other else None,
            )

    async def delete(self, organization_id: int, agent_id: int, evaluation_id: int) -> None:
        """Delete an evaluation. Its task, if it still runs, ends.

        Raises:
            NotFoundError: when the organization has no such agent, or the agent no such evaluation.
        """
        async with self._database.statement() as connection:
            await find_owner(connection, organization_id, agent_id)
            await delete_evaluation(connection, (await _find(connection, agent_id, evaluation_id)).id)


async def add_evaluation(
    connection: AsyncConnection,
    agent: Agent,
    question_set: QuestionSet,
    index: VectorIndex,
    task_id: TaskId,
    request: EvaluationRequest,
    reranker: Mapping[str, Any] | None,
) -> Evaluation:
    """Add the evaluation that a task runs, with everything that its figures depend on.

    ``reranker`` describes the reranker in force.
    """
    settings = asdict(agent.settings)
    model = index.embedding
    return await insert_evaluation(
        connection,
        organization_id=agent.organization_id,
        agent_id=agent.id,
        question_set_id=question_set.id,
        task_id=task_id,
        request={
            "questions": question_set.questions,
            "modes": list(request.modes),
            "top_k": request.top_k,
            "ask": request.ask,
            "filter": request.where,
            "reranker": reranker,
        },
        index={
            "id": index.id,
            "store": index.store,
            "provider": model.provider,
            "model": model.model,
            "dimensions": model.dimensions,
        },
        settings={name: settings[name] for name in ("chunk_size", "chunk_overlap", "chunker")},
        version=__version__,
    )


async def _find(connection: AsyncConnection, agent_id: int, evaluation_id: int) -> Evaluation:
    found = await get_evaluation(connection, evaluation_id)
    if found is None or found.agent_id != agent_id:
        raise NotFoundError(f"The agent has no evaluation {evaluation_id}.")
    return found


async def _compare(connection: AsyncConnection, before: Evaluation, after: Evaluation) -> dict[str, ModeComparison]:
    if before.question_set_id != after.question_set_id:
        raise InvalidRequestError("Must be an evaluation of the same question set.", field="query.compare")
    modes = [mode for mode in after.request["modes"] if mode in before.request["modes"]]
    if not modes:
        raise InvalidRequestError("Must be an evaluation with one of the same modes.", field="query.compare")
    return compare(await list_measures(connection, before.id), await list_measures(connection, after.id), modes)


async def _read_statuses(connection: AsyncConnection, listed: Sequence[Evaluation]) -> dict[int, DocumentStatus]:
    """The status of evaluations: that of the task, until all results are summarised."""
    states = await list_states(connection, [one.task_id for one in listed if one.task_id and not one.completed_at])
    return {one.id: _name_status(one, states) for one in listed}


def _name_status(evaluation: Evaluation, states: Mapping[Any, State]) -> DocumentStatus:
    if evaluation.completed_at:
        return DocumentStatus.COMPLETED
    state = states.get(evaluation.task_id)  # none: retention has deleted the task, which did not succeed
    if state in RUNNING:
        return DocumentStatus.PROCESSING
    if state is State.REVOKED:
        return DocumentStatus.CANCELLED
    return DocumentStatus.FAILED if state is None or state is State.FAILURE else DocumentStatus.QUEUED
