"""What a document becomes on its way: pages, then chunks with their place in the text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """Clean text of one page. ``number`` counts from 1; None where the format has no pages."""

    number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document as text: its pages in order and what the file says of itself (title, author, …).

    The document's text is the pages' texts joined by ``PAGE_BREAK``; character ranges count in it.
    """

    pages: Sequence[Page]
    metadata: Mapping[str, Any] = field(default_factory=dict)


PAGE_BREAK = "\n\n"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document's text: ``text == document_text[start:end]`` (characters, not bytes), within one page."""

    index: int
    text: str
    start: int
    end: int
    page: int | None
