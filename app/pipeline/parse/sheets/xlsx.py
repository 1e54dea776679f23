"""XLSX: each sheet is a page, read as a stream."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.number_formats import NumberFormat, find_format
from app.pipeline.parse.office.package import OoxmlPackage, relation_id
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.sheets.blank_cells import strip_blank
from app.pipeline.parse.sheets.drawings import read_drawings
from app.pipeline.parse.sheets.grid import Grid
from app.pipeline.parse.sheets.sheet import SheetTarget, StringsTarget, Workbook
from app.pipeline.parse.sheets.xlsx_layout import read_layout
from app.pipeline.parse.xml import attribute, child, children, local, to_integer

_KINDS = {"worksheet", "chartsheet"}
_HIDDEN = {"hidden", "veryHidden"}
_TRUE = {"1", "true"}


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The sheets of a workbook as numbered pages: the name of the sheet, then a line for each row.

    Formulas are read as their last values, and as their text where the file has none. Hidden sheets, rows and columns
    are read too: a filter hides rows as well.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    with OoxmlPackage(path, limits) as package:
        main = package.find_main("xl/workbook.xml")
        workbook = package.read(main)
        if workbook is None:
            raise DocumentDamagedError("It has no workbook part.")
        sheets = list(_list_sheets(package, main, workbook))
        if len(sheets) > limits.pages:
            raise ParseLimitExceededError(f"It has {len(sheets)} sheets; the limit is {limits.pages}.")
        write = _prepare(package, main, workbook, Budget(limits.characters, "It contains more text than is allowed."))
        pages = []
        for number, sheet in enumerate(sheets, 1):
            pages.append(Page(number, write(sheet)))
            report(number, len(sheets))
        hidden = [number for number, sheet in enumerate(sheets, 1) if sheet.is_hidden]
        return Parsed(pages, {**package.read_properties(), "page_count": len(sheets), "hidden_sheets": hidden})


class _Sheet(NamedTuple):
    title: str
    part: str
    print_titles: str
    """The rows and columns that are printed on each page."""
    is_hidden: bool


def _list_sheets(package: OoxmlPackage, main: str, workbook: etree._Element) -> Iterator[_Sheet]:
    """The sheets in the order of their tabs."""
    parts = {key: name for key, kind, name in package.relations(main) if kind in _KINDS}
    titles = {
        attribute(item, "localSheetId"): item.text or ""
        for item in children(child(workbook, "definedNames"))
        if attribute(item, "name") == "_xlnm.Print_Titles"
    }
    for number, sheet in enumerate(children(child(workbook, "sheets"))):
        key = relation_id(sheet)
        if key in parts:
            is_hidden = sheet.get("state") in _HIDDEN
            yield _Sheet(sheet.get("name") or "", parts[key], titles.get(str(number), ""), is_hidden)


def _prepare(package: OoxmlPackage, main: str, workbook: etree._Element, budget: Budget) -> Callable[[_Sheet], str]:
    """A function that returns the text of a sheet."""
    targets = dict(package.targets(main))
    strings = StringsTarget()
    if targets.get("sharedStrings", "") in package:
        package.feed(targets["sharedStrings"], strings)
    book = Workbook(
        strings.strings,
        _list_formats(package.read(targets.get("styles", ""))),
        since_1904=attribute(child(workbook, "workbookPr"), "date1904") in _TRUE,
        recalculates=attribute(child(workbook, "calcPr"), "fullCalcOnLoad") in _TRUE,
    )
    people = package.read(targets.get("person", ""))
    persons = {attribute(item, "id") or "": attribute(item, "displayName") or "" for item in children(people)}

    def write(sheet: _Sheet) -> str:
        layout = read_layout(package, sheet.part, sheet.print_titles, persons, budget)
        grid = Grid(budget, layout)
        package.feed(sheet.part, SheetTarget(book, layout.links, grid), strip_blank)
        blocks = list(filter(None, (grid.write(), *read_drawings(package, sheet.part, budget))))
        return "\n\n".join([write_heading(1, sheet.title), *blocks]) if blocks else ""

    return write


def _list_formats(styles: etree._Element | None) -> list[NumberFormat]:
    """The number format of each cell style."""
    codes = {item.get("numFmtId"): item.get("formatCode") for item in children(child(styles, "numFmts"))}
    ids = [item.get("numFmtId") or "0" for item in children(child(styles, "cellXfs")) if local(item) == "xf"]
    return [find_format(to_integer(key, 0), codes.get(key)) for key in ids]
