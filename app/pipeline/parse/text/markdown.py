"""Markdown, unchanged: it is readable as plain text, and language models read it well."""

import re
from collections.abc import Callable
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits

_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.{0,8192}?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^(title|author|date|language|lang):[ \t]*(\S[^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_HEADING = re.compile(r"^#[ \t]+(\S[^\r\n]*)", re.MULTILINE)
_NAMES = {"lang": "language"}


def read(path: Path, report: Callable[[int, int], None], _limits: Limits) -> Parsed:
    """The text of a Markdown file, with the title, author, date and language of its front matter."""
    text = decode(path.read_bytes())
    report(1, 1)
    return Parsed([Page(None, text)], _read_metadata(text))


def _read_metadata(text: str) -> dict[str, str]:
    front = _FRONT_MATTER.match(text)
    fields = _FIELD.findall(front[1]) if front else []
    metadata = {_NAMES.get(key.lower(), key.lower()): _unquote(value) for key, value in fields}
    heading = _HEADING.search(text)
    if heading and "title" not in metadata:
        metadata["title"] = heading[1].rstrip("# \t")
    return metadata


def _unquote(value: str) -> str:
    value = value.strip()
    return value[1:-1] if value[:1] in {'"', "'"} and value[:1] == value[-1:] else value
