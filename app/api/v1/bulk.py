"""Routes for lists of agents."""

import asyncio
import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.api import csv_tables
from app.api.access import OrganizationReader, OrganizationWriter, ServicesOf
from app.api.bodies.bulk import (
    ATOMIC,
    DRY_RUN,
    ON_DUPLICATE,
    BulkOptions,
    BulkRequest,
    BulkResult,
    BulkRow,
    BulkRowList,
    Format,
    describe_bulk_body,
)
from app.api.bodies.tasks import TaskAccepted
from app.api.json_bodies import parse_json, validate
from app.api.multipart import drain, read_form, stream_body
from app.api.paging import AfterId, Limit
from app.api.problems import LIMITS, RESPONSES, document_problems
from app.api.v1.uploads import SingleFile
from app.bootstrap import Services
from app.domain.errors import (
    BacklogFullError,
    BadRequestError,
    EmptyFileError,
    MissingFileError,
    NotFoundError,
    PayloadTooLargeError,
    RestrictedKeyError,
    StorageFullError,
    StorageUnavailableError,
    UnsupportedTypeError,
)
from app.domain.onboarding import OnExisting, RowOutcome
from app.domain.tasks import Task

_JSON = "application/json"
_FORM = "multipart/form-data"
_JSON_BYTES = 8 * 1024 * 1024
"""Of a JSON body, which is parsed at once. A file may be as large as any upload."""
_PROBLEMS = document_problems(
    *LIMITS,
    BadRequestError,
    MissingFileError,
    EmptyFileError,
    UnsupportedTypeError,
    PayloadTooLargeError,
    BacklogFullError,
    RestrictedKeyError,
    StorageFullError,
    StorageUnavailableError,
)

router = APIRouter(prefix="/agents/bulk", tags=["agents"], responses=RESPONSES)


async def _read_import_id(import_id: Annotated[str, Path(description="The id of the import's task.")]) -> UUID:
    """Parse the id of an import. One that is not a UUID is answered with 404."""
    try:
        return UUID(import_id)
    except ValueError:
        raise NotFoundError(f"Import {import_id} does not exist.") from None


ImportId = Annotated[UUID, Depends(_read_import_id)]


async def _read_bulk_options(
    atomic: Annotated[bool, Query(description=ATOMIC)] = False,
    dry_run: Annotated[bool, Query(description=DRY_RUN)] = False,
    on_duplicate: Annotated[OnExisting, Query(description=ON_DUPLICATE)] = OnExisting.ERROR,
) -> BulkOptions:
    return BulkOptions(atomic=atomic, dry_run=dry_run, on_duplicate=on_duplicate)


@router.post("", status_code=202, response_model=TaskAccepted, responses=_PROBLEMS, openapi_extra=describe_bulk_body())
async def create_agents(
    options: Annotated[BulkOptions, Depends(_read_bulk_options)],
    request: Request,
    identity: OrganizationWriter,
    services: ServicesOf,
) -> Response:
    """Create many agents from a list: JSON, CSV, or a workbook, as the body or as the `file` of a form.

    The task reads the list and creates the agents in batches on `low_priority`; its `counts` show the progress. A row
    that is wrong is named by its line in the result and stops no other, unless `atomic`. The result names the first
    1,000 agents and errors; the list of rows has all. The options may also be fields of the JSON object or of the
    form. A key that is restricted to agents or documents cannot create agents.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = stream_body(request)
    try:
        if kind == _JSON:
            task = await _accept_json(request, services, identity.organization_id, options)
        elif kind == _FORM:
            task = await _accept_form(request, services, identity.organization_id, options)
        else:
            async with services.intake.uploads.receive() as incoming:
                async for data in body:
                    await incoming.write(data)
                given = options.as_options()
                task = await services.onboarding.imports.accept(incoming, "agents.csv", identity.organization_id, given)
    except (PayloadTooLargeError, StorageFullError):
        await drain(body, services.intake.uploads.max_bytes)
        raise
    accepted = TaskAccepted.of(task, "The list of agents is queued")
    headers = {"Location": f"/api/v1/tasks/{task.id}"}
    return Response(accepted.model_dump_json(), 202, headers=headers, media_type=_JSON)


async def _accept_json(request: Request, services: Services, organization_id: int, options: BulkOptions) -> Task:
    """Check the outer form of a JSON body; its rows are checked by the task."""
    data = bytearray()
    async for piece in stream_body(request):
        data += piece
        if len(data) > _JSON_BYTES:
            raise PayloadTooLargeError(f"A JSON body may have at most {_JSON_BYTES:,} bytes. Send it as a file.")
    found: Any = await asyncio.to_thread(parse_json, bytes(data))
    given = {"agents": found} if isinstance(found, list) else found
    body = validate(BulkRequest, {**options.model_dump(), **given} if isinstance(given, dict) else given)
    async with services.intake.uploads.receive() as incoming:
        await incoming.write(await asyncio.to_thread(_write_json, body.agents))
        return await services.onboarding.imports.accept(incoming, "agents.json", organization_id, body.as_options())


def _write_json(agents: list[Any]) -> bytes:
    return json.dumps(agents).encode()


async def _accept_form(request: Request, services: Services, organization_id: int, options: BulkOptions) -> Task:
    """Stream the form's file to storage and submit it."""
    async with services.intake.uploads.receive() as incoming:
        sink = SingleFile(incoming)
        form = await read_form(request.headers.get("content-type", ""), stream_body(request), sink)
        given = validate(BulkOptions, {**options.model_dump(), **form.fields}).as_options()
        filename = sink.filename or "agents.csv"
        return await services.onboarding.imports.accept(incoming, filename, organization_id, given)


@router.get("/{import_id}", responses=document_problems(RestrictedKeyError))
async def get_import(import_id: ImportId, identity: OrganizationReader, services: ServicesOf) -> BulkResult:
    """Show what has become of a list so far, also of one that was cancelled."""
    return BulkResult.model_validate(await services.onboarding.imports.get(identity.organization_id, import_id))


@router.get(
    "/{import_id}/rows",
    response_model=BulkRowList,
    responses={
        **document_problems(RestrictedKeyError),
        200: {"content": {csv_tables.MEDIA_TYPE: {"schema": {"type": "string"}}}},
    },
)
async def list_import_rows(
    import_id: ImportId,
    request: Request,
    identity: OrganizationReader,
    services: ServicesOf,
    outcome: Annotated[RowOutcome | None, Query(description="Only rows with this outcome.")] = None,
    limit: Limit = 100,
    after: AfterId = None,
    format: Annotated[  # noqa: A002 - the parameter's name in the query
        Format, Query(description="`csv` for a table; the header `Link` has its next page.")
    ] = "json",
) -> BulkRowList | Response:
    """List the rows of a list in their order, with the agent or the error of each."""
    listing = await services.onboarding.imports.list_rows(
        identity.organization_id, import_id, outcome, limit=limit, after=after
    )
    empty = {"column": None, "code": None, "message": None, "value": None}
    rows = [BulkRow.model_validate({**empty, **row, **(row["error"] or {})}) for row in listing.items]
    if format == "csv":
        written = (row.model_dump(mode="json") for row in rows)
        return csv_tables.respond(list(BulkRow.model_fields), written, url=request.url, cursor=listing.next)
    return BulkRowList(rows=rows, total=listing.total, next=listing.next)
