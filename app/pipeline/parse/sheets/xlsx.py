"""XLSX: each sheet is a page, read as a stream."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.package import OoxmlPackage, relation_id
from app.pipeline.parse.sheets.cell_formats import classify
from app.pipeline.parse.sheets.sheet import SheetTarget, StringsTarget
from app.pipeline.parse.xml import attribute, child, children, local, to_integer


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The sheets of a workbook as numbered pages: the name of the sheet, then a line for each row.

    Formulas are read as their last values.

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
        for number, (title, part) in enumerate(sheets, 1):
            pages.append(Page(number, write(title, part)))
            report(number, len(sheets))
        return Parsed(pages, {**package.read_properties(), "page_count": len(sheets)})


def _list_sheets(package: OoxmlPackage, main: str, workbook: etree._Element) -> Iterator[tuple[str, str]]:
    """The worksheets in the order of their tabs, as ``(name, part)``."""
    parts = {key: name for key, kind, name in package.relations(main) if kind == "worksheet"}
    for sheet in children(child(workbook, "sheets")):
        key = relation_id(sheet)
        if key in parts:
            yield sheet.get("name") or "", parts[key]


def _prepare(package: OoxmlPackage, main: str, workbook: etree._Element, budget: Budget) -> Callable[[str, str], str]:
    """A function that returns the text of a sheet by its name and part."""
    targets = dict(package.targets(main))
    strings = StringsTarget()
    if targets.get("sharedStrings", "") in package:
        package.feed(targets["sharedStrings"], strings)
    kinds = _list_kinds(package.read(targets.get("styles", "")))
    since_1904 = attribute(child(workbook, "workbookPr"), "date1904") in {"1", "true"}

    def write(title: str, part: str) -> str:
        sheet = SheetTarget(strings.strings, kinds, budget, since_1904=since_1904)
        package.feed(part, sheet)
        return "\n\n".join(filter(None, (title, "\n".join(sheet.lines)))) if sheet.lines else ""

    return write


def _list_kinds(styles: etree._Element | None) -> list[str]:
    """The kind of number format of each cell style."""
    codes = {item.get("numFmtId"): item.get("formatCode") for item in children(child(styles, "numFmts"))}
    ids = [item.get("numFmtId") or "0" for item in children(child(styles, "cellXfs")) if local(item) == "xf"]
    return [classify(to_integer(key, 0), codes.get(key)) for key in ids]
