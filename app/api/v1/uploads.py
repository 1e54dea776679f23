"""Routes for uploads."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from app.api.access import ServicesOf, Writer
from app.api.bodies.uploads import BatchAccepted, CollectionUploadAccepted, UploadAccepted, locate
from app.api.direct import direct
from app.api.forms import OPTIONS, describe_form, parse_options
from app.api.multipart import Form, drain, read_form, stream_body
from app.api.problems import NEW_WORK, document_problems
from app.api.v1.agents import AgentId
from app.bootstrap import Services
from app.domain.agents import make_slug
from app.domain.errors import (
    BadRequestError,
    DuplicateDocumentError,
    EmptyFileError,
    InvalidMetadataError,
    InvalidRequestError,
    InvalidUrlError,
    MissingFileError,
    PayloadTooLargeError,
    StorageFullError,
    StorageUnavailableError,
    TooManyFilesError,
    UnsupportedTypeError,
    UrlNotAllowedError,
)
from app.domain.identity import Access, Scope
from app.services.intake.batches import Batch
from app.services.intake.uploads import Accepted, IncomingFile, Upload

_PROBLEMS = (
    BadRequestError,
    MissingFileError,
    InvalidMetadataError,
    PayloadTooLargeError,
    *NEW_WORK,
    StorageFullError,
    StorageUnavailableError,
    InvalidUrlError,
    UrlNotAllowedError,
)
_ONE_FILE = document_problems(*_PROBLEMS, EmptyFileError, UnsupportedTypeError, DuplicateDocumentError)
_FILE = {"type": "string", "format": "binary", "description": "The file, with its name."}
_FILES = {
    "type": "array",
    "items": {"type": "string", "format": "binary"},
    "description": "The files, with their names.",
}
_COLLECTION = {
    "type": "string",
    "default": "default",
    "description": "The collection: an agent's slug, or a name from which one is made. It is created on first use.",
}

router = APIRouter(prefix="/documents", tags=["documents"])


@router.post(
    "/agent/{agent_id}/upload",
    status_code=202,
    response_model=UploadAccepted,
    responses=_ONE_FILE,
    openapi_extra=describe_form("file", _FILE, **OPTIONS),
)
@direct("agent_id", Scope.WRITE)
async def upload_document(agent_id: AgentId, request: Request, identity: Writer, services: ServicesOf) -> Response:
    """Upload a document. The response is sent when the file is stored durably; the task reports the processing.

    An archive (`.zip`, `.7z`, `.tar`, `.tar.gz`, `.gz` and others) becomes a parent task with a child for each file in
    it. The files within a document, such as the attachments of a mail, become children of its task.
    """
    _, accepted = await _accept_upload(request, services, identity.access, agent_id)
    return Response(
        UploadAccepted.of(accepted).model_dump_json(),
        202,
        headers={"Location": locate(accepted)},
        media_type="application/json",
    )


@router.post(
    "/upload",
    status_code=202,
    responses=_ONE_FILE,
    openapi_extra=describe_form("file", _FILE, collection=_COLLECTION, **OPTIONS),
)
async def upload_to_collection(
    request: Request, identity: Writer, services: ServicesOf, response: Response
) -> CollectionUploadAccepted:
    """Upload a document to a collection. A collection is an agent's slug; the agent is created on first use.

    A key that is restricted to agents cannot create one: another collection than theirs is answered with 404.
    """
    form, accepted = await _accept_upload(request, services, identity.access, None)
    response.headers["Location"] = locate(accepted)
    return CollectionUploadAccepted(
        task_id=str(accepted.task_id) if accepted.task_id else None,
        document_id=accepted.document_id,
        filename=accepted.filename,
        collection=_read_slug(form),
        message=accepted.message,
    )


@router.post(
    "/agent/{agent_id}/batch",
    status_code=202,
    responses=document_problems(*_PROBLEMS, TooManyFilesError),
    openapi_extra=describe_form("files", _FILES, **OPTIONS),
)
async def upload_batch(
    agent_id: AgentId, request: Request, identity: Writer, services: ServicesOf, response: Response
) -> BatchAccepted:
    """Upload many files at once. The task is their parent: it counts them and ends after the last of them.

    An empty file or one of an unsupported type fails alone; the others are processed.
    """
    body = stream_body(request)
    try:
        async with services.intake.batches.receive() as incoming:
            form = await read_form(request.headers.get("content-type", ""), body, incoming)
            options = parse_options(form)
            services.webhooks.webhooks.check_callback(options[-1])
            batch = Batch(identity.organization_id, agent_id, *options)
            parent, children = await services.intake.batches.accept(incoming, batch)
    except (PayloadTooLargeError, StorageFullError):
        await drain(body, services.intake.uploads.max_bytes)
        raise
    response.headers["Location"] = f"/api/v1/tasks/{parent.id}"
    counts = await services.queue.tasks.count_children(identity.access, [parent])
    return BatchAccepted.of_batch(parent, children, counts[parent.id])


@dataclass(slots=True)
class SingleFile:
    """Accepts exactly one file of a form."""

    incoming: IncomingFile
    filename: str | None = None

    async def begin(self, filename: str) -> None:
        """Note the name of the file. A second file is refused."""
        if self.filename is not None:
            raise InvalidRequestError("Send one file per request, or use the batch endpoint.", field="body.file")
        self.filename = filename

    async def write(self, data: bytes) -> None:
        """Write the next bytes of the file."""
        await self.incoming.write(data)


async def _accept_upload(
    request: Request, services: Services, access: Access, agent_id: int | None
) -> tuple[Form, Accepted]:
    """Stream the form's file to storage, then accept it for the agent or for the collection that the form names."""
    body = stream_body(request)
    try:
        async with services.intake.uploads.receive() as incoming:
            sink = SingleFile(incoming)
            form = await read_form(request.headers.get("content-type", ""), body, sink)
            options = parse_options(form, *(["collection"] if agent_id is None else []))
            services.webhooks.webhooks.check_callback(options[-1])
            if agent_id is None:
                agent_id = (await services.tenants.agents.get_or_create(access, _read_slug(form))).id
            upload = Upload(access.organization_id, agent_id, sink.filename or "unnamed", *options)
            return form, await services.intake.uploads.accept(incoming, upload)
    except (PayloadTooLargeError, StorageFullError):
        await drain(body, services.intake.uploads.max_bytes)
        raise


def _read_slug(form: Form) -> str:
    return make_slug(form.get("collection", "default"))
