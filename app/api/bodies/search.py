"""Bodies of requests and responses on searches and questions."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class SearchRequest(BaseModel):
    """A query over an agent's documents."""

    model_config = ConfigDict(
        populate_by_name=True, json_schema_extra={"example": {"query": "maximum draught at the Alder Gate", "top_k": 5}}
    )

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    top_k: int = Field(10, ge=1, le=100)
    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    where: dict[str, Any] | None = Field(
        None,
        alias="filter",
        description="Metadata that a document must contain. `document_id`, an id or a list, selects documents.",
    )


class SearchHit(BaseModel):
    """A chunk that was found. Scores are comparable within one response only.

    `context` is additional text by which it was found: the header of a table that begins in an earlier chunk.
    """

    document_id: int
    filename: str
    chunk_id: int
    text: str
    context: str
    score: float
    page: int | None
    start: int
    end: int
    metadata: dict[str, Any]


class SearchResults(BaseModel):
    """The chunks that were found, best first."""

    results: list[SearchHit]
    took_ms: float


class AskRequest(BaseModel):
    """A question that an agent's documents answer."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"question": "What is the maximum draught at the Alder Gate?"}}
    )

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    top_k: int = Field(5, ge=1, le=50)
