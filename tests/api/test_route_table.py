"""The table of routes finds the route that FastAPI's own routers find, and leaves every other request to them."""

from itertools import product

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette._utils import get_route_path
from starlette.routing import Match

from app.api.access import read_path
from app.api.application import create_app
from app.api.route_table import RouteTable
from app.settings import Settings

_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS")


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(Settings.model_construct())


@pytest.fixture(scope="module")
def paths(app: FastAPI) -> list[str]:
    """A path of each route, and paths that are nearly those of a route."""
    templates = [context.path or "" for context in iter_route_contexts(app.router.routes)]
    filled = [path.replace("{", "").replace("}", "") for path in templates]
    near = [other for path in filled for other in (f"{path}/", f"{path}/more", path[:-1], path.upper(), f"/v0{path}")]
    odd = [
        "",
        "/",
        "//",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/agents//search",
        "/api/v1//agents",
        "/api/v1/tasks/{task_id}",
    ]
    return [*filled, *near, *odd]


def find_by_router(app: FastAPI, method: str, path: str) -> tuple[str | None, dict[str, str]] | None:
    """The template and the parameters that FastAPI finds, route after route."""
    scope = {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}
    for context in iter_route_contexts(app.router.routes):
        match, found = context.matches(scope)
        if match is Match.FULL and isinstance(context.original_route, APIRoute):
            return context.path, found["path_params"]
    return None


def test_the_table_finds_what_the_routers_find(app: FastAPI, paths: list[str]) -> None:
    table = RouteTable(app)
    found_any = 0
    for method, path in product(_METHODS, paths):
        expected = find_by_router(app, method, path)
        found = table.find(method, path)
        assert (found and (found[0].path, found[1])) == expected, (method, path)
        found_any += found is not None
    assert found_any >= len(list(iter_route_contexts(app.router.routes))) - 1, "all but the OpenAPI file"


@pytest.mark.parametrize("prefix", ["", "/a", "/api", "/api/v1", "/proxy", "/proxy/deep"])
@pytest.mark.parametrize("path", ["/api/v1/agents", "/a/api/v1/agents", "/proxy/api/v1/agents", "/api", "/livez", ""])
def test_the_path_within_a_prefix_is_that_of_the_routers(prefix: str, path: str) -> None:
    scope = {"type": "http", "path": path, "root_path": prefix}
    assert read_path(scope) == get_route_path(scope)
