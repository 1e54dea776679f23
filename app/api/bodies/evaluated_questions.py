"""An evaluation with its worst questions, and its comparison with another."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field

from app.api.bodies.evaluations import EVALUATION, EvaluationBody, QuestionBody, make_fields
from app.api.bodies.fields import ChunkPage, DocumentId, End, Start, example
from app.domain.evaluations import NumberedQuestion, ShownResult
from app.services.evaluations.evaluations import EvaluationReport
from app.services.evaluations.summaries import ModeComparison

_FOUND = {
    "document_id": 124,
    "filename": "tariffs.pdf",
    "page": 2,
    "start": 800,
    "end": 1764,
    "score": 0.61,
    "relevant": False,
}
_RESULT = {
    "number": 4,
    "question": "Which gate closes first?",
    "documents": ["harbour.pdf"],
    "quotes": [],
    "answerable": True,
    "ndcg": {"hybrid": 0.0},
    "missing_documents": 0,
    "answered": None,
    "found": {"hybrid": [_FOUND]},
}
_CHANGE = {"number": 4, "before": 1.0, "after": 0.0}
_DIFFERENCE = {"name": "index.model", "before": "wordllama", "after": "minilm"}
_COMPARISON = {
    "questions": 30,
    "before": 0.79,
    "after": 0.81,
    "wins": 6,
    "losses": 4,
    "chance": 0.7539,
    "hint": "No clear difference: nDCG@10 rose for 6 questions and fell for 4; chance can explain this (p = 0.75).",
    "changes": [_CHANGE],
}


class FoundPlace(BaseModel):
    """A result of a search: a place in a document."""

    model_config = example(_FOUND)

    document_id: DocumentId
    filename: str | None = Field(description="The document's file name; null if the document was deleted.")
    page: ChunkPage
    start: Start
    end: End
    score: float = Field(description="The score of the search.")
    relevant: bool = Field(description="Whether it is, or has, what the question expects.")


class EvaluatedQuestion(QuestionBody):
    """A question with its result."""

    model_config = example(_RESULT)

    ndcg: dict[str, float] = Field(description="nDCG@10 by mode.")
    missing_documents: int = Field(description="How many expected documents the agent lacks.")
    answered: bool | None = Field(description="Whether it was answered; null if it was not asked.")
    found: dict[str, list[FoundPlace]] = Field(description="The five best results by mode, best first.")

    @classmethod
    def of_result(cls, shown: ShownResult) -> "EvaluatedQuestion":
        """Convert a result."""
        result, measures = shown.result, shown.result.measures
        question = QuestionBody.of(NumberedQuestion(result.number, shown.question))
        found = {
            mode: [{**hit, "filename": shown.filenames.get(hit["document_id"])} for hit in hits]
            for mode, hits in result.found.items()
        }
        return cls.model_validate(
            {
                **question.model_dump(),
                "ndcg": {mode: one["ndcg"] for mode, one in measures["modes"].items()},
                "missing_documents": measures["missing"],
                "answered": measures["ask"] and measures["ask"]["answered"],
                "found": found,
            }
        )


class ChangedQuestion(BaseModel):
    """A question whose nDCG differs between two evaluations."""

    model_config = example(_CHANGE)

    number: int = Field(description="Its number in the set.")
    before: float = Field(description="nDCG@10 in the other evaluation.")
    after: float = Field(description="nDCG@10 in this one.")


class ComparisonBody(BaseModel):
    """One mode in two evaluations, question by question."""

    model_config = example(_COMPARISON)

    questions: int = Field(description="The questions that both measured.")
    before: float = Field(description="The mean nDCG@10 of the other evaluation.")
    after: float = Field(description="The mean nDCG@10 of this one.")
    wins: int = Field(description="The questions that are better in this one.")
    losses: int = Field(description="The questions that are worse in this one.")
    chance: float = Field(
        description="How probable so uneven wins and losses are if both are equally good (sign test, two-sided)."
    )
    hint: str = Field(description="What that means.")
    changes: list[ChangedQuestion] = Field(description="The questions that changed most, losses first.")

    @classmethod
    def of(cls, compared: ModeComparison) -> "ComparisonBody":
        """Convert a comparison."""
        return cls(hint=compared.hint, **asdict(compared))


class DifferenceBody(BaseModel):
    """A condition that differs between two evaluations."""

    model_config = example(_DIFFERENCE)

    name: str = Field(description="Such as `index.model`, `reranker`, `settings.chunk_size`, `top_k`, `version`.")
    before: Any = Field(description="Its value in the other evaluation; null for none.")
    after: Any = Field(description="Its value in this one; null for none.")


class EvaluationReportBody(EvaluationBody):
    """An evaluation with the questions that did worst."""

    model_config = example(
        {**EVALUATION, "worst": [_RESULT], "wrong_answers": [], "comparison": None, "differences": None}
    )

    worst: list[EvaluatedQuestion] = Field(description="The ten questions with the lowest nDCG@10 below 1.")
    wrong_answers: list[EvaluatedQuestion] = Field(
        description="Ten questions that were refused though answerable, or answered though not."
    )
    comparison: dict[str, ComparisonBody] | None = Field(description="With `compare`: the comparison by mode.")
    differences: list[DifferenceBody] | None = Field(
        description="With `compare`: the conditions that differ, which may explain a change."
    )

    @classmethod
    def of_report(cls, report: EvaluationReport) -> "EvaluationReportBody":
        """Convert a report."""
        return cls.model_validate(
            {
                **make_fields(report.evaluation, report.status),
                "worst": _list_questions(report.worst),
                "wrong_answers": _list_questions(report.wrong),
                "comparison": _list_comparisons(report.comparison),
                "differences": report.differences and [asdict(one) for one in report.differences],
            }
        )


def _list_questions(shown: Sequence[ShownResult]) -> list[EvaluatedQuestion]:
    return [EvaluatedQuestion.of_result(one) for one in shown]


def _list_comparisons(compared: Mapping[str, ModeComparison] | None) -> dict[str, Any] | None:
    return {mode: ComparisonBody.of(one) for mode, one in compared.items()} if compared is not None else None
