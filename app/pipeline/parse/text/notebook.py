"""Jupyter notebooks by cells (nbformat 3 and 4): text, code between fences, and outputs without pictures."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.text.embedded_data import drop_embedded_data
from app.pipeline.parse.text.markdown import find_title, write_markdown

_OUTPUT = 4000
"""Characters of one output; longer ones, such as the log of a training, are cut."""
_TERMINAL = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[@-_])")
_FENCES = re.compile(r"`{3,}")
_HEADING_LEVELS = range(1, 7)
_TEXTS = ("text/markdown", "text/plain", "text/latex")


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The cells of a notebook as one page of Markdown, with the title, the authors and the language of the code.

    Raises:
        DocumentDamagedError: when it is not JSON.
        ParseLimitExceededError: when it is larger than allowed.
    """
    if path.stat().st_size > limits.inflated_bytes:
        raise ParseLimitExceededError("The notebook is larger than is allowed.")
    text = decode(path.read_bytes())
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentDamagedError(f"It is not a notebook: {error}"[:200]) from error
    report(1, 1)
    cells = list(_list_cells(notebook))
    if not cells:
        return Parsed([Page(None, "" if _is_notebook(notebook) else drop_embedded_data(text))])
    about = _get(notebook, "metadata")
    language = _get_text(_get(about, "language_info"), "name") or _get_text(_get(about, "kernelspec"), "language")
    blocks = [block for cell in cells for block in _write_cell(cell, language, limits) if block.strip()]
    written = "\n\n".join(blocks)
    return Parsed([Page(None, written)], {**find_title(written), **_read_metadata(about, language)})


def _list_cells(notebook: Any) -> Iterator[dict[str, Any]]:
    """The cells in order; nbformat 3 has them in worksheets."""
    sheets = [notebook, *_get_list(notebook, "worksheets")]
    for sheet in sheets:
        yield from (cell for cell in _get_list(sheet, "cells") if isinstance(cell, dict))


def _write_cell(cell: dict[str, Any], language: str, limits: Limits) -> Iterator[str]:
    source = _join(cell.get("source") or cell.get("input"))
    match cell.get("cell_type"):
        case "code":
            if source.strip():
                yield _fence(drop_embedded_data(source), _get_text(cell, "language") or language)
            for output in _get_list(cell, "outputs"):
                yield _write_output(output, limits)
        case "heading":
            level = cell.get("level")
            signs = "#" * level if isinstance(level, int) and level in _HEADING_LEVELS else "#"
            yield f"{signs} {' '.join(source.split())}"
        case "markdown":
            yield write_markdown(source, limits)
        case _:
            yield drop_embedded_data(source)


def _write_output(output: Any, limits: Limits) -> str:
    """The text of an output; tables in HTML are read as tables. Pictures and scripts have none."""
    if not isinstance(output, dict):
        return ""
    if output.get("output_type") in {"error", "pyerr"}:
        return _shorten(f"{_get_text(output, 'ename')}: {_get_text(output, 'evalue')}".strip(": "))
    data = output.get("data") if isinstance(output.get("data"), dict) else output
    html = _join(_get_either(data, "text/html", "html"))
    if "<table" in html:
        return _write_html(html, limits)
    for kind in _TEXTS:
        if text := _join(_get_either(data, kind, kind.partition("/")[2])):
            return _shorten(text)
    return _write_html(html, limits) or _shorten(_join(output.get("text")))


def _write_html(html: str, limits: Limits) -> str:
    from app.pipeline.parse.web.markup import write_markup  # noqa: PLC0415, few files need it, and it costs memory

    return _shorten(write_markup(html.encode("utf-8", "replace"), limits)) if html else ""


def _shorten(text: str) -> str:
    plain = drop_embedded_data(_TERMINAL.sub("", text)).strip("\n")
    return plain if len(plain) <= _OUTPUT else f"{plain[:_OUTPUT]}…"


def _fence(source: str, language: str) -> str:
    """Code between fences that are longer than those within it."""
    longest = max((len(match) for match in _FENCES.findall(source)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{source.strip(chr(10))}\n{fence}"


def _read_metadata(about: Any, language: str) -> dict[str, Any]:
    authors = [
        _get_text(author, "name") or (author if isinstance(author, str) else "")
        for author in _get_list(about, "authors")
    ]
    fields = {"title": _get_text(about, "title"), "author": ", ".join(filter(None, authors)), "code_language": language}
    return {name: value for name, value in fields.items() if value}


def _is_notebook(found: Any) -> bool:
    return isinstance(found, dict) and "nbformat" in found


def _get(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, dict) else None


def _get_either(found: Any, name: str, other: str) -> Any:
    return _get(found, name) or _get(found, other)


def _get_list(found: Any, name: str) -> list[Any]:
    value = _get(found, name)
    return value if isinstance(value, list) else []


def _get_text(found: Any, name: str) -> str:
    value = _get(found, name)
    return value if isinstance(value, str) else ""


def _join(source: Any) -> str:
    """A text that is stored as one string or as a list of lines."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""
