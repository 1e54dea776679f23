"""The option ``--filter`` of commands that search."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

_HINT = """must be a JSON object, such as '{"year": 2026}', or key=value, such as year=2026"""

Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        help="Metadata that documents must have: a JSON filter, or key=value. May be repeated; all must match.",
    ),
]


def read_filters(given: Sequence[str] | None) -> dict[str, Any] | None:
    """The filter of a request: all of those given; None without any. The API checks operators and values.

    ``key=value`` asks for this value, or a list with it, at the key. A value that is JSON is a number, a boolean or a
    quoted text; any other is a text.
    """
    filters = [_read_filter(one) for one in given or ()]
    return {"type": "and", "value": filters} if len(filters) > 1 else next(iter(filters), None)


def _read_filter(given: str) -> dict[str, Any]:
    if not given.lstrip().startswith("{"):
        key, equals, value = given.partition("=")
        if not equals or not key.strip():
            raise typer.BadParameter(_HINT, param_hint="--filter")
        return _write_filter(key.strip(), _read_value(value))
    try:
        found: dict[str, Any] = json.loads(given, parse_constant=str)
    except ValueError as error:
        raise typer.BadParameter(f"{_HINT} ({error})", param_hint="--filter") from None
    return found


def _write_filter(key: str, value: Any) -> dict[str, Any]:
    """A comparison. Metadata as such for null, lists and objects, which comparisons do not take."""
    return {"type": "eq", "key": key, "value": value} if isinstance(value, (str, int, float)) else {key: value}


def _read_value(given: str) -> Any:
    """A value as JSON; a text if it is none, as NaN is."""
    try:
        return json.loads(given, parse_constant=str)
    except ValueError:
        return given
