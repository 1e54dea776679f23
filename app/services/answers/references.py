"""References: the quotes of an answer with their places in documents."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.db.search.ranking import Hit
from app.pipeline.answering.quotes import Quote

_MARKS = re.compile(r"(?:\[\d{1,3}\])+[.。!?]?")
_NUMBER = re.compile(r"\d+")


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


def list_sentences(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sentences of an answer that was made at once: the text up to each mark, with the references that it cites."""
    text, references, done = answer["answer"], answer["references"], 0
    sentences = []
    for match in _MARKS.finditer(text):
        numbers = [number for number in map(int, _NUMBER.findall(match[0])) if 1 <= number <= len(references)]
        cited = [{"number": number, **references[number - 1]} for number in numbers]
        sentences.append({"text": text[done : match.end()], "citations": cited})
        done = match.end()
    rest = [{"text": text[done:], "citations": []}] if text[done:] else []
    return sentences + rest
