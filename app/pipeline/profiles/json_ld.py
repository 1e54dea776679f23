"""JSON-LD: the nodes of all blocks of a page, also of blocks that are not quite JSON."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from typing import Any, NamedTuple

from app.pipeline.text import clean_line

_BLOCKS = 50
_CHARACTERS = 1_000_000
"""The characters of all blocks of a page. Those behind them are not read."""
_NODES = 5_000
_DEPTH = 40
_BEFORE, _BEHIND = ("<!--", "//", "/*", "<![CDATA[", "*/"), ("-->", "//", "*/", "]]>", "/*", ";")
"""What hides a block from old browsers and XML."""
_STRING = r'"(?:[^"\\]|\\.)*+(?:"|\Z)'
_COMMENT = re.compile(rf"({_STRING})|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)|//[^\n]*+", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"({_STRING})|,(\s*+[}}\]])", re.DOTALL)
_ESCAPE = re.compile(r'(\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))|\\')
_BRACKET = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_CLOSING = {"{": "}", "[": "]"}
_TAG = re.compile(r"<[^<>]{0,500}>")
_SPACED = re.compile(r"\s([.,;:!?])(?!\w)")
_TEXTS = 20


class Node(NamedTuple):
    """An object of JSON-LD, with the property of the object around it, such as ``publisher``; empty at the top."""

    value: Mapping[str, Any]
    role: str


def read_blocks(blocks: Iterable[str]) -> list[Any]:
    """The values of the blocks. A block that cannot be read at all is left out."""
    values, left = list[Any](), _CHARACTERS
    for number, block in enumerate(blocks):
        left -= len(block)
        if left < 0 or number == _BLOCKS:
            break
        values += _read_block(block)
    return values


def _read_block(block: str) -> list[Any]:
    """The values of a block: as it is, repaired, or with character references resolved and repaired."""
    text = _strip(block)
    for repair in (str, _repair, _unescape):
        try:
            return list(_read_values(repair(text)))
        except (ValueError, RecursionError):
            continue
    return []


def _strip(block: str) -> str:
    """The block without the comments around it."""
    text, before = block.strip(), ""
    while text != before:
        before = text
        for mark in _BEFORE:
            text = text.removeprefix(mark).lstrip()
        for mark in _BEHIND:
            text = text.removesuffix(mark).rstrip()
    return text


def _unescape(text: str) -> str:
    return _repair(unescape(text))


def _repair(text: str) -> str:
    """The text without comments and trailing commas, with its backslashes escaped and its brackets closed."""
    plain = _ESCAPE.sub(lambda found: found[1] or "\\\\", _COMMENT.sub(lambda found: found[1] or " ", text))
    return _close(_TRAILING_COMMA.sub(lambda found: found[1] or found[2] or "", plain))


def _close(text: str) -> str:
    """The text with the brackets closed that are open at its end."""
    missing = list[str]()
    for found in _BRACKET.finditer(text):
        if found[0] in _CLOSING:
            missing.append(_CLOSING[found[0]])
        elif missing and found[0] == missing[-1]:
            missing.pop()
    return text + "".join(reversed(missing))


def _read_values(text: str) -> Iterator[Any]:
    """The values of a text that has one behind the other. Line breaks within texts are accepted."""
    decoder, place = json.JSONDecoder(strict=False), 0
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        yield value
        while place < len(text) and text[place] in " \t\r\n;,":
            place += 1


def list_nodes(values: Iterable[Any]) -> list[Node]:
    """All objects in these values, the outer ones first; a reference by ``@id`` stands for the object with that id."""
    waiting: list[tuple[Any, str, int]] = [(value, "", 0) for value in values]
    nodes = list[Node]()
    while waiting and len(nodes) < _NODES:
        following = list[tuple[Any, str, int]]()
        for value, role, depth in waiting:
            if isinstance(value, list):
                following += [(one, role, depth + 1) for one in value[:_NODES]] if depth < _DEPTH else []
            elif isinstance(value, Mapping):
                nodes.append(Node(value, role))
                if depth < _DEPTH:
                    inner = (pair for pair in value.items() if isinstance(pair[1], (list, Mapping)))
                    following += [(one, role if name == "@graph" else name, depth + 1) for name, one in inner]
        waiting = following
    return nodes[:_NODES]


def read_types(node: Mapping[str, Any]) -> set[str]:
    """The types of an object, without the address of the vocabulary."""
    given = node.get("@type") or node.get("type") or ()
    listed = given if isinstance(given, list) else [given]
    return {re.split(r"[/#:]", one)[-1] for one in listed[:_TEXTS] if isinstance(one, str)}


def read_texts(value: Any) -> list[str]:
    """The texts of a property: a text, a number, an object with ``@value``, a name or a URL, or a list of these."""
    if isinstance(value, list):
        return [text for one in value[:_TEXTS] if not isinstance(one, list) for text in read_texts(one)]
    if isinstance(value, Mapping):
        names = ("@value", "name", "url", "contentUrl", "@id")
        return next((read_texts(value[name]) for name in names if isinstance(value.get(name), (str, int))), [])
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        text = _SPACED.sub(r"\1", clean_line(_TAG.sub(" ", unescape(str(value)))))
        return [text] if text else []
    return []


def read_text(value: Any) -> str | None:
    """The first text of a property."""
    return next(iter(read_texts(value)), None)
