"""What searches, questions and their answers hold."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class SearchRequest(BaseModel):
    """A query to an agent's documents."""

    model_config = ConfigDict(
        populate_by_name=True, json_schema_extra={"example": {"query": "maximum draught at the Alder Gate", "top_k": 5}}
    )

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    top_k: int = Field(10, ge=1, le=100)
    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    where: dict[str, Any] | None = Field(
        None, alias="filter", description="Metadata a document must have; `document_id` narrows to documents."
    )


class SearchHit(BaseModel):
    """A chunk that was found; the score is comparable within one answer.

    ``context`` is what it was found by besides its text: the header of a table that begins before it.
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
    """What was found, the best first."""

    results: list[SearchHit]
    took_ms: float


class AskRequest(BaseModel):
    """A question to an agent's documents."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"question": "What is the maximum draught at the Alder Gate?"}}
    )

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    top_k: int = Field(5, ge=1, le=50)
