"""A table of the routes, in which a request finds its route at once.

FastAPI tries the routes of nested routers one after the other, and again at each level, which takes a third of its time
for a request.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.convertors import StringConvertor
from starlette.types import Receive, Scope, Send

from app.api.access import read_path
from app.api.direct import serve_directly


@dataclass(frozen=True, slots=True)
class _Template:
    """The path of a route: the segments that are given, and the names of the others, by their places."""

    literals: tuple[tuple[int, str], ...]
    names: tuple[tuple[int, str], ...]
    route: RouteContext

    @classmethod
    def of(cls, route: RouteContext) -> "_Template":
        segments = (route.path or "").split("/")
        names = tuple((place, text[1:-1]) for place, text in enumerate(segments) if text.startswith("{"))
        literals = tuple((place, text) for place, text in enumerate(segments) if not text.startswith("{"))
        return cls(literals, names, route)

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The parameters in a path of as many segments; None if it does not match."""
        for place, text in self.literals:
            if segments[place] != text:
                return None
        parameters = {name: segments[place] for place, name in self.names}
        return parameters if all(parameters.values()) else None


class RouteTable:
    """Passes a request to its route. Others, such as those that match no route, go to FastAPI's router.

    ``install`` puts it between the application's middleware and its router.
    """

    def __init__(self, app: FastAPI) -> None:
        self._router = app.router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the route and run it; the scope then has what FastAPI's router writes there."""
        found = self.find(scope["method"], read_path(scope)) if scope["type"] == "http" else None
        if found is None:
            await self._router.app(scope, receive, send)
            return
        route, parameters = found
        scope["router"] = self._router
        scope["route"] = route.original_route
        scope["endpoint"] = route.endpoint
        scope["path_params"] = parameters
        scope["fastapi"] = {"effective_route_context": route}
        if not await serve_directly(scope, receive, send):
            await route.app(scope, receive, send)

    def find(self, method: str, path: str) -> tuple[RouteContext, dict[str, str]] | None:
        """The route of a request and the parameters in its path; None if the table has no such route."""
        segments = path.split("/")
        for template in self._templates.get((method, len(segments)), ()):
            parameters = template.match(segments)
            if parameters is not None:
                return template.route, parameters
        return None

    @cached_property
    def _templates(self) -> dict[tuple[str, int], list[_Template]]:
        """The routes by method and number of segments, in the router's order.

        Made at the first request, because FastAPI prepares its routes then.
        """
        found = defaultdict(list)
        for route in iter_route_contexts(self._router.routes):
            convertors: dict[str, Any] = getattr(route, "param_convertors", None) or {}
            plain = all(type(convertor) is StringConvertor for convertor in convertors.values())
            if isinstance(route.original_route, APIRoute) and plain:
                for method in route.methods or ():
                    found[method, (route.path or "").count("/") + 1].append(_Template.of(route))
        return dict(found)


def install(app: FastAPI) -> None:
    """Let the requests to ``app`` find their routes in a table."""
    app.router.middleware_stack = RouteTable(app)
