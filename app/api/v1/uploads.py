"""Uploads: the way in."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.access import ServicesOf, Writer
from app.api.bodies.documents import CollectionUploadAccepted, UploadAccepted
from app.api.multipart import Form, drain, read_form, stream_body
from app.api.problems import BACKLOG_FULL, RESPONSES, Problem
from app.api.v1.agents import AgentId
from app.bootstrap import Services
from app.domain.errors import InvalidMetadataError, InvalidRequestError, PayloadTooLargeError
from app.domain.media import SUPPORTED
from app.domain.tasks import Queue, Task
from app.services.agents import make_slug
from app.services.uploads import Upload

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    **RESPONSES,
    **BACKLOG_FULL,
    400: {"model": Problem, "description": "The form is malformed or breaks off."},
    413: {"model": Problem, "description": "The file is larger than `MAX_UPLOAD_MB`."},
    415: {"model": Problem, "description": f"The content is none of {', '.join(SUPPORTED)}."},
    507: {"model": Problem, "description": "The disk is full."},
}
_PRIORITIES = {"high": Queue.HIGH, "medium": Queue.MEDIUM, "low": Queue.LOW}


def _form_schema(**fields: dict[str, Any]) -> dict[str, Any]:
    properties = {"file": {"type": "string", "format": "binary"}, **fields}
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


_OPTIONS: dict[str, dict[str, Any]] = {
    "metadata": {
        "type": "string",
        "description": "A JSON object, kept with the document.",
        "example": '{"year": 2026}',
    },
    "priority": {"type": "string", "enum": list(_PRIORITIES), "default": "high"},
}

router = APIRouter(prefix="/documents", tags=["documents"], responses=_PROBLEMS)


@router.post(
    "/agent/{agent_id}/upload", status_code=202, response_model=UploadAccepted, openapi_extra=_form_schema(**_OPTIONS)
)
async def upload_document(agent_id: AgentId, request: Request, identity: Writer, services: ServicesOf) -> Response:
    """Upload a document. The answer comes as soon as it is safely stored; the task tells the rest."""
    _, task = await _take_in(request, services, identity.organization_id, agent_id)
    return Response(
        UploadAccepted.of(task).model_dump_json(),
        202,
        headers={"Location": f"/api/v1/tasks/{task.id}"},
        media_type="application/json",
    )


@router.post(
    "/upload",
    status_code=202,
    openapi_extra=_form_schema(collection={"type": "string", "default": "default"}, **_OPTIONS),
)
async def upload_to_collection(
    request: Request, identity: Writer, services: ServicesOf, response: Response
) -> CollectionUploadAccepted:
    """Upload a document to a collection. A collection is an agent's slug; the agent is made on first use."""
    form, task = await _take_in(request, services, identity.organization_id, None)
    response.headers["Location"] = f"/api/v1/tasks/{task.id}"
    return CollectionUploadAccepted(
        task_id=str(task.id),
        document_id=task.document_id or 0,
        filename=task.metadata["filename"],
        collection=_collection(form),
        message="Document uploaded successfully and queued for processing",
    )


async def _take_in(
    request: Request, services: Services, organization_id: int, agent_id: int | None
) -> tuple[Form, Task]:
    """Stream the form's file to storage, then accept it for the agent, or for the collection the form names."""
    body = stream_body(request)
    try:
        async with services.uploads.receive() as receipt:
            form = await read_form(request.headers.get("content-type", ""), body, receipt.write)
            metadata, queue = _parse_metadata(form), _parse_priority(form)
            if agent_id is None:
                agent_id = (await services.agents.get_or_create(organization_id, _collection(form))).id
            upload = Upload(organization_id, agent_id, form.filename or "unnamed", metadata, queue)
            return form, await services.uploads.accept(receipt, upload)
    except PayloadTooLargeError:
        await drain(body, services.uploads.max_bytes)
        raise


def _collection(form: Form) -> str:
    return make_slug(form.get("collection", "default"))


def _parse_metadata(form: Form) -> dict[str, Any]:
    try:
        metadata = json.loads(form.get("metadata") or "{}")
        # Python reads more than JSON is: NaN, numbers without end, halves of characters. Postgres does not.
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidMetadataError(str(error)) from error
    if not isinstance(metadata, dict) or b"\\u0000" in text:
        raise InvalidMetadataError
    return metadata


def _parse_priority(form: Form) -> Queue:
    priority = form.get("priority") or "high"
    if priority not in _PRIORITIES:
        raise InvalidRequestError(f"priority is one of {', '.join(_PRIORITIES)}.")
    return _PRIORITIES[priority]
