"""docs/events.md and the OpenAPI document list every type of event, with valid examples."""

import json
import re
from pathlib import Path

import pytest

from app.api.bodies.event_data import KINDS
from app.api.bodies.events import EVENT_MODELS
from app.domain.events import EventType

_ROOT = Path(__file__).parents[2]


def test_the_page_lists_every_type_with_its_description() -> None:
    page = (_ROOT / "docs" / "events.md").read_text()
    assert re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.*) \|$", page, re.MULTILINE) == [
        (kind.value, described.description) for kind, described in KINDS.items()
    ]


def test_every_type_is_described() -> None:
    assert list(KINDS) == list(EventType)


@pytest.mark.parametrize("kind", EventType)
def test_the_example_of_a_type_is_valid_and_complete(kind: EventType) -> None:
    described = KINDS[kind]
    described.model.model_validate(described.example)
    assert described.example.keys() == described.model.model_fields.keys()


@pytest.mark.parametrize("kind", EventType)
def test_the_openapi_document_has_a_webhook_for_each_type(kind: EventType) -> None:
    document = json.loads((_ROOT / "docs" / "openapi.json").read_text())
    operation = document["webhooks"][kind.value]["post"]
    assert operation["description"] == KINDS[kind].description
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    example = document["components"]["schemas"][reference.rsplit("/", 1)[1]]["example"]
    assert example["type"] == kind.value
    EVENT_MODELS[kind].model_validate(example)
