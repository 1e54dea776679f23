"""Elements that are something else than their names say: tables and headings by roles, superscripts by style."""

import re
from typing import Any

from lxml import etree

_PARTS = {
    **dict.fromkeys(("cell", "gridcell"), "td"),
    **dict.fromkeys(("columnheader", "rowheader"), "th"),
    **dict.fromkeys(("table", "grid", "treegrid"), "table"),
    "row": "tr",
    "rowgroup": "tbody",
}
_NEUTRAL = {"div", "span", "ul", "ol", "li", "section", "p", "a"}
"""Elements that a role may turn into another; others keep their own meaning."""
_SCRIPT = re.compile(r"vertical-align\s*:\s*(sup|sub)(?:er)?\b", re.IGNORECASE)
_LEVELS = {"1", "2", "3", "4", "5", "6"}


def apply_roles(tree: etree._Element) -> None:
    """Give such elements the names of those that they stand for (WAI-ARIA 1.2, 5.4)."""
    for element in _find(tree, "//*[@role]"):
        role = (element.get("role") or "").lower()
        if element.tag not in _NEUTRAL:
            continue
        if role == "heading":
            level = element.get("aria-level") or "2"
            element.tag = f"h{level}" if level in _LEVELS else "h6"
        else:
            element.tag = _PARTS.get(role, element.tag)
    for struck in _find(tree, "//span[contains(@style, 'line-through')]"):
        struck.tag = "s"
    for moved in _find(tree, "//span[contains(@style, 'vertical-align')]"):
        if match := _SCRIPT.search(moved.get("style") or ""):
            moved.tag = match[1].lower()
    _wrap_rows(_find_stray_rows(tree))


def _find(tree: etree._Element, path: str) -> list[etree._Element]:
    found: Any = tree.xpath(path)
    return list(found)


def _find_stray_rows(tree: etree._Element) -> list[etree._Element]:
    """The rows outside of tables. By one walk: XPath would search all ancestors of each row."""
    rows: list[etree._Element] = []
    tables = 0
    for event, element in etree.iterwalk(tree, events=("start", "end"), tag=("table", "tr")):
        if element.tag == "table":
            tables += 1 if event == "start" else -1
        elif event == "start" and not tables:
            rows.append(element)
    return rows


def _wrap_rows(rows: list[etree._Element]) -> None:
    """Put rows that follow each other into tables."""
    made: etree._Element | None = None
    for row in rows:
        before = row.getprevious()
        if made is None or before is not made or (made.tail or "").strip():
            made = etree.Element("table")
            row.addprevious(made)
        made.append(row)
