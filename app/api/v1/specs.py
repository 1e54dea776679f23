"""The route for specifications of repositories."""

from fastapi import APIRouter, Request, Response

from app.api.access import ServicesOf, Writer
from app.api.bodies.specs import SpecsOptions, SpecsRequest, describe_specs_body
from app.api.bodies.uploads import UploadAccepted, locate
from app.api.forms import PRIORITIES, parse_metadata
from app.api.json_bodies import parse_json, validate
from app.api.multipart import Form, drain, read_form, stream_body
from app.api.problems import NEW_WORK, document_problems
from app.api.v1.agents import AgentId
from app.api.v1.uploads import SingleFile
from app.bootstrap import Services
from app.domain.errors import (
    BadRequestError,
    EmptyFileError,
    InvalidMetadataError,
    InvalidUrlError,
    MissingFileError,
    PayloadTooLargeError,
    StorageFullError,
    StorageUnavailableError,
    UnknownRepositoryError,
    UnsupportedTypeError,
    UrlNotAllowedError,
)
from app.domain.metadata import check_metadata
from app.domain.specs import SpecType
from app.services.intake.uploads import Accepted
from app.services.specs.specs import SpecRequest

_PROBLEMS = (
    BadRequestError,
    MissingFileError,
    EmptyFileError,
    UnsupportedTypeError,
    InvalidMetadataError,
    InvalidUrlError,
    UrlNotAllowedError,
    UnknownRepositoryError,
    PayloadTooLargeError,
    *NEW_WORK,
    StorageFullError,
    StorageUnavailableError,
)
_JSON = "application/json"

router = APIRouter(prefix="/agents", tags=["documents"])


@router.post(
    "/{agent_id}/specs",
    status_code=202,
    response_model=UploadAccepted,
    responses=document_problems(*_PROBLEMS),
    openapi_extra=describe_specs_body(),
)
async def generate_specs(agent_id: AgentId, request: Request, identity: Writer, services: ServicesOf) -> Response:
    """Describe the sources of a repository: an uploaded archive, or one that a task reads from a `url`.

    The specification is a document of the agent, and a later one for the same repository and type replaces it. The
    source files become documents as well, unless `index_first` is false. The result of the task has the Markdown.
    """
    agent = await services.tenants.agents.get(identity.access, agent_id)
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() == _JSON:
        body = validate(SpecsRequest, parse_json(await request.body()))
        services.webhooks.webhooks.check_callback(body.callback_url)
        accepted = await services.specs.specs.submit_url(body.url, _request(body, identity.organization_id, agent.id))
    else:
        accepted = await _accept_form(request, services, identity.organization_id, agent.id)
    body_text = UploadAccepted.of(accepted).model_dump_json()
    return Response(body_text, 202, headers={"Location": locate(accepted)}, media_type=_JSON)


async def _accept_form(request: Request, services: Services, organization_id: int, agent_id: int) -> Accepted:
    """Stream the form's archive to storage and submit it, or submit the address that the form names."""
    body = stream_body(request)
    try:
        async with services.intake.uploads.receive() as incoming:
            sink = SingleFile(incoming)
            form = await read_form(request.headers.get("content-type", ""), body, sink, requires_file=False)
            options = _read_options(form)
            services.webhooks.webhooks.check_callback(options.callback_url)
            spec_request = _request(options, organization_id, agent_id)
            if sink.filename is not None:
                return await services.specs.specs.accept(incoming, sink.filename or "repository", spec_request)
            if url := form.get("url"):
                return await services.specs.specs.submit_url(url, spec_request)
            raise MissingFileError("Send it in a part with a filename, or name its address in the field `url`.")
    except (PayloadTooLargeError, StorageFullError):
        await drain(body, services.intake.uploads.max_bytes)
        raise


def _read_options(form: Form) -> SpecsOptions:
    fields = {name: value for name, value in form.fields.items() if name not in {"metadata", "url"}}
    return validate(SpecsOptions, {**fields, "metadata": parse_metadata(form)})


def _request(options: SpecsOptions, organization_id: int, agent_id: int) -> SpecRequest:
    return SpecRequest(
        organization_id,
        agent_id,
        SpecType.parse(options.spec_type),
        check_metadata(options.metadata),
        PRIORITIES[options.priority],
        options.index_first,
        options.chunk_size,
        options.batch_size,
        options.callback_url,
    )
