"""Markdown as it is written: it is readable as plain text, and language models read it well.

Left out are what no reader sees of it: front matter, which becomes metadata, comments, and pictures written into it.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.domain.documents import Page, Parsed
from app.pipeline.chunking.headings import find_headings
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.text.embedded_data import drop_embedded_data
from app.pipeline.parse.text.front_matter import take_front_matter

_HTML_TITLE = re.compile(r"<h1\b[^>]{0,500}>(.{1,500}?)</h1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,1000}>")
_LINK = re.compile(r"!?\[([^\]\[\n]{0,500})\](?:\([^()\n]{0,2000}\)|\[[^\]\n]{0,500}\])")
_SIGNS = re.compile(r"^#{1,6}[ \t]+|[ \t]+#+[ \t]*$|[*`]|(?<!\w)_|_(?!\w)")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_COMMENT = re.compile(r"(?P<code>(?<!`)(`+)(?!`)[^\n]*?(?<!`)\2(?!`))|<!--.*?-->", re.DOTALL)
"""A comment; code within a line is matched too, because the signs of comments within it are text."""
_TABLE = re.compile(r"^[ \t]*<table\b.*?</table>", re.IGNORECASE | re.DOTALL | re.MULTILINE)
_TITLE = 2000


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The text of a Markdown file. The fields of its front matter are metadata; its first heading is the title.

    Raises:
        DocumentDamagedError: when it is not text.
    """
    text = decode(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
    report(1, 1)
    metadata, text = take_front_matter(text)
    text = write_markdown(text, limits)
    return Parsed([Page(None, text)], {**find_title(text), **metadata})


def write_markdown(text: str, limits: Limits) -> str:
    """Markdown without comments and embedded pictures; tables in HTML become rows of text. Code stays as it is."""
    text = drop_embedded_data(text)
    if "<!--" not in text and "<table" not in text.lower():
        return text
    return "".join(part if is_code else _write_markup(part, limits) for is_code, part in _split_code(text))


def find_title(text: str) -> dict[str, Any]:
    """The first heading of the highest level, by its field name; none where the text has no heading."""
    heading = min(find_headings(text), key=lambda mark: (mark.level, mark.start), default=None)
    markup = _HTML_TITLE.search(text[:_TITLE])
    if heading is None or (heading.level > 1 and markup):
        title = markup[1] if markup else ""
    else:
        title = text[heading.start :].partition("\n")[0]
    title = title[:_TITLE]
    title = _SIGNS.sub("", _LINK.sub(r"\1", _TAG.sub("", title))).strip()
    return {"title": title} if title else {}


def _split_code(text: str) -> Iterator[tuple[bool, str]]:
    """The parts of a text outside and within code fences."""
    done, fence = 0, ""
    for match in _FENCE.finditer(text):
        if not fence:
            yield False, text[done : match.start()]
            done, fence = match.start(), match[1]
        elif match[1].startswith(fence) and match[0].strip() == match[1]:
            yield True, text[done : match.end()]
            done, fence = match.end(), ""
    yield bool(fence), text[done:]


def _write_markup(text: str, limits: Limits) -> str:
    """Markdown without code. Only the part up to the last end is searched, so that open ends cost no time."""
    last = text.rfind("-->") + len("-->")
    text = _COMMENT.sub(lambda match: match["code"] or "", text[:last]) + text[last:] if "-->" in text else text
    last = text.lower().rfind("</table>") + len("</table>")
    if "</table>" not in text.lower():
        return text
    from app.pipeline.parse.web.markup import write_markup  # noqa: PLC0415, few files need it, and it costs memory

    tables = _TABLE.sub(lambda match: write_markup(match[0].encode("utf-8", "replace"), limits), text[:last])
    return tables + text[last:]
