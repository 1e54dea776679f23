"""The figures of evaluations, in responses and in results of tasks."""

from pydantic import BaseModel, Field

from app.api.bodies.fields import example

_LATENCY = {"p50": 8.1, "p95": 14.6}
_MODE = {"ndcg": 0.81, "recall": 0.9, "reciprocal_rank": 0.79, "latency_ms": _LATENCY}
_ASK = {
    "answerable": 30,
    "answered": 28,
    "answered_share": 0.9333,
    "unanswerable": 10,
    "refused": 9,
    "refused_share": 0.9,
    "with_expected_quotes": 20,
    "quoted": 15,
    "quoted_share": 0.75,
    "answered_by": ["extractive"],
    "latency_ms": _LATENCY,
}
SUMMARY = {
    "questions": 40,
    "with_expected": 30,
    "with_missing_documents": 0,
    "modes": {"hybrid": _MODE},
    "ask": None,
}


class Latency(BaseModel):
    """Milliseconds that half and 95 % of the questions did not exceed, one after the other in a worker."""

    model_config = example(_LATENCY)

    p50: float | None = Field(description="The median.")
    p95: float | None = Field(description="The 95th percentile.")


class ModeSummary(BaseModel):
    """The means of one mode over the questions that expect something."""

    model_config = example(_MODE)

    ndcg: float | None = Field(description="nDCG@10, from 0 to 1; null if no question expects something.")
    recall: float | None = Field(description="Recall@10: the share of what was expected that is among ten results.")
    reciprocal_rank: float | None = Field(description="MRR: 1 divided by the rank of the first expected result.")
    latency_ms: Latency = Field(description="The times of the searches.")


class AskSummary(BaseModel):
    """How often questions were answered and refused as they should be. A share of nothing is null."""

    model_config = example(_ASK)

    answerable: int = Field(description="Questions that the documents answer.")
    answered: int = Field(description="The number of those that were answered.")
    answered_share: float | None = Field(description="The share of those.")
    unanswerable: int = Field(description="Questions that the documents do not answer.")
    refused: int = Field(description="The number of those that were refused.")
    refused_share: float | None = Field(description="The share of those.")
    with_expected_quotes: int = Field(description="Answerable questions that expect quotes.")
    quoted: int = Field(description="The number of those whose answer cites an expected quote.")
    quoted_share: float | None = Field(description="The share of those.")
    answered_by: list[str] = Field(
        description="The language models that wrote the answers; `extractive` for those made of quotes."
    )
    latency_ms: Latency = Field(description="The times of the answers, searches included.")


class EvaluationSummary(BaseModel):
    """The figures of an evaluation."""

    model_config = example(SUMMARY)

    questions: int = Field(description="The number of questions.")
    with_expected: int = Field(description="The number of those that expect documents or quotes.")
    with_missing_documents: int = Field(description="The number of those that expect a document the agent lacks.")
    modes: dict[str, ModeSummary] = Field(description="The means by mode.")
    ask: AskSummary | None = Field(description="How questions were answered; null if they were only searched for.")
