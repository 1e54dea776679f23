"""Bodies of responses on usage and on the ends of tasks."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.bodies.fields import Next, Total, example
from app.services.usage.analytics import TaskRow, UsageRow

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
    questions: int = Field(description="Questions that were answered, and questions of evaluations.")

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


_STAGE = {"stage": "parse", "count": 412, "p50_ms": 31.4, "p95_ms": 870.2}
_TASKS = {
    "start": "2026-11-30T00:00:00Z",
    "agent_id": 1,
    "tasks": 430,
    "succeeded": 412,
    "failed": 8,
    "revoked": 10,
    "success_rate": 0.980952,
    "failures": {"no_extractable_text": 5, "document_encrypted": 3},
    "stages": [_STAGE],
}


class StageBody(BaseModel):
    """How long a stage of tasks took."""

    model_config = example(_STAGE)

    stage: str = Field(
        description=(
            "The stage, as in `stages` of a task. `queue` is the wait from when the task could run until it began, "
            "`total` the time from its submission to its end."
        )
    )
    count: int = Field(description="How often it ended.")
    p50_ms: float = Field(description="The median, in milliseconds, with an error of at most 5 %.")
    p95_ms: float = Field(description="The 95th percentile, in milliseconds, with an error of at most 5 %.")


class TasksBody(BaseModel):
    """How the tasks ended that ended in an hour, a day or a month."""

    model_config = example(_TASKS)

    start: datetime = Field(description="The beginning of the period, in UTC.")
    agent_id: int | None = Field(
        description="The agent, if rows are grouped by agent or one was asked for; null for all agents."
    )
    tasks: int = Field(description="Tasks that ended.")
    succeeded: int = Field(description="Those that succeeded.")
    failed: int = Field(description="Those that failed for good.")
    revoked: int = Field(description="Those that were cancelled or superseded.")
    success_rate: float | None = Field(
        description="The share of successes among tasks that were not revoked; null if there are none."
    )
    failures: dict[str, int] = Field(description="The failed tasks by the error's `code`.")
    stages: list[StageBody] = Field(description="How long the stages took, by their names.")

    @classmethod
    def of(cls, row: TaskRow) -> "TasksBody":
        """The body of a row."""
        return cls.model_validate(row, from_attributes=True)

    def as_table(self) -> list[dict[str, object]]:
        """The rows of a table: one for each state, each code of failures, and each stage."""
        period = {"start": self.start, "agent_id": self.agent_id}
        states = {"succeeded": self.succeeded, "failed": self.failed, "revoked": self.revoked}
        counts = [("state", name, count) for name, count in states.items()]
        counts += [("failure", code, count) for code, count in sorted(self.failures.items())]
        rows = [{**period, "measure": m, "name": n, "count": c, "p50_ms": None, "p95_ms": None} for m, n, c in counts]
        return rows + [
            {**period, "measure": "stage", "name": stage.stage, **stage.model_dump(exclude={"stage"})}
            for stage in self.stages
        ]


class TasksList(BaseModel):
    """How tasks ended, the earliest period first. Periods in which none ended have no row."""

    model_config = example({"tasks": [_TASKS], "total": 1, "next": None})

    tasks: list[TasksBody] = Field(description="The rows of this page.")
    total: Total
    next: Next


TABLE_OF_TASKS = ("start", "agent_id", "measure", "name", "count", "p50_ms", "p95_ms")
"""The columns of ``TasksBody.as_table``."""
