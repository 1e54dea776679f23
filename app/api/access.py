"""Authentication of requests, and the dependencies that give routes their caller and the services."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import Field, TypeAdapter, ValidationError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from app.api import problems
from app.bootstrap import Services
from app.domain.errors import ForbiddenError, OperatorRequiredError, RestrictedKeyError, SluiceError
from app.domain.identity import Identity, Scope

_PREFIX = "/api/v1"

_ID: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=2**63 - 1)])
_bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer sk_sluice_…`")


async def get_services(request: Request) -> Services:
    """The services of this process."""
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(get_services)]


class AuthenticationMiddleware:
    """ASGI middleware that answers 401 to a request without a valid API key.

    It runs before routing and before the body is read, so a client without a key receives 401 and nothing else.
    Everything behind it reads the caller from ``scope["state"]["identity"]``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Authenticate a request to the API; pass on everything else."""
        if scope["type"] != "http" or not _is_guarded(read_path(scope)):
            await self._app(scope, receive, send)
            return
        try:
            identity = await authenticate(scope)
        except SluiceError as error:
            await problems.respond_to(Request(scope), error)(scope, receive, send)
            return
        scope["state"]["identity"] = identity
        await self._app(scope, receive, send)


async def authenticate(scope: Connection) -> Identity:
    """The identity that the API key of a request authenticates now.

    A response that is sent some time after its request began is sent only if the key is still valid.

    Raises:
        UnauthorizedError: when the key is missing, unknown, revoked or expired.
    """
    services: Services = scope["app"].state.services
    return await services.tenants.identities.authenticate(read_token(Headers(scope=scope)))


def read_path(scope: Connection) -> str:
    """The path within this application, without the prefix that a proxy adds, as the router reads it."""
    path: str = scope["path"]
    prefix: str = scope.get("root_path", "")
    return path[len(prefix) :] if path == prefix or path.startswith(f"{prefix}/") else path


def read_token(headers: Headers) -> str:
    """The API key in a request's headers; empty if there is none."""
    scheme, token = get_authorization_scheme_param(headers.get("authorization"))
    return token if scheme.lower() == "bearer" else ""


def _is_guarded(path: str) -> bool:
    return path == _PREFIX or path.startswith(f"{_PREFIX}/")


def check_scope(identity: Identity, scope: Scope) -> None:
    """Check that the caller's key has a scope.

    Raises:
        OperatorRequiredError: it lacks the scope ``operator``.
        ForbiddenError: it lacks another scope.
    """
    if identity.allows(scope):
        return
    if scope is Scope.OPERATOR:
        raise OperatorRequiredError
    raise ForbiddenError(f"The request needs the scope `{scope}`.")


def require(
    scope: Scope, *, whole_organization: bool = False, all_documents: bool = False
) -> Callable[..., Awaitable[Identity]]:
    """Make a dependency that returns the caller, and answers 403 if its key lacks ``scope``.

    With ``whole_organization``, it also answers 403 to a key that is restricted to some agents or documents; with
    ``all_documents``, to one that is restricted to some documents.
    """

    async def get_identity(request: Request, _key: Annotated[object, Depends(_bearer)]) -> Identity:
        identity = authorize(request.scope, scope)
        if whole_organization:
            identity.access.check_unrestricted()
        if all_documents and identity.document_filter is not None:
            raise RestrictedKeyError
        return identity

    return get_identity


def authorize(connection: Connection, scope: Scope) -> Identity:
    """Return the caller of a request whose route needs a scope.

    A route with ``{agent_id}`` in its path is refused here if that agent does not exist for the caller's key.

    Raises:
        OperatorRequiredError: the caller's key lacks the scope ``operator``.
        ForbiddenError: it lacks another scope.
        NotFoundError: the key is restricted to other agents than that of the path.
    """
    identity: Identity = connection["state"]["identity"]
    check_scope(identity, scope)
    connection["state"]["required_scope"] = scope
    if identity.agent_ids is not None and (agent_id := connection["path_params"].get("agent_id")) is not None:
        _check_agent(identity, str(agent_id))
    return identity


def _check_agent(identity: Identity, agent_id: str) -> None:
    """Check the agent in a path. The route refuses what is no number."""
    if (number := read_id(agent_id)) is not None:
        identity.access.check_agent(number)


def read_id(text: str) -> int | None:
    """An id in a path, as the routes read it: ``+7`` and ``7.0`` are 7, too. None if it is no valid id."""
    with suppress(ValidationError):
        return _ID.validate_python(text)
    return None


async def _get_asker(request: Request, _key: Annotated[object, Depends(_bearer)]) -> Identity:
    """Return the caller of a route that asks: a key with a document filter, which only reads, may do so.

    The audit log has its questions, too: each is a task.
    """
    identity: Identity = request.state.identity
    request.state.is_write = True
    return authorize(request.scope, Scope.WRITE if identity.document_filter is None else Scope.READ)


Reader = Annotated[Identity, Depends(require(Scope.READ))]
Writer = Annotated[Identity, Depends(require(Scope.WRITE))]
Admin = Annotated[Identity, Depends(require(Scope.ADMIN))]
OrganizationReader = Annotated[Identity, Depends(require(Scope.READ, whole_organization=True))]
OrganizationWriter = Annotated[Identity, Depends(require(Scope.WRITE, whole_organization=True))]
OrganizationAdmin = Annotated[Identity, Depends(require(Scope.ADMIN, whole_organization=True))]
"""Callers whose key sees all of its organization."""
UnfilteredReader = Annotated[Identity, Depends(require(Scope.READ, all_documents=True))]
"""Callers whose key sees all documents of the agents that it sees."""
Asker = Annotated[Identity, Depends(_get_asker)]
Operator = Annotated[Identity, Depends(require(Scope.OPERATOR))]
