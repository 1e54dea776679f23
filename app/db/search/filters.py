"""Filters of a search as SQL conditions on ``documents``. Keys and values are parameters, never part of the text."""

import operator
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
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

from app.db.search.stored_times import make_time, may_be_near
from app.db.tables.core import documents
from app.domain.filters import DOCUMENT_ID, Comparison, Contains, Filter, Group
from app.domain.times import read_time

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
    element = func.jsonb_array_elements(stored, type_=JSONB).column_valued("element")
    of_list = exists(select(element).where(_compare_value(element, given)).correlate(documents))
    compared = case((func.jsonb_typeof(stored) == "array", of_list), else_=_compare_value(stored, given))
    return func.coalesce(compared, literal(False))  # noqa: FBT003 - the value that SQL has for a missing key


def _compare_value(stored: ColumnElement[Any], given: Comparison) -> ColumnElement[bool]:
    """Whether one value compares so; null for a missing one."""
    value, compare = literal(given.value, JSONB), _COMPARE.get(given.operator)
    if compare is None:
        return _or_same_time(stored, given.value, stored.in_(select(func.jsonb_array_elements(value))))
    compared: ColumnElement[bool] = compare(stored, value)
    if given.operator == "eq":
        return _or_same_time(stored, [given.value], compared)
    if isinstance(given.value, str):
        written = _read_text(stored)
        # The order of the characters, with any collation of the database.
        compared = compare(collate(written, "C"), given.value)
        if time := read_time(given.value):
            by_time = func.coalesce(compare(make_time(written), time), compared)
            compared = case((may_be_near(written, [time]), by_time), else_=compared)
    return and_(func.jsonb_typeof(stored) == func.jsonb_typeof(value), compared)


def _or_same_time(
    stored: ColumnElement[Any], values: Sequence[Any], is_equal: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Whether a value is equal, or is the same time as one of the values, written in another form or zone."""
    times = [time for value in values if isinstance(value, str) and (time := read_time(value))]
    if not times:
        return is_equal
    written = _read_text(stored)
    is_same = make_time(written) == any_(literal(times, ARRAY(DateTime)))
    return or_(is_equal, case((may_be_near(written, times), is_same)))


def _read_text(stored: ColumnElement[Any]) -> ColumnElement[str]:
    return stored.op("#>>", return_type=Text())(literal([], ARRAY(Text)))
