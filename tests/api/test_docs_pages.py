"""The documentation of the API is served without any other server."""

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.api.application import create_app


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app(), follow_redirects=False)


def list_sources(page: str) -> Iterator[str]:
    """The addresses of everything that a page loads."""
    yield from re.findall(r'(?:src|href)="([^"]+)"', page)


def test_the_root_leads_to_the_documentation(client: TestClient) -> None:
    response = client.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/docs")
    prefixed = TestClient(create_app(), root_path="/sluice", follow_redirects=False).get("/sluice/")
    assert prefixed.headers["location"] == "/sluice/docs"


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_a_page_loads_only_files_of_this_server(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    sources = list(list_sources(response.text))
    assert len(sources) >= 3
    for source in sources:
        assert "//" not in source, source
        file = client.get(f"/{source}")
        assert file.status_code == 200, source
        assert len(file.content) > 50
    assert "openapi.json" in client.get(f"/{sources[-1]}").text


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_a_page_runs_under_a_policy_that_allows_no_other_server_and_no_inline_script(
    client: TestClient, path: str
) -> None:
    response = client.get(path)
    policy = dict(one.strip().split(" ", 1) for one in response.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "http" not in response.headers["content-security-policy"]
    assert re.findall(r"<script(?![^>]*src=)|\son\w+=", response.text) == []


def test_files_have_the_types_that_a_browser_requires(client: TestClient) -> None:
    types = {
        name: client.get(f"/docs/files/{name}").headers["content-type"] for name in ("swagger-ui.css", "favicon.png")
    }
    assert types["swagger-ui.css"].startswith("text/css")
    assert types["favicon.png"] == "image/png"
    for name in ("swagger-ui-bundle.js", "redoc.standalone.js", "start-swagger.js", "start-redoc.js"):
        response = client.get(f"/docs/files/{name}")
        assert response.headers["content-type"].startswith(("text/javascript", "application/javascript"))
        assert response.headers["x-content-type-options"] == "nosniff"
    assert client.get("/docs/files/../../../settings.py").status_code == 404
    assert client.get("/docs/files/consts.py").json()["code"] == "not_found"
