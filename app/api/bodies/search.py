"""Bodies of requests and responses on searches."""

from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.api.bodies.agents import Slug
from app.api.bodies.fields import AgentId, ChunkPage, Context, DocumentId, End, Filename, Metadata, Start, example
from app.domain.records import StoredChunk
from app.services.search.explanations import Explanation
from app.services.search.neighbours import MAX_NEIGHBOURS
from app.services.search.results import Found, Result

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]

MAX_AGENTS = 20
ChunkId = Annotated[int, Field(description="The chunk's id.")]
Reference = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)] | Slug

_NOT_RERANKED = "The reranker is unavailable. The results are in the order of words and meaning."

_WHY = {
    "words": [{"forms": ["alder"], "weight": 3.2}, {"forms": ["gate"], "weight": 2.1}],
    "share": 0.71,
    "cosine": 0.64,
    "words_part": 0.5,
    "meaning_part": 0.32,
    "rerank_score": None,
}
_HIT = {
    "agent_id": 1,
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
            "Values of different types do not match; dates and times in ISO form compare as times, other texts by "
            "their characters. The key `document_id` stands for the document's id."
        ),
        examples=[
            {"year": 2026},
            {"document_id": [123, 124]},
            {"type": "and", "value": [{"type": "gte", "key": "year", "value": 2021}, {"team": "east"}]},
        ],
    )
    neighbours: int = Field(
        0,
        ge=0,
        le=MAX_NEIGHBOURS,
        description=(
            "The number of chunks before and after each hit to return with it, as `before`, `after` and "
            "`expanded_text`. The neighbours of all hits have at most a million characters: the last hits get fewer."
        ),
    )
    explain: bool = Field(default=False, description="Whether to say why each chunk was found, as `explanation`.")


class SeveralAgentsSearchRequest(SearchRequest):
    """A query over the documents of several agents."""

    model_config = example(
        {"agents": [1, "support"], "query": "maximum draught at the Alder Gate", "top_k": 5},
        extra="forbid",
        populate_by_name=True,
    )

    agents: list[Reference] = Field(
        min_length=1,
        max_length=MAX_AGENTS,
        description=f"The agents to search, at most {MAX_AGENTS}: ids (numbers) or slugs (texts).",
        examples=[[1, "support"]],
    )


class NeighbourBody(BaseModel):
    """A chunk before or after a hit, of the same document."""

    model_config = example({"chunk_id": 4710, "text": "The lock keeper …", "start": 700, "end": 1190, "page": 3})

    chunk_id: ChunkId
    text: str = Field(description="Its text. Neighbours overlap, as their `start` and `end` say.")
    start: Start
    end: End
    page: ChunkPage

    @classmethod
    def of(cls, chunk: StoredChunk) -> "NeighbourBody":
        """Convert a chunk."""
        return cls(chunk_id=chunk.id, text=chunk.text, start=chunk.start, end=chunk.end, page=chunk.page)


class FoundWordBody(BaseModel):
    """A word of the query that a chunk has."""

    model_config = example({"forms": ["alder"], "weight": 3.2})

    forms: list[str] = Field(description="The forms under which the chunk has it, as the index stores them.")
    weight: float = Field(description="How rare the word is among the chunks of the agents that were searched.")


class ExplanationBody(BaseModel):
    """Why a chunk was found."""

    model_config = example(_WHY)

    words: list[FoundWordBody] = Field(description="The words of the query that the chunk has, the rarest first.")
    share: float = Field(description="The part of the weights of all words of the query that these have, 0 to 1.")
    cosine: float | None = Field(
        description="The similarity of meaning, -1 to 1; null in mode `text` and for a chunk without a vector."
    )
    words_part: float = Field(description="What the words contribute to the score.")
    meaning_part: float = Field(description="What the meaning contributes to the score.")
    rerank_score: float | None = Field(
        description="The reranker's score, 0 to 1, which replaces the sum of both parts; null without a reranker."
    )

    @classmethod
    def of(cls, explanation: Explanation) -> "ExplanationBody":
        """Convert an explanation."""
        return cls.model_validate(asdict(explanation))


class SearchHit(BaseModel):
    """A chunk that was found."""

    model_config = example(_HIT)

    agent_id: AgentId
    document_id: DocumentId
    filename: Filename
    chunk_id: ChunkId
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
    score: float = Field(
        description=(
            "How well it matches, comparable within one response only. It is the sum of both parts of `explanation`, "
            "or the reranker's score, or less for a text that has what the query asks to be absent."
        )
    )
    page: ChunkPage
    start: Start
    end: End
    metadata: Metadata
    before: list[NeighbourBody] | None = Field(
        None, description="The chunks before it, in order; null unless `neighbours` were requested."
    )
    after: list[NeighbourBody] | None = Field(
        None, description="The chunks after it, in order; null unless `neighbours` were requested."
    )
    expanded_text: str | None = Field(
        None,
        description=(
            "The text from the first of `before` to the last of `after`, without repeated parts; "
            "null unless `neighbours` were requested."
        ),
    )
    explanation: ExplanationBody | None = Field(
        None, description="Why it was found; null unless `explain` was requested."
    )

    @classmethod
    def of(cls, result: Result) -> "SearchHit":
        """Convert a result."""
        around, why = result.surroundings, result.explanation
        return cls.model_validate(
            {
                **{field.name: getattr(result.hit, field.name) for field in fields(result.hit)},
                "snippet": result.snippet.text,
                "highlights": result.snippet.highlights,
                "before": around and [NeighbourBody.of(chunk) for chunk in around.before],
                "after": around and [NeighbourBody.of(chunk) for chunk in around.after],
                "expanded_text": around and around.text,
                "explanation": why and ExplanationBody.of(why),
            }
        )


class SearchWarning(BaseModel):
    """Something that a search left out."""

    model_config = example({"code": "reranking_failed", "message": _NOT_RERANKED})

    code: Literal["reranking_failed"] = Field(description="Which: `reranking_failed`.")
    message: str = Field(description="The same, for people.")


class SearchResults(BaseModel):
    """The chunks that were found, best first."""

    model_config = example({"results": [_HIT], "took_ms": 4.8, "warnings": []})

    results: list[SearchHit] = Field(description="The chunks.")
    took_ms: float = Field(description="How long the search took, in milliseconds.")
    warnings: list[SearchWarning] = Field(description="What was left out; empty if nothing was.")

    @classmethod
    def of(cls, found: Found, took_ms: float) -> "SearchResults":
        """Convert the results of a search."""
        warnings = [SearchWarning(code="reranking_failed", message=_NOT_RERANKED)] if found.reranking_failed else []
        return cls(results=[SearchHit.of(result) for result in found.results], took_ms=took_ms, warnings=warnings)
