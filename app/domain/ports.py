"""What the inside asks of the outside. Adapters in ``app.adapters`` fulfil these; ``app.bootstrap`` chooses them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from app.domain.documents import Parsed
from app.domain.ids import TaskId
from app.domain.tasks import Bell, Task
from app.domain.web import FetchedPage

Vector = Sequence[float]
"""One embedding. Adapters return ``array.array('f')``: four bytes a number, the buffer protocol, stdlib only."""


class Embedder(Protocol):
    """Turns texts into unit vectors of one fixed length. Made before a fork, all processes share its memory."""

    @property
    def model(self) -> str:
        """The model's name as recorded with the index, such as ``wordllama-l2-256``."""

    @property
    def dimensions(self) -> int:
        """The length of every vector."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in order. CPU-bound adapters do their work off the event loop.

        Raises:
            SluiceError: with ``retryable`` set where a later try may succeed.
        """


class Parser(Protocol):
    """Reads a document file into clean text."""

    async def parse(self, path: Path, media_type: str, on_page: Callable[[int, int], None] | None = None) -> Parsed:
        """Parse the file at ``path``.

        Args:
            path: A local file.
            media_type: One of ``app.domain.media.SUPPORTED``.
            on_page: Called on the event loop as ``(pages done, pages in all)`` while a paged format is read.

        Raises:
            DocumentDamagedError, DocumentEncryptedError, NoExtractableTextError, ParseLimitExceededError
        """


class BlobWriter(Protocol):
    """A file on its way into storage. Nothing is visible under the key before ``commit``."""

    async def write(self, data: bytes) -> None:
        """Append bytes."""

    async def seal(self) -> Path:
        """End the writing. Returns a local file that holds the bytes until ``commit`` or ``abort``."""

    async def commit(self) -> None:
        """Keep the sealed blob under its key; when this returns, it is durable. If cancelled, it may yet happen."""

    async def abort(self) -> None:
        """Drop what was written. Safe to call at any time, also after ``commit`` (then it does nothing)."""


class BlobStore(Protocol):
    """Where uploaded files live.

    A key is up to eight parts with ``/`` between them, each of ASCII letters, digits and ``. _ -`` and not beginning
    with a dot; any other raises ``FileMissingError``. A blob written under a key again replaces the former whole.
    A store across a network raises ``StorageAwayError`` from any method while it cannot be reached.
    """

    async def create(self, key: str) -> BlobWriter:
        """Begin a new blob.

        Raises:
            StorageFullError: also from the writer's methods.
        """

    def open(self, key: str) -> AsyncIterator[bytes]:
        """The blob's bytes in pieces.

        Raises:
            FileMissingError: when there is no such blob.
        """

    async def fetch(self, key: str, folder: Path) -> Path:
        """A local path that holds the blob, in place where possible, else copied into ``folder``.

        Raises:
            FileMissingError: when there is no such blob.
            StorageFullError
        """

    async def delete(self, key: str) -> None:
        """Remove the blob; removing one that is not there succeeds."""

    async def sweep(self) -> None:
        """Remove what broken uploads left behind a day ago or earlier; committed blobs are not touched."""

    async def check(self) -> None:
        """Try the store.

        Raises:
            StartupError: when it refuses, and will until somebody mends it.
            StorageAwayError: when it cannot be reached now.
        """


class Doorbell(Protocol):
    """Calls workers, and tells Celery's result backend what the ledger decided.

    Both are courtesies: a bell that is lost rings again, and clients read the ledger. So
    neither raises when the broker is down; the failure is logged.
    """

    async def ring(self, bells: Sequence[Bell]) -> None:
        """Publish one message a bell."""

    async def tell(self, task_id: TaskId, state: str, info: Any) -> None:
        """Store a Celery state under the task's id, which also wakes whoever watches the task."""


class Alarm(Protocol):
    """Tells people outside of Sluice that a task failed for good."""

    async def raise_for(self, task: Task) -> None:
        """Tell of a dead letter. An alarm that cannot be raised is logged: the dead letter waits in any case."""


class TaskWatch(Protocol):
    """Wakes those who wait for a task to change."""

    def watch(self, task_id: TaskId) -> AbstractAsyncContextManager[Callable[[float], Awaitable[None]]]:
        """Within the block, ``await wait(seconds)`` returns at the next change, or after that time."""


class PageReader(Protocol):
    """Reads web pages, from the public internet only unless an operator says otherwise."""

    async def read(self, url: str, folder: Path) -> FetchedPage:
        """Read one page into a file in ``folder``.

        Raises:
            InvalidUrlError, UrlNotAllowedError: also where a redirect leads.
            PageNotAvailableError, PageBusyError, PageUnreachableError: by the server's answer, or for want of one.
            ResponseTooLargeError, TooManyRedirectsError, UnsupportedCodingError: what it sends is not taken.
            PageServiceRefusedError, PageServiceAwayError: where a service does the reading.
            StorageFullError
        """


class RobotsRules(Protocol):
    """What one site's robots.txt says to Sluice (RFC 9309)."""

    @property
    def crawl_delay(self) -> float:
        """Seconds to leave between two pages; 0 where the site does not say."""

    def allows(self, url: str) -> bool:
        """Whether a page of the site may be read."""


class RobotsReader(Protocol):
    """Reads robots.txt."""

    async def load(self, url: str) -> RobotsRules:
        """The rules of the site that ``url`` belongs to; a site without a robots.txt allows everything.

        Raises:
            PageUnreachableError, PageBusyError: until the rules are known, nothing of the site may be read.
            InvalidUrlError, UrlNotAllowedError
        """
