"""The task of an evaluation: asks each question of its set, and keeps what was found and how good it was.

A result is written once, with some others, in a transaction of a valid attempt. An attempt after a killed process goes
on with the questions that have none.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.evaluations.evaluations import (
    complete_evaluation,
    count_results,
    get_evaluation,
    insert_results,
    list_measures,
    list_to_evaluate,
    lock_evaluation,
)
from app.db.evaluations.question_sets import resolve_documents
from app.db.search.ranking import Hit
from app.db.usage.records import record_usage
from app.domain.counting import count_of
from app.domain.errors import ConflictError, RetryLaterError
from app.domain.evaluations import Evaluation, NumberedQuestion, QuestionResult
from app.domain.filters import read_filters
from app.domain.questions import Question
from app.domain.tasks import Progress, Task
from app.domain.usage import UsageKind, UsageRecord
from app.domain.vectors import Account, VectorIndex
from app.pipeline.ranking.metrics import measure_ndcg, measure_recall, measure_reciprocal_rank
from app.pipeline.ranking.relevance import Expected, Judgement, contains, fold, judge
from app.services.answers.answers import Answers
from app.services.evaluations.summaries import summarise
from app.services.indexing.vectors import Vectors
from app.services.queue.attempts import Outcome, RunningAttempt
from app.services.search.search import Mode, Search

ASK_TOP_K = 5
"""The passages of an answer, as many as ``POST /agents/{id}/ask`` uses by default."""
_AT_ONCE = 10
"""Questions whose results are written together; only one where each is answered, which may take long and cost money."""
_SLICE_SECONDS = 240.0
_FOUND = 5
_DIGITS = 6


class EvaluationRuns:
    """Runs evaluations."""

    def __init__(self, database: Database, search: Search, answers: Answers, vectors: Vectors) -> None:
        self._database = database
        self._search = search
        self._answers = answers
        self._vectors = vectors

    async def run(self, attempt: RunningAttempt) -> Outcome:
        """Evaluate the questions that have no result, then summarise all.

        Raises:
            ConflictError: when the index of the evaluation was replaced.
            RetryLaterError: to let other tasks use the slot after four minutes.
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        evaluation_id = attempt.task.arguments["evaluation_id"]
        async with self._database.statement() as connection:
            evaluation = await get_evaluation(connection, evaluation_id)
        if evaluation is None or not await self.ask_all(attempt, evaluation, 0, 99):
            return Outcome({"evaluation_id": evaluation_id}, "The evaluation was deleted")
        summary = await self.summarise(evaluation)

        async def apply(connection: AsyncConnection) -> None:
            await complete_evaluation(connection, evaluation.id, summary)

        status = f"Evaluated {count_of(summary['questions'], 'question')}"
        return Outcome({"evaluation_id": evaluation.id, "summary": summary}, status, apply=apply)

    async def ask_all(self, attempt: RunningAttempt, evaluation: Evaluation, begin: int, end: int) -> bool:
        """Evaluate the questions without a result; False when the evaluation was deleted in the meantime.

        ``begin`` and ``end`` are the progress of the task before and after it. The errors are those of ``run``.
        """
        until, at_once = time.monotonic() + _SLICE_SECONDS, 1 if evaluation.request["ask"] else _AT_ONCE
        async with self._database.statement() as connection:
            done = await count_results(connection, evaluation.id)
        while True:
            async with self._database.statement() as connection:
                questions = await list_to_evaluate(connection, evaluation.id, at_once)
            if not questions:
                return True
            index = await self._find_index(evaluation)
            results = [await self._ask(evaluation, index, question) for question in questions]
            done += len(results)
            status = f"Evaluated {count_of(done, 'question')} of {evaluation.request['questions']}"
            share = begin + (end - begin) * done // max(done, evaluation.request["questions"])
            async with self._database.transaction() as connection:
                await attempt.report_within(connection, Progress("evaluate", share, status))
                if not await lock_evaluation(connection, evaluation.id):
                    return False
                await insert_results(connection, evaluation.id, results)
                await record_usage(connection, [_count(attempt.task, results)])
            if time.monotonic() > until:
                raise RetryLaterError(f"{status}: continues after other tasks", retry_after=0.1)

    async def summarise(self, evaluation: Evaluation) -> dict[str, Any]:
        """The summary of an evaluation whose questions all have results."""
        async with self._database.statement() as connection:
            measures = await list_measures(connection, evaluation.id)
        return summarise(measures, evaluation.request["modes"], asked=evaluation.request["ask"])

    async def _find_index(self, evaluation: Evaluation) -> VectorIndex:
        """The index that the evaluation measures.

        Raises:
            ConflictError: when it was replaced.
        """
        index = await self._vectors.get(evaluation.index["id"])
        if index is None:
            raise ConflictError("The vector index was replaced while it was evaluated. Begin another evaluation.")
        return index

    async def _ask(self, evaluation: Evaluation, index: VectorIndex, asked: NumberedQuestion) -> QuestionResult:
        question, request = asked.question, evaluation.request
        async with self._database.statement() as connection:
            resolved = await resolve_documents(connection, evaluation.agent_id, question.documents)
        documents = [resolved[entry] for entry in question.documents]
        expected = Expected(documents, question.quotes)
        account = Account(evaluation.organization_id, evaluation.agent_id)
        modes, found = dict[str, Any](), dict[str, Any]()
        for mode in request["modes"]:
            began = time.perf_counter()
            hits = await self._find(account, question, request, mode, index, request["top_k"])
            milliseconds = _measure_time(began)
            judged = judge([(hit.document_id, hit.text) for hit in hits], expected)
            modes[mode] = {**_measure(judged), "ms": milliseconds}
            found[mode] = [_describe(*pair) for pair in zip(hits[:_FOUND], judged.flags, strict=False)]
        relevant = len(question.quotes or question.documents)
        measures = {
            "modes": modes,
            "ask": await self._answer(account, question, request, index) if request["ask"] else None,
            "answerable": question.answerable,
            "relevant": relevant,
            "missing": sum(not ids for ids in documents),
        }
        return QuestionResult(asked.number, _find_mean_ndcg(measures), _find_right(measures), measures, found)

    async def _find(
        self,
        account: Account,
        question: Question,
        request: Mapping[str, Any],
        mode: Mode,
        index: VectorIndex,
        top_k: int,
    ) -> Sequence[Hit]:
        return await self._search.find(
            account, question.text, top_k=top_k, mode=mode, where=read_filters(request["filter"]), index=index
        )

    async def _answer(
        self, account: Account, question: Question, request: Mapping[str, Any], index: VectorIndex
    ) -> dict[str, Any]:
        """Whether the question was answered, and whether a quote of the answer has an expected one."""
        began = time.perf_counter()
        hits = await self._find(account, question, request, "hybrid", index, ASK_TOP_K)
        answer = await self._answers.reply(account, question.text, hits)
        quotes = [fold(reference["quote"]) for reference in answer["references"]]
        quoted = any(contains(quote, fold(wanted)) for quote in quotes for wanted in question.quotes)
        return {
            "answered": answer["answered"],
            "quoted": quoted if question.quotes else None,
            "answered_by": answer.get("model") or answer["mode"],
            "ms": _measure_time(began),
        }


