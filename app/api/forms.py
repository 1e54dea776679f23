"""What the forms of uploads hold besides their files."""

import json
from typing import Any

from app.api.multipart import Form
from app.domain.documents import OnDuplicate
from app.domain.errors import InvalidMetadataError, InvalidRequestError
from app.domain.tasks import Queue

PRIORITIES = {"high": Queue.HIGH, "medium": Queue.MEDIUM, "low": Queue.LOW}

OPTIONS: dict[str, dict[str, Any]] = {
    "metadata": {
        "type": "string",
        "description": "A JSON object, kept with the document.",
        "example": '{"year": 2026}',
    },
    "priority": {
        "type": "string",
        "enum": list(PRIORITIES),
        "description": "Which queue: documents wait in `high`, archives and batches in `low`, unless it is given.",
    },
    "on_duplicate": {
        "type": "string",
        "enum": list(OnDuplicate),
        "default": OnDuplicate.SKIP.value,
        "description": (
            "What becomes of a file whose bytes the agent has already: `skip` answers with the document that is there, "
            "`reject` answers 409, `replace` processes it as that document's new content, or as that of the document "
            "of the same name. Search finds the old content until the new is whole."
        ),
    },
}


def describe_form(required: str, schema: dict[str, Any], **fields: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of a form with this required part and these fields."""
    body = {"type": "object", "required": [required], "properties": {required: schema, **fields}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": body}}}}


def parse_metadata(form: Form) -> dict[str, Any]:
    """The metadata, an object that Postgres can hold.

    Raises:
        InvalidMetadataError
    """
    try:
        metadata = json.loads(form.get("metadata") or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidMetadataError(str(error)) from error
    return check_metadata(metadata)


def check_metadata(metadata: Any) -> dict[str, Any]:
    """Metadata that Postgres can hold: Python reads more than JSON is, as NaN and halves of characters.

    Raises:
        InvalidMetadataError
    """
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidMetadataError(str(error)) from error
    if not isinstance(metadata, dict) or b"\\u0000" in text:
        raise InvalidMetadataError
    return metadata


def parse_priority(form: Form) -> Queue | None:
    """The queue that was asked for.

    Raises:
        InvalidRequestError: when it is none of ours.
    """
    priority = form.get("priority")
    if priority and priority not in PRIORITIES:
        raise InvalidRequestError(f"priority must be one of {', '.join(PRIORITIES)}.")
    return PRIORITIES.get(priority)


def parse_on_duplicate(form: Form) -> OnDuplicate:
    """What is to become of duplicates.

    Raises:
        InvalidRequestError: when it is none of ours.
    """
    try:
        return OnDuplicate(form.get("on_duplicate") or OnDuplicate.SKIP)
    except ValueError:
        raise InvalidRequestError(f"on_duplicate must be one of {', '.join(OnDuplicate)}.") from None
