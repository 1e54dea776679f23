"""The OpenAPI document is complete and true."""

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from app.api import bodies, problems
from app.api.application import create_app

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app()


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    """The document as it is served, without a server."""
    response = TestClient(app).get("/openapi.json")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def list_operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield f"{method.upper()} {path}", item[method]


def test_every_operation_says_what_it_does_and_which_errors_it_answers(document: dict[str, Any]) -> None:
    operations = dict(list_operations(document))
    assert len(operations) > 25
    names = [operation["operationId"] for operation in operations.values()]
    assert len(names) == len(set(names))
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        if "/api/v1/" in name:
            assert {"401", "403", "404", "422", "503"} <= operation["responses"].keys(), name
            assert operation.get("security"), f"{name} requires no scope: give it Reader, Writer or Admin"


def test_errors_are_described_as_the_problems_they_are(document: dict[str, Any]) -> None:
    for name, operation in list_operations(document):
        for status, response in operation["responses"].items():
            if status >= "400" and "/api/v1/" in name:
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (name, status)


def test_every_path_that_the_code_names_is_served(document: dict[str, Any]) -> None:
    sources = Path(problems.__file__).parent.rglob("*.py")
    named = {name for source in sources for name in re.findall(r"/api/v1/([a-z][a-z-]*)", source.read_text("utf-8"))}
    assert {"api-keys", "documents", "tasks"} <= named
    assert named <= {path.split("/")[3] for path in document["paths"] if path.startswith("/api/v1/")}


def test_uploads_describe_their_form(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/v1/documents/agent/{agent_id}/upload"]["post"]["requestBody"]
    schema = body["content"]["multipart/form-data"]["schema"]
    assert schema["properties"]["file"]["format"] == "binary"
    assert schema["properties"]["priority"]["enum"] == ["high", "medium", "low"]


BODIES = [import_module(f"{bodies.__name__}.{module.name}") for module in pkgutil.iter_modules(bodies.__path__)]
MODELS = {
    model.__name__: (model, example)
    for module in (*BODIES, problems)
    for model in vars(module).values()
    if isinstance(model, type)
    and issubclass(model, BaseModel)
    and (example := dict(model.model_config).get("json_schema_extra", {}).get("example"))  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("name", MODELS)
def test_an_example_is_what_it_is_an_example_of(name: str, document: dict[str, Any]) -> None:
    model, example = MODELS[name]
    model.model_validate(example)
    aliases = {field.alias or name for name, field in model.model_fields.items()}
    assert example.keys() <= aliases
    assert document["components"]["schemas"][name]["example"] == example
