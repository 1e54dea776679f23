"""Workbooks by calamine, which has no number formats: those that no other reader can read, such as XLS of Excel 95."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.number_formats import find_format
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.sheets.grid import Grid
from app.pipeline.parse.sheets.layout import Area, Layout

_PANIC = "PanicException"
_GENERAL = find_format(0, None)


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The sheets of a workbook as numbered pages; dates and times in ISO 8601.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    budget = Budget(limits.characters, "It contains more text than is allowed.")
    with translated_errors():
        return _read(path, report, limits, budget)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the errors of calamine as those of documents.

    Raises:
        DocumentDamagedError, DocumentEncryptedError
    """
    try:
        yield
    except PasswordError as error:
        raise DocumentEncryptedError from error
    except (CalamineError, OSError, ValueError) as error:
        raise DocumentDamagedError(str(error)) from error
    except BaseException as error:
        if type(error).__name__ == _PANIC:  # a failed assertion in Rust, which is no Exception
            raise DocumentDamagedError(str(error)) from error
        raise


def _read(path: Path, report: Callable[[int, int], None], limits: Limits, budget: Budget) -> Parsed:
    with CalamineWorkbook.from_path(str(path)) as workbook:
        listed = [
            (at, sheet) for at, sheet in enumerate(workbook.sheets_metadata) if sheet.typ == SheetTypeEnum.WorkSheet
        ]
        if len(listed) > limits.pages:
            raise ParseLimitExceededError(f"It has {len(listed)} sheets; the limit is {limits.pages}.")
        pages = []
        for number, (index, sheet) in enumerate(listed, 1):
            rows = _write_rows(workbook.get_sheet_by_index(index), budget)
            pages.append(Page(number, f"{write_heading(1, sheet.name)}\n\n{rows}" if rows else ""))
            report(number, len(listed))
        hidden = [number for number, (_, sheet) in enumerate(listed, 1) if sheet.visible != SheetVisibleEnum.Visible]
        return Parsed(pages, {"page_count": len(listed), "hidden_sheets": hidden})


def _write_rows(sheet: CalamineSheet, budget: Budget) -> str:
    layout = Layout()
    for (top, first), (bottom, last) in sheet.merged_cell_ranges or ():
        layout.merge(Area(top + 1, first, bottom + 1, last))
    grid = Grid(budget, layout)
    _, left = sheet.start or (0, 0)  # empty rows are listed from the first one on, empty columns are not
    for number, row in enumerate(sheet.iter_rows(), 1):
        grid.add(number, {column: text for column, value in enumerate(row, left) if (text := _show(value))})
    return grid.write()


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _GENERAL.show(str(value))
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", "seconds").removesuffix(" 00:00:00")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)
