"""Routes whose requests are served without FastAPI's dependencies, which take a tenth of the time of an upload.

FastAPI describes such a route in the OpenAPI document as any other, and serves the requests that are not plain.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from app.api.access import authorize
from app.bootstrap import Services
from app.domain.identity import Identity, Scope

Endpoint = Callable[[int, Request, Identity, Services], Awaitable[Response]]

_PLAIN_ID = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class _Direct:
    parameter: str
    scope: Scope


_DIRECT: dict[object, _Direct] = {}
"""By endpoint."""


def direct(parameter: str, scope: Scope) -> Callable[[Endpoint], Endpoint]:
    """Decorate a route that makes its own response: its plain requests are served directly.

    Args:
        parameter: The name of the path's only parameter, an id. It is the route's first argument; the others are the
            request, the caller and the services.
        scope: The scope that the route needs.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        _DIRECT[endpoint] = _Direct(parameter, scope)
        return endpoint

    return mark


async def serve_directly(scope: Connection, receive: Receive, send: Send) -> bool:
    """Serve a request whose route was found, if the route is direct and the request has a plain id and no query.

    Every other request needs FastAPI's checks, whose messages name the wrong field.
    """
    route = _DIRECT.get(scope["endpoint"])
    if route is None or scope["query_string"]:
        return False
    given: str = scope["path_params"][route.parameter]
    if not _PLAIN_ID.fullmatch(given):
        return False
    identity = authorize(scope, route.scope)
    endpoint: Endpoint = scope["endpoint"]
    response = await endpoint(int(given), Request(scope, receive, send), identity, scope["app"].state.services)
    await response(scope, receive, send)
    return True
