"""Reads the rows of a file as records, by its content: a workbook, JSON, or delimited text in any encoding."""

import csv
import datetime as dt
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from app.domain.errors import DocumentDamagedError, InvalidListError, ParseLimitExceededError
from app.domain.onboarding import RowCode, RowError
from app.pipeline.onboarding.columns import Columns
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.sheets.calamine import translated_errors

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_DELIMITERS = ("\t", ";", ",", "|")
_HINT = "sep="
"""Begins a first line that states the delimiter for spreadsheet programs."""
_NEVER_CLOSED = "unexpected end of data"
"""In the message of the csv module."""
_MANY = "It has more cells than the header has columns."
_NO_OBJECT = 'Must be an object, such as {"name": "Support"}.'


@dataclass(frozen=True, slots=True)
class Record:
    """The filled cells of a row by their columns, or what is wrong with the row."""

    line: int
    cells: Mapping[str, Any]
    error: RowError | None = None


def read_records(path: Path, limits: Limits, columns: Columns) -> Iterator[Record]:
    """The rows of a file that are not empty.

    Raises:
        InvalidListError: the header is wrong, or the JSON is no list.
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((_ZIP, _OLE)):
        yield from _read_table(_list_sheet_rows(path, limits), columns)
        return
    text = decode(path.read_bytes())
    if text.lstrip()[:1] in {"[", "{"}:
        yield from _read_json(text, columns)
    else:
        yield from _read_table(_list_text_rows(text, limits, columns), columns)


def _read_table(rows: Iterable[tuple[int, Sequence[str]]], known: Columns) -> Iterator[Record]:
    columns: list[str | None] = []
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = known.map_header(cells)
        else:
            yield _make_record(line, columns, cells)
    if not columns:
        raise InvalidListError("It is empty.")


def _make_record(line: int, columns: Sequence[str | None], cells: Sequence[str]) -> Record:
    found: dict[str, Any] = {}
    for number, cell in enumerate(cells):
        if not cell.strip():
            continue
        column = columns[number] if number < len(columns) else None
        if column is None:
            return Record(line, found, RowError(None, RowCode.ROW_INVALID, _MANY, cell))
        found[column] = f"{found[column]}\n{cell}" if column in found else cell  # several columns of documents
    return Record(line, found)


def _list_text_rows(text: str, limits: Limits, columns: Columns) -> Iterator[tuple[int, list[str]]]:
    """The rows of delimited text, each with the number of its first line."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    csv.field_size_limit(limits.characters)  # the module's own limit is 128 KB
    first, _, rest = text.partition("\n")
    skipped, delimiter = 0, None
    if first.lower().startswith(_HINT) and len(first.rstrip()) <= len(_HINT) + 1:
        text, skipped, delimiter = rest, 1, first[len(_HINT) : len(_HINT) + 1] or "\t"
    reader = csv.reader(StringIO(text), delimiter=delimiter or _find_delimiter(text, columns))
    _check_quotes(text, reader.dialect.delimiter, skipped)
    before = 0
    for cells in reader:
        yield skipped + before + 1, cells
        before = reader.line_num


def _find_delimiter(text: str, columns: Columns) -> str:
    """The delimiter that splits the header into most columns that are known, then into most cells."""
    header = next((line for line in StringIO(text) if line.strip()), "")

    def rate(delimiter: str) -> tuple[int, int]:
        cells = next(csv.reader([header], delimiter=delimiter), [])
        return sum(columns.find(cell) is not None for cell in cells), len(cells)

    return max(_DELIMITERS, key=rate)


def _check_quotes(text: str, delimiter: str, skipped: int) -> None:
    """Check that every quote is closed: the rest of the file would be one cell.

    Raises:
        InvalidListError
    """
    reader, before = csv.reader(StringIO(text), delimiter=delimiter, strict=True), 0
    try:
        for _ in reader:
            before = reader.line_num
    except csv.Error as error:
        if _NEVER_CLOSED in str(error):
            detail = f"The quote that opens in the row of line {skipped + before + 1} is never closed."
            raise InvalidListError(detail) from error
        # Text after a closing quote belongs to the cell, as in spreadsheet programs.


def _list_sheet_rows(path: Path, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """The rows of the first visible sheet that has any. Cells with formulas have the values stored in the file."""
    _check_size(path, limits)
    with translated_errors(), CalamineWorkbook.from_path(str(path)) as workbook:
        for index, sheet in enumerate(workbook.sheets_metadata):
            if sheet.typ != SheetTypeEnum.WorkSheet or sheet.visible != SheetVisibleEnum.Visible:
                continue
            is_filled = False
            for number, row in enumerate(workbook.get_sheet_by_index(index).iter_rows(), 1):
                cells = [_show(value) for value in row]
                is_filled = is_filled or any(cells)
                yield number, cells
            if is_filled:
                return


def _check_size(path: Path, limits: Limits) -> None:
    """Check the unpacked size of a zipped workbook.

    Raises:
        ParseLimitExceededError, DocumentDamagedError
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
    except zipfile.BadZipFile as error:
        raise DocumentDamagedError(str(error)) from error
    if size > limits.inflated_bytes:
        raise ParseLimitExceededError(f"It unpacks to more than {limits.inflated_bytes:,} bytes.")


def _show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return str(value)


def _read_json(text: str, columns: Columns) -> Iterator[Record]:
    """The records of a JSON list, numbered by their index, or of JSON lines, numbered by their line."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not _is_object(text.lstrip().partition("\n")[0]):
            raise InvalidListError(f"It is not valid JSON: {error}") from error
        yield from _read_json_lines(text, columns)
        return
    items = found.get(columns.items) if isinstance(found, dict) else found
    if not isinstance(items, list):
        raise InvalidListError(f"Send a list, or an object with the list `{columns.items}`.")
    if isinstance(found, dict) and (others := [key for key in found if key != columns.items]):
        raise InvalidListError(f"Unknown: “{others[0][:100]}”. Options are fields of the request, not of the file.")
    for index, item in enumerate(items):
        yield _make_json_record(index, item, columns)


def _read_json_lines(text: str, columns: Columns) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), 1):
        if _is_object(line):
            yield _make_json_record(number, json.loads(line), columns)
        elif line.strip():
            yield Record(number, {}, RowError(None, RowCode.ROW_INVALID, _NO_OBJECT, line))


def _is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _make_json_record(index: int, item: object, columns: Columns) -> Record:
    if not isinstance(item, dict):
        return Record(index, {}, RowError(None, RowCode.ROW_INVALID, _NO_OBJECT, str(item)))
    cells: dict[str, Any] = {}
    for key, value in item.items():
        column = columns.find(key)
        if column is None or column in cells:
            problem = "Is unknown." if column is None else "Is given twice."
            return Record(index, cells, RowError(key, RowCode.COLUMN_UNKNOWN, problem, str(value)))
        if value is not None:
            cells[column] = value
    return Record(index, cells)
