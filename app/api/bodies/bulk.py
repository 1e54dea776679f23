"""Bodies of requests and responses on lists of agents."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.bodies.agents import AgentSettingsBody, Name, Slug
from app.api.bodies.fields import Next, Total, example
from app.domain.onboarding import LISTED, MAX_ROWS, MAX_URLS, ImportOptions, OnExisting, RowCode, RowOutcome

_AGENT = {
    "name": "Acme support",
    "slug": "acme",
    "settings": {"chunk_size": 800},
    "documents": ["https://example.com/"],
    "metadata": {"customer": 17},
}
_ERROR = {
    "line": 17,
    "column": "chunk_size",
    "code": "number_invalid",
    "message": "Must be a whole number from 100 to 10000.",
    "value": "many",
}
_ROW = {**_ERROR, "outcome": "failed", "agent_id": None, "name": None, "slug": None}
_COUNTS = {"rows": 10_000, "created": 9_963, "updated": 0, "skipped": 0, "failed": 37, "not_attempted": 0}
_PATH = "/api/v1/agents/bulk/01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e"
RESULT = {
    **_COUNTS,
    "agents": [12, 13, 14],
    "errors": [_ERROR],
    "atomic": False,
    "dry_run": False,
    "errors_url": f"{_PATH}/rows?outcome=failed&format=csv",
}

ATOMIC = "Whether to create all agents or, if any row fails, none."
DRY_RUN = "Whether to check all rows and create nothing. The result has the same shape."
ON_DUPLICATE = (
    "What to do with a row whose slug an agent has: `error` fails the row, `skip` leaves the agent as it is, `update` "
    "gives it the row's name and settings. A second row with the same slug fails; with `skip`, it is skipped."
)

Line = Annotated[
    int,
    Field(
        description=(
            "The line of a CSV file, where the header is line 1; the number of the row in a workbook; the index in a "
            "JSON list, from 0."
        )
    ),
]
Code = Annotated[RowCode, Field(description="Why the row failed or was skipped, for programs.")]
Column = Annotated[str | None, Field(description="The column that is wrong; null for the row as a whole.")]
Value = Annotated[str | None, Field(description="What the column has, at most 100 characters; null if it is empty.")]


class BulkAgent(BaseModel):
    """An agent of a list. In a table, each setting is a column, and `documents` are separated by `;`."""

    model_config = example(_AGENT, extra="forbid")

    name: Name = Field(description="The agent's name, for people.")
    slug: Slug | None = Field(None, description="The agent's name in paths. Default: derived from `name`.")
    settings: AgentSettingsBody = Field(AgentSettingsBody(), description="How its documents are processed.")
    documents: list[str] = Field(
        [], max_length=MAX_URLS, description="The URLs of web pages that become the agent's first documents."
    )
    metadata: dict[str, Any] = Field({}, description="The metadata of these documents.")


class BulkOptions(BaseModel):
    """How a list of agents is imported."""

    model_config = ConfigDict(extra="forbid")

    atomic: bool = Field(default=False, description=ATOMIC)
    dry_run: bool = Field(default=False, description=DRY_RUN)
    on_duplicate: OnExisting = Field(OnExisting.ERROR, description=ON_DUPLICATE)

    def as_options(self) -> ImportOptions:
        """The options of the service."""
        return ImportOptions(self.atomic, self.dry_run, self.on_duplicate)


class BulkRequest(BulkOptions):
    """A list of agents to create. A row that is wrong is an error of the result, not of the request."""

    model_config = example({"agents": [_AGENT], "atomic": False, "dry_run": False}, extra="forbid")

    agents: list[Any] = Field(
        min_length=1,
        max_length=MAX_ROWS,
        description="The agents.",
        json_schema_extra={"items": {"$ref": "#/components/schemas/BulkAgent"}},
    )


class BulkError(BaseModel):
    """A row of a list that failed."""

    model_config = example(_ERROR)

    line: Line
    column: Column
    code: Code
    message: str = Field(description="What is wrong, for people. It names further wrong columns of the row.")
    value: Value


class BulkResult(BaseModel):
    """What became of the rows of a list of agents."""

    model_config = example(RESULT)

    rows: int = Field(description="The number of rows, without the header and empty ones.")
    created: int = Field(description="The agents that were created; with `dry_run`, that would be.")
    updated: int = Field(description="The agents that were changed.")
    skipped: int = Field(description="The rows that were left out because their slug is taken.")
    failed: int = Field(description="The rows that failed. In the result of a task, this replaces the count of parts.")
    not_attempted: int = Field(
        description="The rows of which nothing has become: the import is running, was cancelled, or is `atomic`."
    )
    agents: list[int] = Field(description=f"The ids of the first {LISTED:,} agents that were created.")
    errors: list[BulkError] = Field(description=f"The first {LISTED:,} rows that failed.")
    atomic: bool = Field(description=ATOMIC)
    dry_run: bool = Field(description=DRY_RUN)
    errors_url: str = Field(description="The path of a CSV table of all rows that failed.")


class BulkRow(BaseModel):
    """A row of a list, and what became of it."""

    model_config = example(_ROW)

    line: Line
    outcome: RowOutcome | None = Field(description="What became of the row; null while nothing has.")
    agent_id: int | None = Field(description="The agent that was created or updated, or that has the slug.")
    name: str | None = Field(description="The agent's name; null for a row that is wrong by itself.")
    slug: str | None = Field(description="The agent's slug; null for a row that is wrong by itself.")
    column: Column
    code: RowCode | None = Field(description="Why the row failed or was skipped, for programs.")
    message: str | None = Field(description="Why the row failed or was skipped, for people.")
    value: Value


class BulkRowList(BaseModel):
    """The rows of a list, in their order."""

    model_config = example({"rows": [_ROW], "total": 37, "next": None})

    rows: list[BulkRow] = Field(description="The rows of this page.")
    total: Total
    next: Next


def describe_bulk_body() -> dict[str, Any]:
    """The OpenAPI description of the bodies that a list may be sent as."""
    options = BulkOptions.model_json_schema(ref_template="#/components/schemas/{model}")["properties"]
    file: dict[str, Any] = {
        "type": "string",
        "format": "binary",
        "description": "The list as CSV, as a workbook (XLSX, XLS, XLSB, ODS) or as JSON; recognised by its content.",
    }
    table = {"type": "string", "description": "A table whose first row names the columns."}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": f"#/components/schemas/{BulkRequest.__name__}"}},
                "text/csv": {"schema": table, "example": "name,slug,chunk_size,documents\nAcme,acme,800,\n"},
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {"schema": file},
                "multipart/form-data": {
                    "schema": {"type": "object", "required": ["file"], "properties": {"file": file, **options}}
                },
            },
        }
    }


Format = Literal["json", "csv"]
