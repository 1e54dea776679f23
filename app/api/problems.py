"""Errors as ``application/problem+json`` (RFC 9457), each with a stable ``code``."""

import math
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app.api.access_log import find_route_template
from app.api.validation import describe_errors
from app.domain.errors import (
    BacklogFullError,
    BadRequestError,
    BudgetExceededError,
    DatabaseFullError,
    DatabaseUnavailableError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    PayloadTooLargeError,
    QuotaExceededError,
    RateLimitedError,
    SluiceError,
    StorageFullError,
    UnauthorizedError,
    UnstorableValueError,
    name_disk_error,
)

log = structlog.get_logger()


class FieldProblem(BaseModel):
    """A part of the request that is wrong."""

    model_config = ConfigDict(json_schema_extra={"example": {"field": "query.limit", "message": "Must be at least 1."}})

    field: str = Field(description="Where it is, such as `body.name`, `query.limit` or `path.agent_id`.")
    message: str = Field(description="What is allowed.")


class SupportedType(BaseModel):
    """A file type that Sluice reads."""

    model_config = ConfigDict(json_schema_extra={"example": {"media_type": "application/pdf", "extensions": [".pdf"]}})

    media_type: str = Field(description="The IANA media type. It is detected by content, not by name.")
    extensions: list[str] = Field(description="The usual file name extensions.")


class QuotaProblem(BaseModel):
    """A limit that is used up."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "documents_per_month",
                "agent_id": None,
                "limit": 1000,
                "used": 1000,
                "resets_at": "2026-12-01T00:00:00Z",
            }
        }
    )

    name: str = Field(description="What is limited, as in `GET /limits`.")
    agent_id: int | None = Field(description="The agent whose limit it is; null for that of the organization.")
    limit: int | str = Field(description="The limit; of a budget, a decimal number in a text.")
    used: int | str = Field(description="What is used, without this request.")
    resets_at: str | None = Field(description="When the month ends, in UTC; null for stored bytes.")


class Problem(BaseModel):
    """An error response. Programs should match on `code`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Not found.",
                "status": 404,
                "detail": "Not found. Document 7 does not exist.",
                "code": "not_found",
                "retryable": False,
                "request_id": "01934b1c8e2f7c3a",
            }
        }
    )

    type: str = Field("about:blank", description="Always `about:blank`: `code` identifies the problem.")
    title: str = Field(description="The kind of problem, the same for every problem of a `code`.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what to do next, for people.")
    code: str = Field(description="The kind of problem, for programs. It never changes.")
    retryable: bool = Field(description="Whether the same request may succeed later; see the header `Retry-After`.")
    request_id: str = Field(description="The request's id, as in the header `X-Request-ID` and in the server's log.")
    errors: list[FieldProblem] | None = Field(None, description="The fields that are wrong, if the request is invalid.")
    detected_type: str | None = Field(None, description="With `unsupported_type`: the media type of the file.")
    supported_types: list[SupportedType] | None = Field(
        None, description="With `unsupported_type`: the types that are supported."
    )
    quota: QuotaProblem | None = Field(
        None, description="With `quota_exceeded` and `budget_exceeded`: the limit that is used up."
    )


Responses = dict[int | str, dict[str, Any]]
"""What FastAPI takes as the further responses of a route."""

_MEDIA_TYPE = "application/problem+json"
_METHOD = "This path does not support the method. The header `Allow` lists the methods that it supports."


def respond(request: Request, *, status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """Make a problem response. ``more`` may contain title, retryable, retry_after and further fields."""
    retry_after = more.pop("retry_after", None)
    problem = Problem(
        title=more.pop("title", HTTPStatus(status).phrase),
        status=status,
        code=code,
        detail=detail,
        retryable=more.pop("retryable", False),
        request_id=request.state.request_id,
        **more,
    )
    headers = {"Retry-After": str(math.ceil(retry_after))} if retry_after else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(problem.model_dump(exclude_none=True), status, headers=headers, media_type=_MEDIA_TYPE)


def respond_to(request: Request, error: SluiceError) -> JSONResponse:
    """The problem response for ``error``."""
    return respond(
        request,
        status=error.status,
        code=error.code,
        title=error.title(),
        detail=error.message,
        retryable=error.retryable,
        retry_after=error.retry_after or (1 if error.retryable else None),
        **error.members,
    )


async def _on_sluice_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SluiceError)  # noqa: S101 - registered for nothing else
    if isinstance(error, StorageFullError):
        where = "database" if isinstance(error, DatabaseFullError) else "files"
        log.error("storage_full", where=where, method=request.method, route=find_route_template(request.scope))
    return respond_to(request, error)


