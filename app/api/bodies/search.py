"""Bodies of requests and responses on searches and questions."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from app.services.answers.search import ShownHit

_NO_OPERATORS = (
    "Operators (`type`) are not supported. Send the metadata that a document must contain, such as "
    '{"year": 2026}, or `document_id` with an id or a list of ids.'
)


class SearchRequest(BaseModel):
    """A query over an agent's documents."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"example": {"query": "maximum draught at the Alder Gate", "top_k": 5}},
    )

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    top_k: int = Field(10, ge=1, le=100)
    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    where: dict[str, Any] | None = Field(
        None,
        alias="filter",
        description="Metadata that a document must contain. `document_id`, an id or a list, selects documents.",
    )

    @field_validator("where")
    @classmethod
    def _refuse_operators(cls, where: dict[str, Any] | None) -> dict[str, Any] | None:
        """Refuse the operator form, which would otherwise be read as metadata that no document has."""
        if where and "type" in where:
            raise ValueError(_NO_OPERATORS)
        return where


class SearchHit(BaseModel):
    """A chunk that was found. Scores are comparable within one response only.

    `context` is additional text by which it was found: the header of a table that begins in an earlier chunk.
    """

    document_id: int
    filename: str
    chunk_id: int
    text: str
    context: str
    snippet: str
    highlights: list[tuple[int, int]]
    score: float
    page: int | None
    start: int
    end: int
    metadata: dict[str, Any]

    @classmethod
    def of(cls, shown: ShownHit) -> "SearchHit":
        """Convert a hit."""
        snippet = {"snippet": shown.snippet.text, "highlights": shown.snippet.highlights}
        return cls.model_validate({**asdict(shown.hit), **snippet})


class SearchResults(BaseModel):
    """The chunks that were found, best first."""

    results: list[SearchHit]
    took_ms: float


class AskRequest(BaseModel):
    """A question that an agent's documents answer."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"question": "What is the maximum draught at the Alder Gate?"}}
    )

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    top_k: int = Field(5, ge=1, le=50)
