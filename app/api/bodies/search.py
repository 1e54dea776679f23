"""Bodies of requests and responses on searches and questions."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.api.bodies.fields import ChunkPage, Context, DocumentId, End, Filename, Metadata, Start, example
from app.services.answers.search import ShownHit

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]

_HIT = {
    "document_id": 123,
    "filename": "harbour.pdf",
    "chunk_id": 4711,
    "text": "The Alder Gate opens at dawn. Its maximum draught is 2.4 metres.",
    "context": "",
    "snippet": "The Alder Gate opens at dawn. Its maximum draught is 2.4 metres.",
    "highlights": [[4, 9], [10, 14], [34, 41], [42, 49]],
    "score": 0.91,
    "page": 3,
    "start": 1200,
    "end": 1264,
    "metadata": {"year": 2026},
}


class SearchRequest(BaseModel):
    """A query over an agent's documents."""

    model_config = example(
        {"query": "maximum draught at the Alder Gate", "top_k": 5, "filter": {"year": 2026}},
        extra="forbid",
        populate_by_name=True,
    )

    query: Text = Field(description="Words or a question, in any language.")
    top_k: int = Field(10, ge=1, le=100, description="Maximum number of results.")
    mode: Literal["hybrid", "vector", "text"] = Field(
        "hybrid", description="How chunks are found: by words (`text`), by meaning (`vector`) or by both (`hybrid`)."
    )
    where: dict[str, Any] | None = Field(
        None,
        alias="filter",
        description=(
            'Metadata that a document must contain, such as `{"year": 2026}`, or a comparison, such as '
            '`{"type": "gte", "key": "year", "value": 2021}`. `type` is `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in` '
            "or `nin` (with a list as `value`), or `and` or `or` (with a list of filters as `value`, and no `key`). "
            "Values of different types do not match; dates in ISO form compare as texts. The key `document_id` stands "
            "for the document's id."
        ),
        examples=[
            {"year": 2026},
            {"document_id": [123, 124]},
            {"type": "and", "value": [{"type": "gte", "key": "year", "value": 2021}, {"team": "east"}]},
        ],
    )


class SearchHit(BaseModel):
    """A chunk that was found."""

    model_config = example(_HIT)

    document_id: DocumentId
    filename: Filename
    chunk_id: int = Field(description="The chunk's id.")
    text: str = Field(description="The chunk's text: the range `start` to `end` of the document's text.")
    context: Context
    snippet: str = Field(
        description="The part of `text` that shows best why it was found: at most 300 characters of it."
    )
    highlights: list[tuple[int, int]] = Field(
        description=(
            "The words of the query in `snippet`, each as `[start, end]` (exclusive), in order. They count Unicode "
            "characters (code points). Empty if `snippet` has no word of the query."
        )
    )
    score: float = Field(description="How well it matches, comparable within one response only.")
    page: ChunkPage
    start: Start
    end: End
    metadata: Metadata

    @classmethod
    def of(cls, shown: ShownHit) -> "SearchHit":
        """Convert a hit."""
        snippet = {"snippet": shown.snippet.text, "highlights": shown.snippet.highlights}
        return cls.model_validate({**asdict(shown.hit), **snippet})


class SearchResults(BaseModel):
    """The chunks that were found, best first."""

    model_config = example({"results": [_HIT], "took_ms": 4.8})

    results: list[SearchHit] = Field(description="The chunks.")
    took_ms: float = Field(description="How long the search took, in milliseconds.")


class AskRequest(BaseModel):
    """A question that an agent's documents answer."""

    model_config = example({"question": "What is the maximum draught at the Alder Gate?"}, extra="forbid")

    question: Text = Field(description="A question, in any language.")
    top_k: int = Field(5, ge=1, le=50, description="Maximum number of passages that the answer is based on.")
