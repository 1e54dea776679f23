"""Decisions about new indexes: evaluates the active index and the new one with the same questions, and compares."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.evaluations.evaluations import complete_evaluation, find_evaluation, list_measures
from app.db.evaluations.question_sets import get_question_set
from app.db.tenants.agents import get_agent
from app.db.vectors.calibrations import get_calibrations
from app.db.vectors.gates import decide_gate, get_gate
from app.domain.errors import ConflictError, RetryLaterError
from app.domain.evaluations import Evaluation
from app.domain.identity import Access
from app.domain.tasks import Progress
from app.domain.vectors import IndexGate, VectorIndex
from app.services.evaluations.evaluations import EvaluationRequest, add_evaluation
from app.services.evaluations.runs import EvaluationRuns
from app.services.evaluations.summaries import ModeComparison, compare
from app.services.indexing.vectors import Vectors
from app.services.queue.attempts import Outcome, RunningAttempt
from app.services.search.search import Mode

_MODE: Mode = "hybrid"
_ROUNDING = 1e-9
_RETRY_SECONDS = 5.0
_LONGEST_WAIT = timedelta(minutes=15)
_SET_DELETED = "The question set was deleted before the new index was evaluated."


@dataclass(frozen=True, slots=True)
class _Pair:
    """The evaluations of the active index and of the new one."""

    old: Evaluation
    new: Evaluation


class IndexDecisions:
    """Decides whether a new index is good enough. The evaluations record ``reranker`` as the one in force."""

    def __init__(
        self, database: Database, runs: EvaluationRuns, vectors: Vectors, reranker: Mapping[str, Any] | None
    ) -> None:
        self._database = database
        self._runs = runs
        self._vectors = vectors
        self._reranker = reranker

    async def decide(self, attempt: RunningAttempt) -> Outcome:
        """Evaluate both indexes and record the decision, which the next turn of upkeep carries out.

        Raises:
            RetryLaterError: to let other tasks use the slot after four minutes, or until the new index is calibrated.
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        index_id = attempt.task.arguments["index_id"]
        async with self._database.statement() as connection:
            gate = await get_gate(connection, index_id)
        building = await self._vectors.get(index_id)
        if gate is None or gate.accepted is not None or building is None:
            return Outcome({"index_id": index_id}, "There is nothing to decide any more")
        try:
            pair = await self._evaluate(attempt, gate, building)
        except ConflictError:  # abandoned in the meantime
            return Outcome({"index_id": index_id}, "The index was abandoned")
        return await self._conclude(gate, building, pair)

    async def _evaluate(self, attempt: RunningAttempt, gate: IndexGate, building: VectorIndex) -> _Pair | None:
        """Evaluate both indexes; None when the question set was deleted."""
        active = await self._vectors.get_active()
        await self._check_calibration(attempt, active, building)
        pair = await self._find_pair(attempt, gate, active, building)
        if pair and await self._runs.ask_all(attempt, pair.old, 0, 50):
            return pair if await self._runs.ask_all(attempt, pair.new, 50, 99) else None
        return None

    async def _check_calibration(self, attempt: RunningAttempt, active: VectorIndex, building: VectorIndex) -> None:
        """Wait until the new index is calibrated for the agent, if the active one is: else only one of them would be.

        A task calibrates it. If that has not succeeded in a quarter of an hour, the index is evaluated as it is.

        Raises:
            RetryLaterError
        """
        task = attempt.task
        async with self._database.statement() as connection:
            old, new = [await get_calibrations(connection, index.id, [task.agent_id]) for index in (active, building)]
        if old and not new and datetime.now(UTC) < task.created_at + _LONGEST_WAIT:
            raise RetryLaterError("Waiting until the new index is calibrated", retry_after=_RETRY_SECONDS)

    async def _find_pair(
        self, attempt: RunningAttempt, gate: IndexGate, active: VectorIndex, building: VectorIndex
    ) -> _Pair | None:
        """The evaluations that this task has begun, or new ones."""
        task = attempt.task
        async with self._database.transaction() as connection:
            # A superseded attempt must not begin others.
            await attempt.report_within(connection, Progress("evaluate", 0, "Evaluating the active and the new index"))
            found = [await find_evaluation(connection, task.id, index.id) for index in (active, building)]
            if found[0] and found[1]:
                return _Pair(found[0], found[1])
            agent = await get_agent(connection, Access(task.organization_id), task.agent_id)
            questions = gate.question_set_id and await get_question_set(connection, gate.question_set_id, lock=True)
            if agent is None or not questions:
                return None
            request = EvaluationRequest(questions.id, [_MODE])
            old, new = [
                await add_evaluation(connection, agent, questions, index, task.id, request, self._reranker)
                for index in (active, building)
            ]
            return _Pair(old, new)

    async def _conclude(self, gate: IndexGate, building: VectorIndex, pair: _Pair | None) -> Outcome:
        if pair is None:
            accepted, reason = False, _SET_DELETED
        else:
            async with self._database.statement() as connection:
                measures = [await list_measures(connection, one.id) for one in (pair.old, pair.new)]
            compared = compare(measures[0], measures[1], [_MODE])[_MODE]
            accepted = compared.after >= compared.before - gate.tolerance - _ROUNDING
            reason = _explain(gate, building, pair, compared)
        summaries = [(one.id, await self._runs.summarise(one)) for one in ((pair.old, pair.new) if pair else ())]

        async def apply(connection: AsyncConnection) -> None:
            if gate.question_set_id:
                # Its deletion, which changes the same rows in another order, waits.
                await get_question_set(connection, gate.question_set_id, lock=True)
            for evaluation_id, summary in summaries:
                await complete_evaluation(connection, evaluation_id, summary)
            await decide_gate(connection, gate.index_id, accepted=accepted, reason=reason)

        status = f"{'Accepted' if accepted else 'Refused'}: {reason}"
        return Outcome({"index_id": gate.index_id, "accepted": accepted}, status, apply=apply)


def _explain(gate: IndexGate, building: VectorIndex, pair: _Pair, compared: ModeComparison) -> str:
    return (
        f"With {building.embedding} in {building.store}, nDCG@10 is {compared.after:.3f}, with the active index "
        f"{compared.before:.3f}; it may fall by {gate.tolerance:g}. {compared.hint} "
        f"Evaluations {pair.old.id} and {pair.new.id} of agent {pair.old.agent_id} show the questions."
    )
