"""The statements of an XLSX sheet outside its rows: merged cells, links, comments and names of columns."""

import re
from collections.abc import Iterator

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.sheets.blank_cells import strip_rows
from app.pipeline.parse.sheets.formulas import count_column
from app.pipeline.parse.sheets.layout import Area, Layout
from app.pipeline.parse.sheets.sheet import Attributes, unescape
from app.pipeline.parse.xml import attribute, child, children, to_integer

_AREA = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
_ROWS = re.compile(r"\$?(\d{1,7}):\$?(\d{1,7})$")
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_THREAD = "tc="
"""Begins the author of a comment that stands for a thread in versions of Excel that do not show threads."""


def read_area(reference: str) -> Area | None:
    """The cells of a reference such as ``A1`` or ``$A$1:C4``."""
    match = _AREA.fullmatch(reference)
    if not match:
        return None
    left, top = count_column(match[1]) - 1, int(match[2])
    right, bottom = (count_column(match[3]) - 1, int(match[4])) if match[3] else (left, top)
    return Area(min(top, bottom), min(left, right), max(top, bottom), max(left, right))


class LayoutTarget:
    """Collects the statements of a sheet; a target of ``lxml.etree.XMLParser``.

    Args:
        addresses: The addresses of the links by the ids of their relations.
    """

    def __init__(self, addresses: dict[str, str]) -> None:
        self.layout = Layout()
        self._addresses = addresses

    def start(self, tag: str, attributes: Attributes) -> None:
        """Handle the start of an element."""
        name = tag.rpartition("}")[2]
        if name == "mergeCell" and (area := read_area(attributes.get("ref", ""))):
            self.layout.merge(area)
        elif name == "hyperlink" and (area := read_area(attributes.get("ref", ""))):
            key = attributes.get(_ID, "") or attributes.get(_STRICT_ID, "")
            self.layout.add_link(area, self._addresses.get(key))
        elif name == "autoFilter" and (area := read_area(attributes.get("ref", ""))):
            self.layout.add_headers(area.top, area.top)
        elif name == "pane" and attributes.get("state", "").startswith("frozen"):
            self.layout.add_headers(1, to_integer(attributes.get("ySplit", "").partition(".")[0], 0))

    def data(self, _text: str) -> None:
        """Ignore the text of elements."""

    def end(self, _tag: str) -> None:
        """Handle the end of an element."""

    def close(self) -> None:
        """Handle the end of the part."""


def read_layout(package: OoxmlPackage, part: str, print_titles: str, persons: dict[str, str], budget: Budget) -> Layout:
    """The statements of the sheet in ``part`` about its cells.

    Args:
        package: The open file.
        part: The name of the sheet's part.
        print_titles: The rows that are printed on each page, such as ``Sheet1!$1:$2``; empty where none are.
        persons: The names of the authors of threads, by their ids.
        budget: The remaining number of characters.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    target = LayoutTarget(package.links(part))
    package.feed(part, target, strip_rows)
    layout = target.layout
    if match := _ROWS.search(print_titles):
        layout.add_headers(int(match[1]), int(match[2]))
    related = list(package.targets(part))
    for table in (package.read(name) for kind, name in related if kind == "table"):
        if area := read_area(attribute(table, "ref") or ""):
            layout.add_table(area, to_integer(attribute(table, "headerRowCount"), 1))
    threads = [package.read(name) for kind, name in related if kind == "threadedComment"]
    comments = [package.read(name) for kind, name in related if kind == "comments"]
    threaded = {attribute(item, "ref") for thread in threads for item in children(thread)}
    for reference, author, text in _list_comments(threads, comments, threaded, persons):
        if area := read_area(reference):
            layout.add_note(area.top, area.left, author, text, budget)
    return layout


def _list_comments(
    threads: list[etree._Element | None],
    comments: list[etree._Element | None],
    threaded: set[str | None],
    persons: dict[str, str],
) -> Iterator[tuple[str, str, str]]:
    """The comments as ``(cell, author, text)``, each thread once."""
    for thread in threads:
        for item in children(thread):
            author = persons.get(attribute(item, "personId") or "", "")
            yield attribute(item, "ref") or "", author, _read_text(child(item, "text"))
    for part in comments:
        authors = [item.text or "" for item in children(child(part, "authors"))]
        for item in children(child(part, "commentList")):
            number = to_integer(attribute(item, "authorId"), len(authors))
            author = authors[number] if number < len(authors) else ""
            reference = attribute(item, "ref") or ""
            if not (author.startswith(_THREAD) and reference in threaded):
                yield reference, author, _read_text(child(item, "text"))


def _read_text(element: etree._Element | None) -> str:
    if element is None:
        return ""
    runs = "".join(item.text or "" for item in element.iter("{*}t") if next(item.iterancestors("{*}rPh"), None) is None)
    return " ".join(unescape(runs or element.text or "").split())
