"""Bodies of responses on usage."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.bodies.fields import Next, Total, example
from app.services.usage.analytics import UsageRow

_ROW = {
    "start": "2026-11-30T00:00:00Z",
    "agent_id": 1,
    "kind": None,
    "model": None,
    "documents": 12,
    "pages": 340,
    "characters": 812_400,
    "chunks": 1_015,
    "tokens_in": 203_100,
    "tokens_out": 4_210,
    "stored_bytes": 18_240_512,
    "searches": 96,
    "questions": 14,
}


class UsageBody(BaseModel):
    """What was used in an hour, a day or a month."""

    model_config = example(_ROW)

    start: datetime = Field(description="The beginning of the period, in UTC.")
    agent_id: int | None = Field(
        description=(
            "The agent, if rows are grouped by agent or one was asked for; null for all agents, and for work of the "
            "organization itself."
        )
    )
    kind: str | None = Field(
        description=(
            "The work, if rows are grouped by kind: `document`, `specification`, `profile`, `deletion`, `embedding`, "
            "`chat`, `rerank`, `search`, `question` or `evaluation`. Null for all."
        )
    )
    model: str | None = Field(
        description="The model, if rows are grouped by model; empty for work without one. Null for all."
    )
    documents: int = Field(description="Documents that became searchable for the first time. Reindexing adds none.")
    pages: int = Field(description="Pages of the documents that were read. Reindexing counts them again.")
    characters: int = Field(description="Characters of their text. Reindexing counts them again.")
    chunks: int = Field(description="Chunks that were stored. Reindexing counts them again.")
    tokens_in: int = Field(
        description=(
            "Tokens that models read: as providers report them, also in attempts that failed. For a local embedding "
            "model, a quarter of the characters of the documents."
        )
    )
    tokens_out: int = Field(description="Tokens that models wrote.")
    stored_bytes: int = Field(
        description="By how much the files of documents grew. Negative where more was deleted than stored."
    )
    searches: int = Field(description="Searches, one for each agent that was searched.")
    questions: int = Field(description="Questions that were answered, also by evaluations.")

    @classmethod
    def of(cls, row: UsageRow) -> "UsageBody":
        """The body of a row."""
        return cls(start=row.start, agent_id=row.agent_id, kind=row.kind, model=row.model, **row.quantities)


class UsageList(BaseModel):
    """What was used, the earliest period first. Periods without usage have no row."""

    model_config = example({"usage": [_ROW], "total": 1, "next": None})

    usage: list[UsageBody] = Field(description="The rows of this page.")
    total: Total
    next: Next