def _count(task: Task, results: Sequence[QuestionResult]) -> UsageRecord:
    """What the evaluation of questions has used, besides the tokens of providers."""
    account = task.organization_id, task.agent_id
    return UsageRecord(*account, UsageKind.EVALUATION, task_id=task.id, questions=len(results))


def _measure(judged: Judgement) -> dict[str, float]:
    return {
        "ndcg": round(measure_ndcg(judged.gains, [1.0] * judged.relevant), _DIGITS),
        "recall": round(measure_recall(judged.gains, judged.relevant), _DIGITS),
        "reciprocal_rank": round(measure_reciprocal_rank(judged.gains), _DIGITS),
    }


def _measure_time(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


def _describe(hit: Hit, relevant: bool) -> dict[str, Any]:
    """A result without its text, which would stay when the document is deleted."""
    place = {"document_id": hit.document_id, "page": hit.page, "start": hit.start, "end": hit.end}
    return {**place, "score": round(hit.score, 4), "relevant": relevant}


def _find_mean_ndcg(measures: Mapping[str, Any]) -> float | None:
    values = [mode["ndcg"] for mode in measures["modes"].values()]
    return sum(values) / len(values) if measures["relevant"] and values else None


def _find_right(measures: Mapping[str, Any]) -> bool | None:
    return None if measures["ask"] is None else measures["ask"]["answered"] == measures["answerable"]
