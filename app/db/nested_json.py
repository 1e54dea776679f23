"""Reads JSON columns, also values that an earlier release has stored and that are nested too deeply to be sent."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.domain.metadata import is_deeper

_MAX_DEPTH = 64
_RECURSION_LIMIT = 20_000


def load_json(text: str) -> Any:
    """Parse the text of a JSON column. Objects and lists below 64 levels become text, as JSON."""
    if text.count("{") + text.count("[") <= _MAX_DEPTH:
        return json.loads(text)
    with _deep_recursion():
        value = json.loads(text)
        return _cut(value, _MAX_DEPTH) if is_deeper(value, _MAX_DEPTH) else value


def _cut(value: Any, depth: int) -> Any:
    if not isinstance(value, (dict, list)):
        return value
    if depth == 0:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return {key: _cut(child, depth - 1) for key, child in value.items()}
    return [_cut(child, depth - 1) for child in value]


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Python's parser has accepted deeper values where fewer functions were active than now."""
    former = sys.getrecursionlimit()
    sys.setrecursionlimit(max(former, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(former)
