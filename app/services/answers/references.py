"""References: the quotes of an answer with their places in documents."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.db.search.ranking import Hit
from app.pipeline.answering.quotes import Quote


def make_reference(quote: Quote, hit: Hit) -> dict[str, Any]:
    """The reference to a quote of a hit, as the result of a task contains it."""
    return {
        "document_id": hit.document_id,
        "filename": hit.filename,
        "page": hit.page,
        "start": hit.start + quote.start,
        "end": hit.start + quote.end,
        "quote": quote.text,
    }


def make_sentence(text: str, citations: Iterable[tuple[int, Quote]], hits: Sequence[Hit]) -> dict[str, Any]:
    """A sentence as clients receive it: its text, and its references with their numbers."""
    cited = [{"number": number, **make_reference(quote, hits[quote.passage])} for number, quote in citations]
    return {"text": text, "citations": cited}
