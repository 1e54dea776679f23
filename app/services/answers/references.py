"""References: the quotes of an answer with their places in documents."""

from typing import Any

from app.db.ranking import Hit
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
