"""Builds the services of ``app.services.evaluations``."""

from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.answers import AnswerServices
from app.bootstrap.builders.indexing import IndexingServices
from app.bootstrap.builders.intake import IntakeServices
from app.bootstrap.builders.queue import QueueServices
from app.bootstrap.builders.search import SearchServices
from app.services.evaluations.conditions import describe_reranker
from app.services.evaluations.evaluations import Evaluations
from app.services.evaluations.index_decisions import IndexDecisions
from app.services.evaluations.question_sets import QuestionSets
from app.services.evaluations.runs import EvaluationRuns
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class EvaluationServices:
    """``app.services.evaluations``."""

    evaluations: Evaluations
    runs: EvaluationRuns
    index_decisions: IndexDecisions
    question_sets: QuestionSets


def build_evaluations(
    settings: Settings,
    adapters: Adapters,
    queue: QueueServices,
    indexing: IndexingServices,
    intake: IntakeServices,
    search: SearchServices,
    answers: AnswerServices,
) -> EvaluationServices:
    """Build question sets, evaluations with them, and the decisions on new indexes."""
    database, vectors = adapters.database, indexing.vectors
    reranker = describe_reranker(adapters.reranker, settings.rerank_candidates)
    runs = EvaluationRuns(database, search.search, answers.answers, vectors)
    return EvaluationServices(
        evaluations=Evaluations(database, queue.admission, intake.backpressure, vectors, reranker),
        runs=runs,
        index_decisions=IndexDecisions(database, runs, vectors, reranker),
        question_sets=QuestionSets(database),
    )
