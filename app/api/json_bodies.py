"""JSON bodies of routes that read several kinds of bodies: FastAPI reads those of all others."""

import json
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Body = TypeVar("Body", bound=BaseModel)


def parse_json(body: bytes) -> object:
    """The JSON of a body.

    Raises:
        RequestValidationError: it is not JSON.
    """
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        position, reason = getattr(error, "pos", 0), getattr(error, "msg", "it cannot be decoded")
        raise RequestValidationError(
            [{"type": "json_invalid", "loc": ("body", position), "ctx": {"error": reason}}]
        ) from error
    return found


def validate(model: type[Body], given: object) -> Body:
    """The fields of a request.

    Raises:
        RequestValidationError: as for every other body.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        known = f"Is unknown. The fields are: {', '.join(model.model_fields)}."
        errors = [
            {
                **one,
                "loc": ("body", *one["loc"]),
                **({"type": "value_error", "ctx": {"error": known}} if one["type"] == "extra_forbidden" else {}),
            }
            for one in error.errors(include_url=False)
        ]
        raise RequestValidationError(errors) from error
