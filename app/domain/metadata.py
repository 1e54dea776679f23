"""The metadata of documents: a JSON object that Postgres can store, of bounded depth and size.

Uploaders' metadata is checked. What files and pages state about themselves is trimmed, so that no document fails by it.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from app.domain.errors import InvalidMetadataError

MAX_DEPTH = 16
MAX_BYTES = 64 * 1024
METADATA_EXAMPLE = 'Send an object, such as {"year": 2026}.'
_INTEGERS = range(-(2**63), 2**63)
_FOUND_CHARACTERS = 4096


def list_children(value: Any) -> Iterable[Any]:
    """The values directly in a JSON object or list; none in any other value."""
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()


def is_deeper(value: Any, depth: int) -> bool:
    """Whether objects and lists are nested more than ``depth`` levels. Does not recurse: any depth can be checked."""
    level = [value]
    for _ in range(depth):
        level = [child for parent in level for child in list_children(parent) if isinstance(child, (Mapping, list))]
        if not level:
            return False
    return True


def check_metadata(metadata: Any) -> dict[str, Any]:
    """Check metadata as a client has sent it.

    Raises:
        InvalidMetadataError: it is not a JSON object, is nested too deeply, is too long, or holds a number or a
            character that cannot be stored. Python's parser accepts NaN, huge integers, NUL and lone surrogates.
    """
    if not isinstance(metadata, dict):
        raise InvalidMetadataError(METADATA_EXAMPLE)
    if is_deeper(metadata, MAX_DEPTH):
        raise InvalidMetadataError(f"It is nested more than {MAX_DEPTH} levels deep.")
    _check_values(metadata)
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError) as error:
        raise InvalidMetadataError(str(error)) from error
    if len(text) > MAX_BYTES:
        raise InvalidMetadataError(f"It is longer than {MAX_BYTES // 1024} KB.")
    return metadata


def trim_metadata(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a file or page states about itself, without the fields that ``check_metadata`` would refuse.

    Long texts are cut. Fields beyond the size limit are left out.
    """
    trimmed: dict[str, Any] = {}
    left = MAX_BYTES
    for key, value in found.items():
        field = {_clean(key): _clean(value) if isinstance(value, str) else value}
        try:
            left -= len(json.dumps(check_metadata(field)))
        except InvalidMetadataError:
            continue
        if left < 0:
            break
        trimmed |= field
    return trimmed


def _check_values(metadata: Mapping[str, Any]) -> None:
    values: list[Any] = [metadata]
    while values:
        value = values.pop()
        values += list_children(value)
        if isinstance(value, Mapping):
            values += value.keys()
        elif isinstance(value, int) and value not in _INTEGERS:
            raise InvalidMetadataError("Whole numbers must fit into 64 bits.")
        elif isinstance(value, float) and not math.isfinite(value):
            raise InvalidMetadataError("Numbers must be finite.")
        elif isinstance(value, str) and "\0" in value:
            raise InvalidMetadataError("Text must not contain the character NUL.")


def _clean(text: str) -> str:
    return text[:_FOUND_CHARACTERS].replace("\0", "").encode("utf-8", "ignore").decode()
