"""The OpenAPI document describes every operation, parameter, field and error, with valid examples."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from app.api.bodies.results import MODELS, RESULTS
from app.api.openapi import render
from app.domain.tasks import TaskName

_PROBLEM = "application/problem+json"
DOCUMENT: dict[str, Any] = json.loads(render())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def validate(schema: dict[str, Any], value: Any) -> None:
    """Raise an error unless the value is valid."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(whole).validate(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_and_each_of_its_fields_is_described(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema.get("description"), "write a docstring"
    bare = [field for field, described in schema.get("properties", {}).items() if not described.get("description")]
    assert bare == [], "write Field(description=…), or use a type of app/api/bodies/fields.py"


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if "properties" in schema])
def test_an_object_has_an_example_of_its_schema(name: str) -> None:
    schema = SCHEMAS[name]
    assert "example" in schema, "write model_config = example({…})"
    assert schema["example"].keys() <= schema["properties"].keys()
    validate(schema, schema["example"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_described(name: str) -> None:
    operation = OPERATIONS[name]
    assert re.fullmatch(r"[a-z]+(?:_[a-z]+)+", operation["operationId"]), "its function has a verb and a noun"
    assert 5 < len(operation["summary"]) <= 80, "the first sentence of its docstring is its summary"
    assert operation["description"].endswith((".", "`"))
    assert operation["tags"]
    for status, response in operation["responses"].items():
        assert response["description"] != "Successful Response", status
    for parameter in operation.get("parameters", []):
        assert parameter.get("description"), parameter["name"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for field, described in content["schema"].get("properties", {}).items():
            assert described.get("description"), field


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert sorted(set(names)) == sorted(names)


def test_every_tag_is_described_and_used() -> None:
    described = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert all(described.values())
    assert described.keys() == {tag for operation in OPERATIONS.values() for tag in operation["tags"]}


def list_errors() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The error responses below /api/v1, each with its operation and its status."""
    for name, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            if status >= "400" and "/api/v1/" in name:
                yield name, status, response


def test_every_error_is_a_problem_with_its_codes_and_an_example_of_each() -> None:
    for name, status, response in list_errors():
        [(media_type, content)] = response["content"].items()
        assert media_type == _PROBLEM, (name, status)
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, (name, status)
        assert content["examples"], (name, status)
        for code, example in content["examples"].items():
            assert f"`{code}`" in response["description"], (name, status)
            assert (example["value"]["code"], str(example["value"]["status"])) == (code, status), name
            validate(SCHEMAS["Problem"], example["value"])


def test_no_error_has_the_form_of_the_framework() -> None:
    assert SCHEMAS.keys().isdisjoint({"HTTPValidationError", "ValidationError"})


def test_the_result_of_every_task_is_described() -> None:
    assert RESULTS.keys() == set(TaskName) - {TaskName.PING, TaskName.ANNOUNCE_DEAD_LETTER}
    assert {model for models in RESULTS.values() for model in models} <= set(MODELS)
    result = SCHEMAS["TaskBody"]["properties"]["result"]
    listed = {one["$ref"].rsplit("/", 1)[1] for one in result["anyOf"] if "$ref" in one}
    assert listed == {model.__name__ for model in MODELS}
    assert all(f"`{name}`" in result["description"] for name in RESULTS)
