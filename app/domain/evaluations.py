"""Question sets as they are stored, evaluations, and their results."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.questions import Question


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A question set. ``unanswerable`` counts the questions that the documents do not answer."""

    id: int
    organization_id: int
    agent_id: int
    name: str
    questions: int
    unanswerable: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NumberedQuestion:
    """A question of a set, and its number in it, from 1."""

    number: int
    question: Question


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation: what was evaluated, and the summary once all questions are.

    Attributes:
        request: ``modes``, ``top_k``, ``ask``, ``filter``, and the ``reranker`` in force.
        index: ``id``, ``store``, ``provider``, ``model``, ``dimensions`` of the vector index.
        settings: The agent's chunk settings when it began.
        version: The version of Sluice.
    """

    id: int
    organization_id: int
    agent_id: int
    question_set_id: int
    task_id: UUID | None
    request: Mapping[str, Any]
    index: Mapping[str, Any]
    settings: Mapping[str, Any]
    version: str
    summary: Mapping[str, Any] | None
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """The result of one question.

    Attributes:
        number: The question's number in its set.
        ndcg: The mean of the modes' nDCG@10; None for a question that expects nothing.
        is_right: Whether it was answered or refused as expected; None if it was not asked.
        measures: ``modes`` (``ndcg``, ``recall``, ``reciprocal_rank``, ``ms`` by mode), ``ask``, ``missing``.
        found: The best results by mode.
    """

    number: int
    ndcg: float | None
    is_right: bool | None
    measures: Mapping[str, Any]
    found: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShownResult:
    """A question with its result. ``filenames`` names the documents that were found, by id, as far as they exist."""

    question: Question
    result: QuestionResult
    filenames: Mapping[int, str]
