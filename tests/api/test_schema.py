"""Every response agrees with the OpenAPI document, whatever the request."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import one_of
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api.application import create_app
from app.settings import load_settings
from tests.api.schema_things import Supply
from tests.running import KEY, Stack

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "12"))  # ``make fuzz ARGS="--schema 300"`` asks for more
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Operation = APIOperation[Any, Any, Any, Any]
Request = Case[Operation]
OPERATIONS: dict[str, Operation] = {
    result.ok().label: result.ok()
    for result in schemathesis.openapi.from_dict(create_app().openapi()).get_all_operations()
    if isinstance(result, Ok)
}
_SECONDS = 20
_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.fixture(scope="module")
def supply(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Supply]:
    """A separate API, because generated requests delete, cancel and revoke."""
    with make_database() as (database_url, redis_url):
        folder: Path = tmp_path_factory.mktemp("data")
        with Stack(load_settings(database_url=database_url, redis_url=redis_url, data_dir=folder)) as stack:
            yield Supply(stack)


def generate(operation: Operation, examples: int, ask: Callable[[Request], None]) -> None:
    """Make valid and invalid requests, the same ones in every run."""
    strategies = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    chosen = settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=_SLOW,
    )
    chosen(given(case=one_of(strategies))(ask))()


def send(supply: Supply, case: Request, key: str | None) -> schemathesis.Response:
    """Send a request with an API key, or without one."""
    case.headers.pop("Authorization", None)
    headers = {"Authorization": key} if key else {}
    with requests.Session() as session:
        session.trust_env = False
        return case.call(base_url=supply.base_url, session=session, headers=headers, timeout=_SECONDS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_one_that_is_described(label: str, supply: Supply) -> None:
    things = supply.offer(label)

    def ask(case: Request) -> None:
        offered = next(things)
        case.path_parameters = {name: offered.get(name, value) for name, value in case.path_parameters.items()}
        case.validate_response(send(supply, case, f"Bearer {KEY}"), checks=CHECKS)

    generate(OPERATIONS[label], EXAMPLES, ask)


@pytest.mark.parametrize("label", [label for label in OPERATIONS if "/api/v1/" in label])
def test_without_a_key_the_answer_says_only_that_one_is_needed(label: str, supply: Supply) -> None:
    keys = cycle([None, "Bearer sk_sluice_wrong", "Basic YTpi", "Bearer", f"Digest {KEY}"])

    def ask(case: Request) -> None:
        response = send(supply, case, next(keys))
        assert response.status_code == 401, response.content
        assert response.headers["content-type"] == ["application/problem+json"]
        assert response.headers["www-authenticate"] == ["Bearer"]
        assert response.json()["code"] == "unauthorized"

    generate(OPERATIONS[label], max(5, EXAMPLES // 2), ask)
