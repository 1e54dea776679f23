"""Filters of a search: what the metadata of a document must be.

A filter is metadata that a document must contain, such as ``{"year": 2026}``, or a comparison, such as
``{"type": "gte", "key": "year", "value": 2021}``. ``and`` and ``or`` combine several filters. The key ``document_id``
stands for the document's id.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.errors import InvalidMetadataError, InvalidRequestError
from app.domain.metadata import check_metadata

DOCUMENT_ID = "document_id"
MAX_CONDITIONS = 100
ORDERS = ("gt", "gte", "lt", "lte")
LISTS = ("in", "nin")
GROUPS = ("and", "or")
OPERATORS = ("eq", "ne", *ORDERS, *LISTS, *GROUPS)

_FIELD = "body.filter"
_FORM = '{"type": "gte", "key": "year", "value": 2021}'
_HELP = f"Send {_FORM}; `type` is one of {', '.join(OPERATORS)}."
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Contains:
    """The document's metadata contains ``metadata``, and its id is one of ``document_ids`` if they are given."""

    metadata: Mapping[str, Any]
    document_ids: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The value at ``key``, or one of them if it is a list, compares so with ``value`` of the same JSON type.

    ``ne`` and ``nin`` are the negations of ``eq`` and ``in``: documents without the key match them.
    """

    operator: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Group:
    """All of the filters match (``and``), or one of them (``or``)."""

    operator: str
    parts: Sequence["Filter"]


Filter = Contains | Comparison | Group


def read_filter(given: Mapping[str, Any]) -> Filter:
    """Read a filter as a client sends it.

    Raises:
        InvalidRequestError: for an unknown operator or a wrong value; the message shows the right form.
    """
    try:
        check_metadata(given)  # bounds its depth, so that reading may recurse, and its size
    except InvalidMetadataError as error:
        raise InvalidRequestError(error.detail, field=_FIELD) from error
    found = _read(given)
    if _count(found) > MAX_CONDITIONS:
        raise InvalidRequestError(f"Has more than {MAX_CONDITIONS} conditions.", field=_FIELD)
    return found


def read_filters(*given: Mapping[str, Any] | None) -> Filter | None:
    """Read the filters that are not empty, and require all of them; None without any.

    Each is read alone, so that a message about a client's filter says nothing of the other one.

    Raises:
        InvalidRequestError: see ``read_filter``.
    """
    found = [read_filter(one) for one in given if one]
    return Group("and", found) if len(found) > 1 else next(iter(found), None)


def _read(given: Any) -> Filter:
    if not isinstance(given, Mapping):
        raise InvalidRequestError(f"Each filter is an object. {_HELP}", field=_FIELD)
    if "type" not in given:
        return _read_contains(given)
    operator = given["type"]
    if operator not in OPERATORS:
        raise InvalidRequestError(f"Unknown operator {_show(operator)}. {_HELP}{_explain_type(given)}", field=_FIELD)
    return _read_group(operator, given) if operator in GROUPS else _read_comparison(operator, given)


def _explain_type(given: Mapping[str, Any]) -> str:
    """How to find documents by metadata that is itself named ``type``, where a filter seems to mean that."""
    value = given["type"]
    if "key" in given or "value" in given or not isinstance(value, str):
        return ""
    form = f'{{"type": "eq", "key": "type", "value": {json.dumps(value, ensure_ascii=False)}}}'
    return f" To match metadata named `type`, send {form}." if len(value) <= _SHOWN_CHARACTERS else ""


def _read_contains(given: Mapping[str, Any]) -> Contains:
    for key, value in given.items():
        for name in (key, *value) if isinstance(value, Mapping) else (key,):
            if name.startswith("$") or (name != key and name in OPERATORS):
                raise InvalidRequestError(f"{_show(name)} is not an operator here. {_HELP}", field=_FIELD)
    metadata = dict(given)
    if DOCUMENT_ID not in metadata:
        return Contains(metadata, None)
    given_ids = metadata.pop(DOCUMENT_ID)
    ids = given_ids if isinstance(given_ids, list) else [given_ids]
    if not all(_is_id(value) for value in ids):
        raise InvalidRequestError("Must be the id of a document, or a list of ids.", field=f"{_FIELD}.{DOCUMENT_ID}")
    return Contains(metadata, ids)


def _read_group(operator: str, given: Mapping[str, Any]) -> Group:
    """Read ``and`` or ``or``; ``filters`` is accepted for ``value``, as other interfaces name it."""
    fields = given.keys() - {"type"}
    parts = given[fields.pop()] if fields in ({"value"}, {"filters"}) else None
    if not isinstance(parts, list) or not parts:
        form = f'{{"type": "{operator}", "value": [{_FORM}, …]}}'
        raise InvalidRequestError(f"`{operator}` needs a list of filters. Send {form}.", field=_FIELD)
    return Group(operator, [_read(part) for part in parts])


def _read_comparison(operator: str, given: Mapping[str, Any]) -> Comparison:
    key, value = given.get("key"), given.get("value")
    if given.keys() != {"type", "key", "value"} or not isinstance(key, str):
        raise InvalidRequestError(f"`{operator}` needs `key` and `value`, and nothing else. {_HELP}", field=_FIELD)
    values = value if operator in LISTS and isinstance(value, list) else [value]
    if operator in LISTS and not isinstance(value, list):
        problem = "needs a list of texts, numbers or booleans"
    elif operator in ORDERS and (isinstance(value, bool) or not isinstance(value, (str, int, float))):
        problem = "needs a text or a number"
    elif not all(isinstance(one, (str, int, float)) for one in values):
        problem = "needs texts, numbers or booleans"
    elif key == DOCUMENT_ID and not all(_is_id(one) for one in values):
        problem = "needs ids of documents, which are whole numbers"
    else:
        return Comparison(operator, key, value)
    raise InvalidRequestError(f"`{operator}` {problem} in `value`. {_HELP}", field=_FIELD)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _count(given: Filter) -> int:
    return sum(map(_count, given.parts)) if isinstance(given, Group) else 1


def _show(given: Any) -> str:
    return json.dumps(given, ensure_ascii=False)[:_SHOWN_CHARACTERS]