async def _on_os_error(request: Request, error: Exception) -> Response:
    named = name_disk_error(error)
    if named is error:
        raise error  # a crash, like any other unexpected error
    return await _on_sluice_error(request, named)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    body = getattr(request.scope.get("route"), "body_field", None)
    is_json = "json" in request.headers.get("content-type", "")
    errors = describe_errors(error.errors(), body and body.field_info.annotation, is_json=is_json)
    title = InvalidRequestError.title()
    detail = " ".join([title, *(f"{one['field']}: {one['message']}" for one in errors)])
    if (more := len(error.errors()) - len(errors)) > 0:
        detail = f"{detail} There are {more:,} more errors."
    return respond(request, status=422, code=InvalidRequestError.code, title=title, detail=detail, errors=errors)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    if error.status_code < HTTPStatus.BAD_REQUEST:
        return Response(status_code=error.status_code, headers=error.headers)
    if known := _find_known(error):
        return respond_to(request, known)
    is_method = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    code, detail = ("method_not_allowed", _METHOD) if is_method else ("http_error", str(error.detail))
    response = respond(request, status=error.status_code, code=code, detail=detail)
    response.headers.update(error.headers or {})
    return response


def _find_known(error: HTTPException) -> SluiceError | None:
    """The error of the same code that other places raise, so that a code has one status and one title."""
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return PayloadTooLargeError(error.detail)
    # FastAPI raises 400 from any exception of the JSON parser except a syntax error.
    if isinstance(error.__cause__, RecursionError):
        return InvalidRequestError("Is nested too deeply.", field="body")
    if isinstance(error.__cause__, ValueError):
        return InvalidRequestError("Must be JSON in UTF-8, with numbers of at most 4,300 digits.", field="body")
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return BadRequestError(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFoundError("The API has no such path; /docs lists its paths.")
    return None


async def _on_crash(request: Request, error: Exception) -> JSONResponse:
    identity = getattr(request.state, "identity", None)
    log.error(
        "request_failed",
        method=request.method,
        route=find_route_template(request.scope),
        organization_id=identity.organization_id if identity else None,
        agent_id=request.path_params.get("agent_id"),
        exc_info=error,
    )
    response = respond_to(request, SluiceError("The server's log has the cause under this request id."))
    # Starlette sends this response outside of the middleware that adds the header to every other one.
    response.headers["X-Request-ID"] = request.state.request_id
    return response


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    SluiceError: _on_sluice_error,
    RequestValidationError: _on_invalid,
    HTTPException: _on_http_error,
    OSError: _on_os_error,
    Exception: _on_crash,
}


def install(app: FastAPI) -> None:
    """Make ``app`` return every error as a problem."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


def describe(description: str) -> dict[str, Any]:
    """The OpenAPI description of a problem response."""
    return {"description": description, "content": {_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def document_problems(*kinds: type[SluiceError]) -> Responses:
    """The OpenAPI description of the errors of a route, for its ``responses``: those of every route, and these."""
    responses: Responses = {}
    every: tuple[type[SluiceError], ...] = (*_OF_EVERY_ROUTE, *kinds)
    for kind in every:
        response = responses.setdefault(kind.status, {"model": Problem, "description": "", "content": {}})
        _add_problem(response, kind)
    return responses


def add_problems(responses: dict[str, Any], *kinds: type[SluiceError]) -> None:
    """Add errors to the responses of an operation in an OpenAPI document."""
    for kind in kinds:
        _add_problem(responses.setdefault(str(kind.status), describe("")), kind)


def _add_problem(response: dict[str, Any], kind: type[SluiceError]) -> None:
    example = {
        "type": "about:blank",
        "title": kind.title(),
        "status": kind.status,
        "detail": kind.title(),
        "code": kind.code,
        "retryable": kind.retryable,
        "request_id": "9f86d081884c7d65",
        **{name: value for name, value in kind().members.items() if value is not None},
    }
    examples = response["content"].setdefault(_MEDIA_TYPE, {}).setdefault("examples", {})
    if kind.code not in examples:
        examples[kind.code] = {"summary": kind.title(), "value": example}
        response["description"] = f"{response['description']}\n\n- `{kind.code}`: {kind.title()}".strip()


def correct_responses(responses: dict[str, Any]) -> None:
    """Move the schema of problems, which FastAPI puts under the media type of the success, to their own media type."""
    for response in responses.values():
        described = response.get("content", {})
        for media_type in [name for name in described if name != _MEDIA_TYPE]:
            if described[media_type].get("schema", {}).get("$ref", "").endswith("/Problem"):
                schema = described.pop(media_type)["schema"]
                described[_MEDIA_TYPE] = {"schema": schema, **described.get(_MEDIA_TYPE, {})}


LIMITS = (QuotaExceededError, BudgetExceededError)
NEW_WORK = (BacklogFullError, *LIMITS)
"""The errors of a route that submits new work of an agent; ``LIMITS`` are those of work that is done again."""

_OF_EVERY_ROUTE = (
    UnauthorizedError,
    ForbiddenError,
    NotFoundError,
    InvalidRequestError,
    UnstorableValueError,
    RateLimitedError,
    DatabaseUnavailableError,
)
RESPONSES = document_problems()
