"""The access log: one line per request, at its end."""

import logging
import time

import structlog
from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Monitoring asks for these every few seconds, so they are logged at DEBUG.
_HEALTH_ROUTES = {"/livez", "/readyz", "/version"}

_stdlib_log = logging.getLogger(__name__)
log = structlog.get_logger(__name__)


class AccessLogMiddleware:
    """ASGI middleware that logs method, route template, status, milliseconds and key prefix of each request.

    Paths and query strings are not logged, because they may contain secrets. A streamed answer is logged when the
    stream ends. ``route`` is None if no route matches the path.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, then log it."""
        if scope["type"] != "http" or not _stdlib_log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500  # the answer to an exception that leaves the application before a response starts

        async def send_recorded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_recorded)
        finally:
            _write(scope, status, (time.perf_counter() - began) * 1000)


def _write(scope: Scope, status: int, milliseconds: float) -> None:
    route = find_route_template(scope)
    level = logging.DEBUG if route in _HEALTH_ROUTES else logging.INFO
    if not _stdlib_log.isEnabledFor(level):
        return
    identity = scope["state"].get("identity")
    log.log(
        level,
        "http_request",
        method=scope["method"],
        route=route,
        status=status,
        ms=round(milliseconds, 1),
        key=identity.key_prefix if identity else None,
    )


def find_route_template(scope: Scope) -> str | None:
    """The path template of a request's route; None if no route matches.

    The route of an included router contains only its own part. FastAPI stores the full template separately. A request
    that was answered before routing (a 401, a replay) is matched here.
    """
    if "route" not in scope and "app" in scope:
        return _match(scope)
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(route, "path", None)


def _match(scope: Scope) -> str | None:
    other_method = None
    for route in iter_route_contexts(scope["app"].router.routes):
        match, _ = route.matches(scope)
        if match is Match.FULL:
            return route.path
        if match is Match.PARTIAL and other_method is None:
            other_method = route.path
    return other_method
