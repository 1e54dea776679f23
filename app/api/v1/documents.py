"""Routes for documents."""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from app.api.access import Reader, ServicesOf, Writer
from app.api.bodies.documents import (
    ChunkBody,
    ChunkList,
    DocumentBody,
    DocumentList,
    DocumentStatusBody,
    PageBody,
    PageList,
)
from app.api.bodies.tasks import TaskAccepted, TaskBody
from app.api.paging import AfterId, Limit
from app.api.problems import NEW_WORK, RESPONSES, document_problems
from app.domain.documents import DocumentStatus
from app.domain.errors import DocumentBusyError, FileMissingError, StorageUnavailableError

router = APIRouter(prefix="/documents", tags=["documents"], responses=RESPONSES)

DocumentId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The document's id.")]


@router.get("")
async def list_documents(
    identity: Reader,
    services: ServicesOf,
    agent_id: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only documents of this agent.")] = None,
    status: Annotated[DocumentStatus | None, Query(description="Only documents with this status.")] = None,
    limit: Limit = 100,
    after: AfterId = None,
) -> DocumentList:
    """List documents, newest first."""
    listing = await services.intake.documents.list(
        identity.access, agent_id=agent_id, status=status, limit=limit, after=after
    )
    documents = [DocumentBody.of(document) for document in listing.items]
    return DocumentList(documents=documents, total=listing.total, next=listing.next)


@router.get("/{document_id}")
async def get_document(document_id: DocumentId, identity: Reader, services: ServicesOf) -> DocumentBody:
    """Show a document."""
    return DocumentBody.of(await services.intake.documents.get(identity.access, document_id))


@router.get("/{document_id}/status")
async def get_document_status(document_id: DocumentId, identity: Reader, services: ServicesOf) -> DocumentStatusBody:
    """Show the status of a document, with the task that determines it."""
    document, task = await services.intake.documents.get_with_task(identity.access, document_id)
    body = TaskBody.of(task) if task else None
    return DocumentStatusBody(
        id=document.id,
        document_id=document.id,
        filename=document.filename,
        status=document.status,
        chunk_count=document.chunk_count,
        page_count=document.page_count,
        error=body.error if body else None,
        task=body,
    )


@router.get("/{document_id}/chunks")
async def list_document_chunks(
    document_id: DocumentId, identity: Reader, services: ServicesOf, limit: Limit = 100, after: AfterId = None
) -> ChunkList:
    """List a document's chunks in order."""
    listing = await services.intake.documents.list_chunks(identity.access, document_id, limit=limit, after=after)
    return ChunkList(chunks=[ChunkBody.of(chunk) for chunk in listing.items], total=listing.total, next=listing.next)


@router.get("/{document_id}/text")
async def list_document_pages(
    document_id: DocumentId,
    identity: Reader,
    services: ServicesOf,
    page: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only the page of this number.")] = None,
    limit: Limit = 100,
    after: AfterId = None,
) -> PageList:
    """Show the text that was read from a document, page by page. A document that was not processed yet has no pages."""
    listing = await services.intake.texts.list_pages(identity.access, document_id, page=page, limit=limit, after=after)
    return PageList(pages=[PageBody.of(found) for found in listing.items], total=listing.total, next=listing.next)


@router.get(
    "/{document_id}/content",
    response_class=Response,
    responses={
        **document_problems(FileMissingError, StorageUnavailableError),
        200: {
            "description": "The file with its detected media type, or its text as `text/plain`.",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def get_document_content(
    document_id: DocumentId,
    identity: Reader,
    services: ServicesOf,
    content_format: Annotated[
        Literal["original", "text"],
        Query(alias="format", description="The uploaded file, or the text that chunk offsets refer to."),
    ] = "original",
) -> Response:
    """Download a document: the uploaded file or, with `format=text`, the text that chunk offsets refer to."""
    document = await services.intake.documents.get(identity.access, document_id)
    if content_format == "text":
        text = await services.intake.texts.read(identity.access, document_id)
        return Response(text, media_type="text/plain; charset=utf-8")
    headers = {
        "Content-Length": str(document.size_bytes),
        # A browser must not run a stored page as part of this site.
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.filename, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(
        await services.intake.documents.open(document), media_type=document.media_type, headers=headers
    )


@router.post("/{document_id}/reindex", status_code=202, responses=document_problems(DocumentBusyError, *NEW_WORK))
async def reindex_document(document_id: DocumentId, identity: Writer, services: ServicesOf) -> TaskAccepted:
    """Process a document again, with the agent's current settings."""
    document = await services.intake.documents.get(identity.access, document_id)
    await services.intake.backpressure.check_work(document.organization_id, document.agent_id)
    task = await services.intake.documents.reindex(identity.access, document_id)
    return TaskAccepted.of(task, "Document queued for reindexing")


@router.delete("/{document_id}", status_code=202)
async def delete_document(document_id: DocumentId, identity: Writer, services: ServicesOf) -> TaskAccepted:
    """Delete a document. It is hidden from search at once and removed by a task."""
    task = await services.intake.documents.delete(identity.access, document_id)
    return TaskAccepted.of(task, "Document hidden and queued for removal")
