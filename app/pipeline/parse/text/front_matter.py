"""The front matter of Markdown: fields in YAML between ``---`` lines, or in TOML between ``+++`` lines."""

import json
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from app.domain.errors import InvalidMetadataError
from app.domain.metadata import check_metadata

_YAML = re.compile(r"---[ \t]*\n(.{0,65536}?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\+\+\+[ \t]*\n(.{0,65536}?\n)?\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"([A-Za-z_][\w .-]{0,99}?)[ \t]*:(?:[ \t]+(.*))?\Z")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)\Z")
_COMMENT = re.compile(r"[ \t]#.*\Z")
_BLOCK = re.compile(r"[|>][+-]?\d?\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,10})?\Z")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_NAMES = {"lang": "language", "authors": "author", "creator": "author", "subtitle": "description"}
_OWN = {"page_count", "pages_without_text", "unreadable_pages"}
"""Fields that Sluice writes."""
_MAX_FIELDS = 100
_INTEGER_BITS = 63
_MAX_CHARACTERS = 1000
"""Longer texts are cut in metadata."""
_MAX_DOTS = 100
"""The dots in a line of TOML: ``tomllib`` takes quadratic time and memory for those within a key."""


def take_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """The fields of the front matter, and the text after it.

    Front matter that has more than plain fields and lists, or more than metadata may hold, stays in the text, so that
    nothing of it is lost.
    """
    for pattern, read in ((_YAML, _read_yaml), (_TOML, _read_toml)):
        match = pattern.match(text)
        if match and (match[1] or "").strip():
            fields, is_whole = read(match[1])
            kept = _rename(fields)
            return kept, text[match.end() :].lstrip("\n") if fields and is_whole and _is_storable(kept) else text
    return {}, text


def _is_storable(fields: Mapping[str, Any]) -> bool:
    """Whether the fields are stored as they stand: metadata is cut and checked."""
    try:
        check_metadata(dict(fields))
    except InvalidMetadataError:
        return False
    return all(len(value) <= _MAX_CHARACTERS for value in fields.values() if isinstance(value, str))


def _rename(fields: Mapping[str, Any]) -> dict[str, Any]:
    renamed: dict[str, Any] = {}
    for key, value in fields.items():
        name = key.lower() if key.lower() in {*_NAMES, *_NAMES.values(), "title", "date"} else key
        name = _NAMES.get(name, name)
        if name == "author" and isinstance(value, list):
            value = ", ".join(map(str, value))  # noqa: PLW2901
        if value not in (None, "", []) and name not in _OWN:
            renamed.setdefault(name, value)
    return renamed


def _read_toml(text: str) -> tuple[dict[str, Any], bool]:
    if any(line.count(".") > _MAX_DOTS for line in text.split("\n")):
        return {}, False
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return {}, False
    plain = {key: _plain(value) for key, value in found.items()}
    kept = {key: value for key, value in plain.items() if value is not None}
    return dict(list(kept.items())[:_MAX_FIELDS]), len(kept) == len(found) <= _MAX_FIELDS


def _plain(value: Any) -> Any:
    """A value of metadata; None for tables, nested lists and numbers that are too large."""
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        return None if any(item is None or isinstance(item, list) for item in items) else items
    if isinstance(value, dict):
        return None
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        return None
    return value if isinstance(value, str | bool | int | float) else str(value)


def _read_yaml(text: str) -> tuple[dict[str, Any], bool]:
    """The fields with one value or a list, and whether there is nothing else. Standard YAML beyond that is not read."""
    fields: dict[str, Any] = {}
    is_whole, key, block = True, "", False
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        field, item = _FIELD.match(line), _ITEM.match(line)
        if field and len(fields) < _MAX_FIELDS:
            key, value = field[1], _COMMENT.sub("", field[2] or "").strip()
            block = bool(_BLOCK.match(value))
            fields[key] = "" if block else _read_value(value)
        elif item and key and not block and (fields[key] in (None, "") or isinstance(fields[key], list)):
            fields[key] = [*(fields[key] or []), _read_scalar(_COMMENT.sub("", item[1]).strip())]
            is_whole = is_whole and not _FIELD.match(item[1])
        elif key and line[0] in " \t" and isinstance(fields[key], str):
            fields[key] = f"{fields[key]} {line.strip()}".strip()
        else:
            is_whole = False
    return fields, is_whole


def _read_value(value: str) -> Any:
    if value.startswith("[") and value.endswith("]"):
        with suppress(ValueError, RecursionError):
            items = json.loads(value)
            if not any(isinstance(item, list | dict) for item in items):
                return items
        return [_read_scalar(item.strip()) for item in value[1:-1].split(",") if item.strip()]
    return _read_scalar(value)


def _read_scalar(value: str) -> Any:
    if value[:1] == '"' == value[-1:] and len(value) > 1:
        try:
            return json.loads(value)
        except ValueError:
            return value[1:-1]
    if value[:1] == "'" == value[-1:] and len(value) > 1:
        return value[1:-1].replace("''", "'")
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if _NUMBER.match(value):
        return float(value) if "." in value else int(value)
    return value
