"""Filters of a search as SQL conditions on ``documents``. Keys and values are parameters, never part of the text."""

import operator
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Text,
    and_,
    any_,
    case,
    collate,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.db.tables import documents
from app.domain.filters import DOCUMENT_ID, Comparison, Contains, Filter, Group

_COMPARE = {"eq": operator.eq, "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_NEGATED = {"ne": "eq", "nin": "in"}


def write_condition(given: Filter) -> ColumnElement[bool]:
    """The condition on a row of ``documents`` that a filter states."""
    if isinstance(given, Group):
        parts = map(write_condition, given.parts)
        return and_(*parts) if given.operator == "and" else or_(*parts)
    if isinstance(given, Contains):
        contains = documents.c.metadata.contains(literal(dict(given.metadata), JSONB))
        return contains if given.document_ids is None else contains & _has_id(given.document_ids)
    if given.operator in _NEGATED:
        return not_(write_condition(Comparison(_NEGATED[given.operator], given.key, given.value)))
    if given.key == DOCUMENT_ID:
        return _compare_id(given)
    return _compare_metadata(given)


def _compare_id(given: Comparison) -> ColumnElement[bool]:
    if given.operator == "in":
        return _has_id(given.value)
    compared: ColumnElement[bool] = _COMPARE[given.operator](documents.c.id, given.value)
    return compared


def _has_id(ids: Sequence[int]) -> ColumnElement[bool]:
    return documents.c.id == any_(literal(list(ids), ARRAY(BigInteger)))


def _compare_metadata(given: Comparison) -> ColumnElement[bool]:
    """Whether the value at a key, or an element of it if it is a list, compares so. A missing value does not."""
    stored = documents.c.metadata[given.key]
    values = case((func.jsonb_typeof(stored) == "array", stored), else_=func.jsonb_build_array(stored))
    element = func.jsonb_array_elements(values, type_=JSONB).column_valued("element")
    return exists(select(element).where(_compare_element(element, given)).correlate(documents))


def _compare_element(element: ColumnElement[Any], given: Comparison) -> ColumnElement[bool]:
    value = literal(given.value, JSONB)
    if given.operator == "in":
        return element.in_(select(func.jsonb_array_elements(value)))
    compare = _COMPARE[given.operator]
    compared: ColumnElement[bool] = compare(element, value)
    if given.operator == "eq":
        return compared
    if isinstance(given.value, str):
        # The order of the characters, as for dates in ISO form, with any collation of the database.
        characters = element.op("#>>", return_type=Text())(literal([], ARRAY(Text)))
        compared = compare(collate(characters, "C"), given.value)
    return and_(func.jsonb_typeof(element) == func.jsonb_typeof(value), compared)
