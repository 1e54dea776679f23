"""Corrections of the OpenAPI document that FastAPI generates."""

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api import problems
from app.api.bodies.ask import RestartEvent, SentenceEvent
from app.api.bodies.bulk import BulkAgent, BulkRequest
from app.api.bodies.results import MODELS
from app.api.bodies.specs import SpecsRequest
from app.domain.errors import (
    BadRequestError,
    IdempotencyInProgressError,
    IdempotencyKeyReusedError,
    InvalidIdempotencyKeyError,
    PayloadTooLargeError,
    StorageFullError,
)

TAGS = [
    {"name": "agents", "description": "An agent has documents that are searched together, and settings for them."},
    {"name": "documents", "description": "Upload files, add web pages, crawl sites; read what was made of them."},
    {"name": "tasks", "description": "Everything that takes time is a task: wait for it, follow it, cancel it."},
    {"name": "dead letters", "description": "Tasks that failed for good, until they are replayed or discarded."},
    {"name": "search", "description": "Find passages, and answers with citations."},
    {"name": "profiles", "description": "Companies, enriched from their websites or from documents."},
    {"name": "evaluation", "description": "Question sets, and how well an agent's documents are found with them."},
    {"name": "events", "description": "What has happened in your organization, as a feed and as a stream."},
    {"name": "analytics", "description": "What your organization used."},
    {"name": "operations", "description": "Queues, workers, upkeep and the audit log."},
    {"name": "billing", "description": "Monthly statements, prices, limits and reports of your organization."},
    {"name": "webhooks", "description": "URLs that receive your organization's events, and what was sent to them."},
    {"name": "api keys", "description": "The API keys of your organization: scopes, restrictions, expiry, rotation."},
    {"name": "organizations", "description": "The tenants of the installation: each sees only what is its own."},
    {"name": "health", "description": "For load balancers and monitoring; no API key is needed."},
]
_REFERENCE = "#/components/schemas/{model}"
_SENTENCE = re.compile(r"[.:](?:\s|\Z)")
_UNDESCRIBED = "Successful Response"
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["progress", "sentence", "restart", "end"]},
        "id": {"type": "string", "description": "The task's `version`, for `Last-Event-ID`."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "anyOf": [
                    {"$ref": _REFERENCE.format(model=model)} for model in ("TaskBody", "SentenceEvent", "RestartEvent")
                ]
            },
        },
    },
}
_IDEMPOTENCY = (IdempotencyInProgressError, IdempotencyKeyReusedError, InvalidIdempotencyKeyError)


def install(app: FastAPI) -> None:
    """Make ``app`` serve the corrected document."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        known = app.openapi_schema
        document = build()
        if document is not known:
            _correct(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _correct(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for operation in _list_operations(document):
        operation["summary"] = _SENTENCE.split(operation["description"], maxsplit=1)[0]
        if "requestBody" in operation:
            problems.add_problems(operation["responses"], BadRequestError, PayloadTooLargeError)
        is_write = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
        if is_write:
            problems.add_problems(operation["responses"], *_IDEMPOTENCY, StorageFullError)
        problems.correct_responses(operation["responses"])
        for response in operation["responses"].values():
            _describe_success(response, schemas)
    _describe_results(schemas)
    _restore_examples(schemas)


def _list_operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _describe_success(response: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Describe a response by the model of its body, and the events of a stream by theirs."""
    for content in response.get("content", {}).values():
        reference = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
        if response["description"] == _UNDESCRIBED and reference in schemas:
            response["description"] = schemas[reference]["description"].split("\n\n", maxsplit=1)[0]
        if content.get("itemSchema") == {}:
            response["description"] = (
                "A stream of events: `progress` any number of times, of an answer also `sentence` and `restart`, then "
                "`end`."
            )
            content["itemSchema"] = _EVENT


def _describe_results(schemas: dict[str, Any]) -> None:
    """Describe the result of a task as one of the results of all tasks.

    Also adds the models that no route declares: those of an answer's events, and some bodies of requests.
    """
    models: tuple[type[BaseModel], ...] = (*MODELS, SentenceEvent, RestartEvent)
    described = models_json_schema(
        [
            *((model, "serialization") for model in models),
            *((model, "validation") for model in (SpecsRequest, BulkRequest, BulkAgent)),
        ],
        ref_template=_REFERENCE,
    )[1]
    schemas.update(described["$defs"])
    references = [{"$ref": _REFERENCE.format(model=model.__name__)} for model in MODELS]
    schemas["TaskBody"]["properties"]["result"]["anyOf"] = [*references, {"type": "null"}]


def _restore_examples(schemas: dict[str, Any]) -> None:
    """Put back what FastAPI leaves out of examples: members that are null."""
    for model in _list_models(BaseModel):
        extra = model.model_config.get("json_schema_extra")
        if model.__module__.startswith("app.api.") and model.__name__ in schemas and isinstance(extra, dict):
            schemas[model.__name__]["example"] = extra["example"]


def _list_models(parent: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in parent.__subclasses__():
        yield model
        yield from _list_models(model)
