"""What a document becomes on its way: pages, then chunks with their place in the text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class DocumentStatus(StrEnum):
    """What has become of a document; derived from the state of the task that decides it."""

    QUEUED = "queued"
    """Its task waits for a worker, or for its next attempt."""

    PROCESSING = "processing"
    """A worker is processing it, or its task has children that are."""

    COMPLETED = "completed"
    """Search finds it. It stays so whatever becomes of later tasks."""

    FAILED = "failed"
    """Its task failed for good; the task's error says why."""

    CANCELLED = "cancelled"
    """Its task was cancelled."""


class OnDuplicate(StrEnum):
    """What becomes of an upload whose bytes the agent has already.

    ``SKIP`` answers with the document that is there; ``REPLACE`` processes the upload as that document's new content,
    and takes one of the same name for it where none has the same bytes; ``REJECT`` refuses.
    """

    SKIP = "skip"
    REPLACE = "replace"
    REJECT = "reject"


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
    """A piece of a document's text: ``text == document_text[start:end]`` (characters, not bytes), within one page.

    ``context`` is what the piece needs to be understood but does not hold: the header of a table that begins before it.
    """

    index: int
    text: str
    start: int
    end: int
    page: int | None
    context: str = ""

    @property
    def indexed_text(self) -> str:
        """What it is found by: its context, where it has one, and its text."""
        return f"{self.context}\n{self.text}" if self.context else self.text
