"""What is wrong with a request, field by field, in plain words: pydantic's errors for people."""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, get_args

from fastapi import Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from app.domain.agents import SLUG_PATTERN
from app.domain.counting import count_of

_PATTERNS = {
    SLUG_PATTERN: "Must consist of lowercase letters and digits; single hyphens and underscores may join them.",
}
_NO_JSON = {"field": "body", "message": "Must be JSON, with the header `Content-Type: application/json`."}

_MOST_ERRORS = 20
"""A body of a megabyte can contain a hundred thousand errors."""
_FIELD_CHARACTERS = 200


def _at_least(number: int, noun: str) -> str:
    return "Must not be empty." if number == 1 else f"Must have at least {count_of(number, noun)}."


_TEXTS: dict[str, str] = {
    "missing": "Is required.",
    "bool_type": "Must be true or false.",
    "bool_parsing": "Must be true or false.",
    "int_type": "Must be a whole number.",
    "int_parsing": "Must be a whole number.",
    "int_from_float": "Must be a whole number.",
    "int_parsing_size": "Is too large.",
    "float_type": "Must be a number.",
    "float_parsing": "Must be a number.",
    "finite_number": "Must be a number that is not infinite.",
    "string_type": "Must be a string.",
    "string_unicode": "Must be valid Unicode text.",
    "list_type": "Must be a list.",
    "dict_type": "Must be a JSON object.",
    "model_type": "Must be a JSON object.",
    "model_attributes_type": "Must be a JSON object.",
    "uuid_type": "Must be a UUID.",
    "uuid_parsing": "Must be a UUID.",
    "none_required": "Must be null.",
}
_TEXTS_WITH_LIMITS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda limits: f"Must be greater than {limits['gt']:g}.",
    "greater_than_equal": lambda limits: f"Must be at least {limits['ge']:g}.",
    "less_than": lambda limits: f"Must be less than {limits['lt']:g}.",
    "less_than_equal": lambda limits: f"Must be at most {int(limits['le'])}.",
    "string_too_short": lambda limits: _at_least(limits["min_length"], "character"),
    "string_too_long": lambda limits: f"Must have at most {count_of(limits['max_length'], 'character')}.",
    "too_short": lambda limits: _at_least(limits["min_length"], "item"),
    "too_long": lambda limits: f"Must have at most {count_of(limits['max_length'], 'item')}.",
    "literal_error": lambda limits: f"Must be one of: {_list_choices(limits['expected'])}.",
    "enum": lambda limits: f"Must be one of: {_list_choices(limits['expected'])}.",
    "string_pattern_mismatch": lambda limits: _PATTERNS.get(limits["pattern"], "Has the wrong form."),
    "value_error": lambda limits: str(limits["error"]),
    "unknown_parameter": lambda limits: _name_parameters(limits["known"]),
}


def _name_parameters(known: Sequence[str]) -> str:
    return f"Is unknown. The parameters are: {', '.join(known)}." if known else "Is unknown: there are no parameters."


def _list_choices(expected: str) -> str:
    """``high, medium, low`` from pydantic's ``'high', 'medium' or 'low'``."""
    return expected.replace("' or '", "', '").replace("'", "")


def describe_errors(
    errors: Sequence[Mapping[str, Any]], body: Any = None, *, is_json: bool = True
) -> list[dict[str, str]]:
    """Each of the first 20 errors as ``{field, message}``.

    ``body`` is the type of the request's body, ``is_json`` whether its header says that it is JSON.
    """
    described = [{"field": _name_field(error), "message": _explain(error, body)} for error in errors[:_MOST_ERRORS]]
    # FastAPI does not parse a body of another type, so that every other message about it would be wrong.
    return [_NO_JSON if one["field"] == "body" and not is_json else one for one in described]


def _name_field(error: Mapping[str, Any]) -> str:
    """The path of the field, such as ``body.settings.weight``."""
    # The location of invalid JSON ends with a position in the text, which is no field.
    location = error["loc"][:1] if error["type"] == "json_invalid" else error["loc"]
    return ".".join(map(str, location))[:_FIELD_CHARACTERS]


def _explain(error: Mapping[str, Any], body: Any) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"Is unknown. The fields are: {', '.join(_list_fields(body, error['loc'][1:-1]))}."
    if kind == "json_invalid":
        return f"Is not valid JSON: {error['ctx']['error']} (character {error['loc'][-1] + 1})."
    if kind in _TEXTS_WITH_LIMITS:
        return _TEXTS_WITH_LIMITS[kind](error.get("ctx", {}))
    return _TEXTS.get(kind, f"{error['msg']}.")


def _list_fields(body: Any, path: Sequence[str | int]) -> list[str]:
    """The names of the fields of a body, or of the object at ``path`` within it, also within lists."""
    body = _drop_none(body)
    for name in path:
        if isinstance(name, int):
            body = _drop_none(get_args(body)[0])
            continue
        fields = {field.alias or key: field for key, field in body.model_fields.items()}
        body = _drop_none(fields[name].annotation)
    return [field.alias or key for key, field in body.model_fields.items()]


def _drop_none(annotation: Any) -> Any:
    """The type of a value that may also be null."""
    given = [one for one in get_args(annotation) if one is not NoneType]
    return given[0] if isinstance(annotation, UnionType) and len(given) == 1 else annotation


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a request with a query parameter that its route does not have: a misspelt filter would match everything.

    Raises:
        RequestValidationError: it names each unknown parameter and those that exist.
    """
    if not request.scope["query_string"]:
        return
    known = _list_parameters(request.scope["route"])
    if unknown := [name for name in request.query_params if name not in known]:
        errors = [{"type": "unknown_parameter", "loc": ("query", name), "ctx": {"known": known}} for name in unknown]
        raise RequestValidationError(errors)


def _list_parameters(route: APIRoute) -> tuple[str, ...]:
    parameters = get_flat_params(route.dependant)
    return tuple(parameter.alias for parameter in parameters if isinstance(parameter.field_info, params.Query))
