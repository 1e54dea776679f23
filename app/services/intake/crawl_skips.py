"""The pages of a crawl that are no documents: any site has some among its links, so they are no failures."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.documents import hide_document
from app.domain.errors import (
    DisallowedByRobotsError,
    EmptyFileError,
    InvalidUrlError,
    PageNotAvailableError,
    ResponseTooLargeError,
    SluiceError,
    TooManyRedirectsError,
    UnsupportedCodingError,
    UnsupportedTypeError,
    UrlNotAllowedError,
)
from app.domain.ports import BlobStore
from app.domain.records import Document
from app.domain.tasks import Task
from app.services.indexing.publication import submit_sweep
from app.services.intake.webpages import StoredPage
from app.services.queue.attempts import Outcome

NO_DOCUMENT = (
    *(DisallowedByRobotsError, InvalidUrlError, PageNotAvailableError, ResponseTooLargeError, TooManyRedirectsError),
    *(EmptyFileError, UnsupportedCodingError, UnsupportedTypeError, UrlNotAllowedError),
)
"""The errors of reading a page for which it is skipped. Others, such as a server that does not answer, are failures."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a page is no document.

    ``removes``: the site says that the page is none, so the document that an earlier crawl made of it goes. Otherwise
    the page cannot be read now, and that document stays.
    """

    code: str
    message: str
    removes: bool = True

    @classmethod
    def because(cls, error: SluiceError) -> "Skip":
        """A page that cannot be read."""
        return cls(error.code, error.message, removes=False)


def is_start(page: Task) -> bool:
    """Whether the crawl starts at this page. It is not skipped: the crawl fails, with the reason."""
    return not page.arguments.get("depth")


def make_skipped_outcome(blobs: BlobStore, document: Document, stored: StoredPage | None, skip: Skip) -> Outcome:
    """The outcome of a page that is skipped; ``stored`` is None if it was not read."""
    hides = skip.removes or document.blob_key is None
    keys = {stored.content.blob_key if stored else None, document.blob_key if hides else None} - {None}

    async def apply(connection: AsyncConnection) -> None:
        if hides:
            await hide_document(connection, document.id)
            await submit_sweep(connection, document)

    async def drop() -> None:
        for key in keys:
            await blobs.delete(str(key))

    url = stored.url if stored else document.source_url
    result = {"document_id": None, "url": url, "skipped": skip.message, "code": skip.code}
    return Outcome(result, skip.message, apply=apply, after=drop)
