"""Bodies of requests and responses on question sets and evaluations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, field_validator

from app.api.bodies.evaluation_reports import SUMMARY, EvaluationSummary
from app.api.bodies.fields import AgentId, Next, Total, example
from app.api.bodies.tasks import ACCEPTED, TaskAccepted
from app.domain.documents import DocumentStatus
from app.domain.evaluations import Evaluation, NumberedQuestion, QuestionSet
from app.services.evaluations.evaluations import EvaluationRequest
from app.services.evaluations.question_sets import QuestionPage
from app.services.search.search import Mode

SetId = Annotated[int, Field(description="The question set's id.")]
_TIME = "2026-11-23T09:41:07.120Z"
_SET = {"id": 3, "agent_id": 1, "name": "Harbour", "question_count": 40, "unanswerable_count": 10, "created_at": _TIME}
_QUESTION = {
    "number": 1,
    "question": "What is the maximum draught at the Alder Gate?",
    "documents": ["harbour.pdf"],
    "quotes": [],
    "answerable": True,
}
_INDEX = {"id": 1, "store": "pgvector", "provider": "local", "model": "wordllama", "dimensions": 256}
_RERANKER = {"provider": "local", "model": "ms-marco-MiniLM-L6-v2", "candidates": 50}
_SETTINGS = {"chunk_size": 1000, "chunk_overlap": 200, "chunker": "sentence"}
EVALUATION = {
    "id": 7,
    "agent_id": 1,
    "question_set": 3,
    "status": "completed",
    "task_id": ACCEPTED["task_id"],
    "modes": ["hybrid"],
    "top_k": 10,
    "ask": False,
    "filter": None,
    "reranker": _RERANKER,
    "index": _INDEX,
    "settings": _SETTINGS,
    "version": "0.1.0",
    "summary": SUMMARY,
    "created_at": _TIME,
    "completed_at": _TIME,
}


class QuestionSetBody(BaseModel):
    """A set of questions."""

    model_config = example(_SET)

    id: SetId
    agent_id: AgentId
    name: str = Field(description="A name for people.")
    question_count: int = Field(description="The number of questions.")
    unanswerable_count: int = Field(description="The number of those that the documents do not answer.")
    created_at: datetime = Field(description="When it was stored.")

    @classmethod
    def of(cls, stored: QuestionSet) -> "QuestionSetBody":
        """Convert a question set."""
        counts = {"question_count": stored.questions, "unanswerable_count": stored.unanswerable}
        named = {name: getattr(stored, name) for name in ("id", "agent_id", "name", "created_at")}
        return cls.model_validate({**named, **counts})


class QuestionSetList(BaseModel):
    """A page of question sets."""

    model_config = example({"question_sets": [_SET], "total": 1, "next": None})

    question_sets: list[QuestionSetBody] = Field(description="The question sets, newest first.")
    total: Total
    next: Next


class QuestionBody(BaseModel):
    """A question and what a search for it should find."""

    model_config = example(_QUESTION)

    number: int = Field(description="Its number in the set, from 1.")
    question: str = Field(description="The question.")
    documents: list[int | str] = Field(description="The expected documents: ids, file names or source URLs.")
    quotes: list[str] = Field(description="Texts that the results should contain.")
    answerable: bool = Field(description="Whether the documents answer it.")

    @classmethod
    def of(cls, numbered: NumberedQuestion) -> "QuestionBody":
        """Convert a question."""
        question = numbered.question
        return cls(number=numbered.number, question=question.text, **question.expected)


class QuestionSetPage(QuestionSetBody):
    """A set of questions with a page of them."""

    model_config = example({**_SET, "questions": [_QUESTION], "total": 40, "next": "1"})

    questions: list[QuestionBody] = Field(description="The questions, in the order of the set.")
    total: Total
    next: Next

    @classmethod
    def of_page(cls, page: QuestionPage) -> "QuestionSetPage":
        """Convert a page of a question set."""
        stored = QuestionSetBody.of(page.question_set).model_dump()
        questions = [QuestionBody.of(one) for one in page.questions]
        return cls(**stored, questions=questions, total=page.question_set.questions, next=page.next)


class EvaluationCreate(BaseModel):
    """What to evaluate."""

    model_config = example(
        {"question_set": 3, "modes": ["hybrid", "text"], "top_k": 10, "ask": True},
        extra="forbid",
        populate_by_name=True,
    )

    question_set: int = Field(ge=1, le=2**63 - 1, description="The id of the question set.")
    modes: list[Mode] = Field(
        ["hybrid"], min_length=1, max_length=3, description="How to search: `hybrid`, `text`, `vector`."
    )
    top_k: int = Field(10, ge=1, le=100, description="Maximum number of results of each search.")
    ask: bool = Field(
        default=False,
        description=(
            "Whether to answer each question, too, from five passages. With a language model this costs tokens."
        ),
    )
    where: dict[str, Any] | None = Field(None, alias="filter", description="A filter, as a search has it.")

    @field_validator("modes")
    @classmethod
    def _check_modes(cls, modes: list[Mode]) -> list[Mode]:
        if len(set(modes)) < len(modes):
            raise ValueError("Must name each mode once.")
        return modes

    def to_domain(self) -> EvaluationRequest:
        """The request of the service."""
        return EvaluationRequest(self.question_set, self.modes, self.top_k, self.ask, self.where)


class EvaluationAccepted(TaskAccepted):
    """The evaluation is queued. Follow its task for progress."""

    model_config = example({**ACCEPTED, "message": "Evaluation queued", "evaluation_id": 7})

    evaluation_id: int = Field(description="The evaluation's id.")


class EvaluatedIndex(BaseModel):
    """The vector index that was evaluated."""

    model_config = example(_INDEX)

    id: int = Field(description="The index's id.")
    store: str = Field(description="Where the vectors are.")
    provider: str = Field(description="Who runs the model.")
    model: str = Field(description="The model that made the vectors.")
    dimensions: int | None = Field(description="The length of the vectors; null until the first was stored.")


class EvaluatedReranker(BaseModel):
    """The reranker that was in force."""

    model_config = example(_RERANKER)

    provider: str = Field(description="`local`, or the remote provider.")
    model: str = Field(description="The name of its model.")
    candidates: int = Field(description="The number of hits that it reads.")


class EvaluationBody(BaseModel):
    """An evaluation and what its figures depend on."""

    model_config = example(EVALUATION)

    id: int = Field(description="The evaluation's id.")
    agent_id: AgentId
    question_set: SetId
    status: DocumentStatus = Field(description="`completed` when all questions are evaluated, else as its task.")
    task_id: str | None = Field(description="Its task, which is deleted after some days; retry it to go on.")
    modes: list[Mode] = Field(description="How it searched.")
    top_k: int = Field(description="Maximum number of results of each search.")
    ask: bool = Field(description="Whether it also answered each question.")
    filter: dict[str, Any] | None = Field(description="The filter of the searches.")
    reranker: EvaluatedReranker | None = Field(
        description="The reranker that ordered the results of the mode `hybrid`; null without one."
    )
    index: EvaluatedIndex = Field(description="The vector index.")
    settings: dict[str, Any] = Field(description="The agent's chunk settings when it began.")
    version: str = Field(description="The version of Sluice.")
    summary: EvaluationSummary | None = Field(description="The figures; null until all questions are evaluated.")
    created_at: datetime = Field(description="When it was queued.")
    completed_at: datetime | None = Field(description="When all questions were evaluated.")

    @classmethod
    def of(cls, evaluation: Evaluation, status: DocumentStatus) -> "EvaluationBody":
        """Convert an evaluation."""
        return cls.model_validate(make_fields(evaluation, status))


def make_fields(evaluation: Evaluation, status: DocumentStatus) -> Mapping[str, Any]:
    """The fields of an evaluation's body."""
    names = ("id", "agent_id", "index", "settings", "version", "summary", "created_at", "completed_at")
    return {
        **{name: getattr(evaluation, name) for name in names},
        **{name: evaluation.request[name] for name in ("modes", "top_k", "ask", "filter")},
        "question_set": evaluation.question_set_id,
        "reranker": evaluation.request.get("reranker"),  # evaluations of earlier releases lack it
        "status": status,
        "task_id": str(evaluation.task_id) if evaluation.task_id else None,
    }


class EvaluationList(BaseModel):
    """A page of evaluations."""

    model_config = example({"evaluations": [EVALUATION], "total": 1, "next": None})

    evaluations: list[EvaluationBody] = Field(description="The evaluations, newest first.")
    total: Total
    next: Next
