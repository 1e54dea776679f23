"""Who is calling, and through which services they are served."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.bootstrap import Services
from app.domain.errors import ForbiddenError, UnauthorizedError
from app.domain.identity import Identity, Scope

_bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer sk_sluice_…`")


async def get_services(request: Request) -> Services:
    """The services of this process."""
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(get_services)]


def require(scope: Scope) -> Callable[..., Awaitable[Identity]]:
    """A dependency that lets only keys with ``scope`` pass."""

    async def identify(
        services: ServicesOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Identity:
        if credentials is None:
            raise UnauthorizedError
        identity = await services.identities.authenticate(credentials.credentials)
        if not identity.allows(scope):
            raise ForbiddenError(f"It takes {scope}.")
        return identity

    return identify


Reader = Annotated[Identity, Depends(require(Scope.READ))]
Writer = Annotated[Identity, Depends(require(Scope.WRITE))]
Admin = Annotated[Identity, Depends(require(Scope.ADMIN))]
