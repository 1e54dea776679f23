"""The fields of upload forms other than their files."""

import json
from typing import Any

from app.api.multipart import Form
from app.domain.documents import OnDuplicate
from app.domain.errors import InvalidMetadataError, InvalidRequestError
from app.domain.metadata import METADATA_EXAMPLE, check_metadata
from app.domain.tasks import Queue

PRIORITIES = {"high": Queue.HIGH, "medium": Queue.MEDIUM, "low": Queue.LOW}

OPTIONS: dict[str, dict[str, Any]] = {
    "metadata": {
        "type": "string",
        "description": "A JSON object, stored with the document: at most 64 KB, nested at most 16 levels deep.",
        "example": '{"year": 2026}',
    },
    "priority": {
        "type": "string",
        "enum": list(PRIORITIES),
        "description": "The queue. Default: `high` for documents, `low` for archives and batches.",
    },
    "on_duplicate": {
        "type": "string",
        "enum": list(OnDuplicate),
        "default": OnDuplicate.SKIP.value,
        "description": (
            "What to do with a file whose bytes the agent already has: `skip` returns the existing document, `reject` "
            "answers 409, `replace` processes the file as new content of that document, or of the document with the "
            "same name. Search finds the old content until the new content is complete."
        ),
    },
    "callback_url": {
        "type": "string",
        "format": "uri",
        "description": (
            "An http or https URL that receives the event of the job's end, `task.succeeded`, `task.failed` or "
            "`task.cancelled`, signed with the secret at `GET /webhooks/callbacks/secret`. A duplicate that is "
            "skipped has no job, and sends nothing."
        ),
        "example": "https://example.com/hooks/sluice",
    },
}


def describe_form(required: str, schema: dict[str, Any], **fields: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of a form with one required part and optional fields."""
    body = {"type": "object", "required": [required], "properties": {required: schema, **fields}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": body}}}}


def parse_options(form: Form, *others: str) -> tuple[dict[str, Any], Queue | None, OnDuplicate, str | None]:
    """The metadata, the queue, what to do with a duplicate, and the callback URL, which is not checked.

    ``others`` are the names of fields that the form may have in addition.

    Raises:
        InvalidRequestError: a field has an unknown name or a wrong value.
    """
    known = (*others, *OPTIONS)
    for name in form.fields:
        if name not in known:
            raise InvalidRequestError(f"Is unknown. The fields are: {', '.join(known)}.", field=f"body.{name}")
    return parse_metadata(form), parse_priority(form), parse_on_duplicate(form), form.get("callback_url") or None


def parse_metadata(form: Form) -> dict[str, Any]:
    """The field ``metadata`` as an object that Postgres can store.

    Raises:
        InvalidMetadataError: it is not such an object.
    """
    text = form.get("metadata")
    if not text:
        return {}
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidMetadataError(f"{error}. {METADATA_EXAMPLE}") from error
    return check_metadata(metadata)


def parse_priority(form: Form) -> Queue | None:
    """The queue that the form names; None if it names none.

    Raises:
        InvalidRequestError: there is no such priority.
    """
    priority = form.get("priority")
    if priority and priority not in PRIORITIES:
        raise InvalidRequestError(f"Must be one of: {', '.join(PRIORITIES)}.", field="body.priority")
    return PRIORITIES.get(priority)


def parse_on_duplicate(form: Form) -> OnDuplicate:
    """What to do with a duplicate.

    Raises:
        InvalidRequestError: there is no such choice.
    """
    try:
        return OnDuplicate(form.get("on_duplicate") or OnDuplicate.SKIP)
    except ValueError:
        raise InvalidRequestError(f"Must be one of: {', '.join(OnDuplicate)}.", field="body.on_duplicate") from None
