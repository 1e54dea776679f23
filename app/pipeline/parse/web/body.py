"""The visible text of an HTML page, line by line."""

import re
from collections.abc import Iterator

from lxml import etree

_INVISIBLE = {"script", "style", "noscript", "template", "head", "svg", "iframe", "object", "datalist"}
_PARAGRAPHS = {"article", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "section", "table", "ul"}
_LINES = {
    *("address", "aside", "body", "caption", "center", "dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset"),
    *("figcaption", "figure", "footer", "form", "header", "hr", "legend", "li", "main", "menu", "nav", "option"),
    *("summary", "tbody", "tfoot", "thead", "tr"),
}
_LINE, _CELL = "\x1e", "\x1f"
_LINES_TOGETHER = re.compile(f"{_LINE}[ {_LINE}]*")
"""One line end between two blocks, not one for each."""
_LINK_SHARE = 0.1


def write_body(tree: etree._Element) -> str:
    """The text of the body: blocks on lines, paragraphs separated by blank lines, cells by ``|``; ``pre`` unchanged."""
    pieces: list[str] = []
    invisible = preformatted = 0
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        name, starts = element.tag, event == "start"
        step = 1 if starts else -1
        invisible += step * _is_invisible(element)
        preformatted += step * (name == "pre")
        if not invisible:
            pieces.append(_separator(element, starts=starts))
            if starts:
                pieces += [str(element.text or "") if preformatted else _fold(element.text), _alt_text(element)]
        if not starts and not invisible:
            pieces.append(element.tail or "" if preformatted else _fold(element.tail))
    return "\n".join(_clean_lines(_LINES_TOGETHER.sub("\n", "".join(pieces))))


def has_navigation(tree: etree._Element, characters: int) -> bool:
    """Whether the page has navigation around its article; a page without it is read as a whole.

    ``characters`` is the length of the body's text.
    """
    if next(tree.iter("nav", "aside", "footer"), None) is not None:
        return True
    return _count_linked(tree) > _LINK_SHARE * characters


def _count_linked(tree: etree._Element) -> int:
    """The characters of text within links. A link within another is part of that one, so each character counts once."""
    linked = open_links = 0
    pieces: list[str] = []
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        starts = event == "start"
        if element.tag == "a" and element.get("href"):
            open_links += 1 if starts else -1
            if not open_links:
                linked += len("".join(pieces).strip())
                pieces.clear()
        if open_links:
            pieces.append((element.text if starts else element.tail) or "")
    return linked


def _is_invisible(element: etree._Element) -> bool:
    if element.tag in _INVISIBLE or element.get("hidden") is not None:
        return True
    style = element.get("style")
    return style is not None and "display:none" in style.replace(" ", "").lower()


def _separator(element: etree._Element, *, starts: bool) -> str:
    name = element.tag
    if name in _PARAGRAPHS:
        return "\n\n"
    if name in _LINES:
        return f"{_LINE}- " if name == "li" and starts else _LINE
    if name == "br":
        return "\n" if starts else ""
    return _CELL if name in {"td", "th"} and not starts else ""


def _alt_text(element: etree._Element) -> str:
    return f" {element.get('alt')} " if element.tag == "img" and element.get("alt") else ""


def _fold(text: str | None) -> str:
    """White space as browsers show it: a run is one space."""
    if not text:
        return ""
    folded = " ".join(text.split())
    if not folded:
        return " "
    return f"{' ' if text[0].isspace() else ''}{folded}{' ' if text[-1].isspace() else ''}"


def _clean_lines(text: str) -> Iterator[str]:
    """Lines with their cells joined, at most one blank line between them, and no bullet without text."""
    blank = True
    for raw in text.split("\n"):
        cells = [cell.strip() for cell in raw.split(_CELL)]
        folded = raw[1:] if raw[:1] == " " != raw[1:2] else raw
        line = _join_cells(cells) if len(cells) > 1 else folded.rstrip()
        line = "" if line.strip() == "-" else line
        if line.strip() or not blank:
            yield line
        blank = not line.strip()


def _join_cells(cells: list[str]) -> str:
    """A row. Empty cells stay, so that columns keep their positions, except at the end of the row."""
    if sum(map(bool, cells)) < 2:  # noqa: PLR2004 (a row has at least two)
        return "".join(cells)
    while not cells[-1]:
        cells.pop()
    return " | ".join(cells)
