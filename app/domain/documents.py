"""The forms of a document during processing: pages, then chunks with their positions in the text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

_PIECE = 64 * 1024


class DocumentStatus(StrEnum):
    """The status of a document, derived from the state of the task that determines it."""

    QUEUED = "queued"
    """Its task waits for a worker, or for its next attempt."""

    PROCESSING = "processing"
    """A worker is processing it, or children of its task are."""

    COMPLETED = "completed"
    """Search finds it. Later tasks do not change this status, whatever their result."""

    FAILED = "failed"
    """Its task failed for good; the task's error says why."""

    CANCELLED = "cancelled"
    """Its task was cancelled."""


class OnDuplicate(StrEnum):
    """What to do with an upload whose bytes the agent already has.

    ``SKIP`` returns the existing document. ``REPLACE`` processes the upload as new content of that document or, if no
    document has the same bytes, of one with the same name. ``REJECT`` refuses the upload.
    """

    SKIP = "skip"
    REPLACE = "replace"
    REJECT = "reject"


class Mark(NamedTuple):
    """A position in the text of a page at which its structure changes.

    ``level`` is 1 to 6 where a heading of that level begins (it ends with its line), and 0 where the first data row of
    a table begins, after the rows of its header.
    """

    start: int
    level: int


@dataclass(frozen=True, slots=True)
class Page:
    """Clean text of one page. ``number`` counts from 1; it is None if the format has no pages."""

    number: int | None
    text: str
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file within a document, such as an attachment of a mail. ``name`` is the name that the document gives it."""

    name: str
    content: bytes

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, at most 64 KB at a time."""
        return (self.content[start : start + _PIECE] for start in range(0, len(self.content), _PIECE))


class AttachedFile(Protocol):
    """A file within a document, in memory or not."""

    @property
    def name(self) -> str:
        """The name that the document gives it."""

    @property
    def content(self) -> bytes:
        """All bytes of the file."""

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, at most 64 KB at a time."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document as text: its pages in order, the metadata of the file (title, author, …) and the files within it.

    The document's text consists of the pages' texts joined by ``PAGE_BREAK``. Character ranges refer to it.
    """

    pages: Sequence[Page]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    attachments: Sequence[AttachedFile] = ()


PAGE_BREAK = "\n\n"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A range of a document's text: ``text == document_text[start:end]`` (characters, not bytes), within one page.

    ``context`` is text from outside the range that makes it understandable: the path of the headings above it, and the
    header of a table that begins earlier.
    """

    index: int
    text: str
    start: int
    end: int
    page: int | None
    context: str = ""

    @property
    def indexed_text(self) -> str:
        """The text that is indexed: the context, if there is one, and the chunk's text."""
        return f"{self.context}\n{self.text}" if self.context else self.text
