"""The text that was read from a document, rebuilt from its chunks: text is not stored a second time."""

from collections.abc import Sequence
from itertools import groupby

from app.db.documents.documents import count_pages, list_chunks, list_chunks_of_pages
from app.db.engine import Database
from app.domain.errors import NotFoundError
from app.domain.identity import Access
from app.domain.records import Listing, PageText, StoredChunk
from app.pipeline.chunking.joining import join_chunks
from app.services.intake.documents import Documents


class DocumentTexts:
    """The texts of an organization's documents."""

    def __init__(self, database: Database, documents: Documents) -> None:
        self._database = database
        self._documents = documents

    async def read(self, access: Access, document_id: int) -> str:
        """The whole text; the ``start`` and ``end`` of the document's chunks count characters in it."""
        document = await self._documents.get(access, document_id)
        async with self._database.statement() as connection:
            return join_chunks((await list_chunks(connection, document.id)).items)

    async def list_pages(
        self, access: Access, document_id: int, *, page: int | None, limit: int, after: int | None
    ) -> Listing[PageText]:
        """The pages in order; those without text too. One page without a number, for a format without pages.

        Args:
            access: What the caller may see.
            document_id: The document.
            page: Return this page only.
            limit: The maximum number of pages.
            after: The number of the last page before these.

        Raises:
            NotFoundError: when the organization has no such document, or the document has no such page.
        """
        document = await self._documents.get(access, document_id)
        async with self._database.statement() as connection:
            total = max(await count_pages(connection, document.id), document.page_count or 0)
            if page is not None and page > total:
                raise NotFoundError(f"Document {document_id} has no page {page}: it has {total}.")
            first, last = (page, page) if page else ((after or 0) + 1, min((after or 0) + limit, total))
            chunks = await list_chunks_of_pages(connection, document.id, first, last)
        texts = {number: _make_page(number, list(group)) for number, group in groupby(chunks, lambda c: c.page)}
        numbered = [texts.get(number) or PageText(number, "", None, None) for number in range(first, last + 1)]
        return Listing([texts[None]] if None in texts else numbered, total, str(last) if last < total else None)


def _make_page(number: int | None, chunks: Sequence[StoredChunk]) -> PageText:
    return PageText(number, join_chunks(chunks, chunks[0].start), chunks[0].start, chunks[-1].end)
