"""Checks the rows of a list of agents: each is an agent to create, or an error that names its line and column."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from app.domain.agents import (
    CHUNK_OVERLAPS,
    CHUNK_SIZES,
    CHUNKERS,
    NAME_CHARACTERS,
    OVERLAP_RULE,
    SLUG_CHARACTERS,
    SLUG_PATTERN,
    TASKS_IN_FLIGHT,
    WEIGHTS,
    Range,
    fits_overlap,
    make_slug,
)
from app.domain.documents import Parsed
from app.domain.errors import InvalidListError, InvalidMetadataError
from app.domain.metadata import check_metadata
from app.domain.onboarding import MAX_ROWS, MAX_URLS, AgentRow, RowCode, RowError
from app.domain.records import AgentSettings
from app.pipeline.onboarding.columns import AGENT_COLUMNS, SETTINGS
from app.pipeline.onboarding.records import Record, read_records
from app.pipeline.parse.limits import Limits

_RANGES = {
    "chunk_size": CHUNK_SIZES,
    "chunk_overlap": CHUNK_OVERLAPS,
    "weight": WEIGHTS,
    "max_in_flight": TASKS_IN_FLIGHT,
}
_NUMBER = re.compile(r"[+-]?\d{1,12}(?:\.0*)?")
_BETWEEN_URLS = re.compile(r"[\s;|]+")
_AS_TEXT = re.compile(r'="(.*)"', re.DOTALL)
"""How spreadsheet programs keep digits as text in a CSV file."""
_VALUE_CHARACTERS = 100


class _CellError(Exception):
    """What is wrong with one cell."""

    def __init__(self, column: str, code: RowCode, message: str, value: object = None) -> None:
        self.error = RowError(column, code, message, None if value is None else str(value))
        super().__init__(message)


def read_rows(path: Path, limits: Limits, report: Callable[[int, int], None]) -> Parsed:
    """The rows of a file as ``rows`` in the metadata of a document without pages, each the fields of an ``AgentRow``.

    Raises:
        InvalidListError: the header is wrong, there is no row, or there are too many.
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError: the file cannot be read.
    """
    rows: list[dict[str, Any]] = []
    lines: dict[str, int] = {}
    for record in read_records(path, limits, AGENT_COLUMNS):
        if len(rows) == MAX_ROWS:
            raise InvalidListError(f"It has more than {MAX_ROWS:,} rows. Split it.")
        rows.append(asdict(_cut_value(_check_duplicate(check_record(record), lines))))
    if not rows:
        raise InvalidListError("It has no rows below the header.")
    report(1, 1)
    return Parsed([], {"rows": rows})


def check_record(record: Record) -> AgentRow:
    """The agent of a record, or its first error, whose message names the others."""
    if record.error:
        return AgentRow(record.line, error=record.error)
    errors: list[RowError] = []

    def take(read: Callable[[Mapping[str, Any]], Any]) -> Any:
        try:
            return read(record.cells)
        except _CellError as problem:
            errors.append(problem.error)
            return None

    name, slug, settings = take(_read_name), take(_read_slug), take(_read_settings)
    urls, metadata = take(_read_urls), take(_read_metadata)
    if not errors:
        return AgentRow(record.line, name, slug or make_slug(name), settings, urls, metadata)
    first, *others = errors
    message = " ".join([first.message, *(f"{error.column}: {error.message}" for error in others)])
    return AgentRow(record.line, error=replace(first, message=message))


def _check_duplicate(row: AgentRow, lines: dict[str, int]) -> AgentRow:
    """The row, or an error if a former one has its slug."""
    if row.error:
        return row
    former = lines.setdefault(row.slug, row.line)
    if former == row.line:
        return row
    message = f"Line {former} has the same slug. Give each row a slug of its own."
    return AgentRow(row.line, error=RowError("slug", RowCode.SLUG_DUPLICATED, message, row.slug))


def _cut_value(row: AgentRow) -> AgentRow:
    """The row, with the wrong value cut and without characters that Postgres cannot store."""
    if row.error is None:
        return row
    column, value = _clean(row.error.column), _clean(row.error.value)
    return replace(row, error=replace(row.error, column=column, value=value, message=_clean(row.error.message, 1000)))


def _clean(text: str | None, characters: int = _VALUE_CHARACTERS) -> Any:
    if text is None:
        return None
    shown = text if len(text) <= characters else f"{text[: characters - 1]}…"
    return shown.replace("\0", "").encode("utf-8", "ignore").decode()


def _read_text(cells: Mapping[str, Any], column: str, code: RowCode) -> str:
    """A text in one line; empty where there is none."""
    value = cells.get(column, "")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _CellError(column, code, "Must be a text.", value)
    text = str(value).strip()
    if quoted := _AS_TEXT.fullmatch(text):
        text = quoted[1].replace('""', '"')
    if "\0" in text or text != text.encode("utf-8", "ignore").decode():
        raise _CellError(column, code, "Contains a character that cannot be stored.", value)
    return " ".join(text.split())


def _read_name(cells: Mapping[str, Any]) -> str:
    name = _read_text(cells, "name", RowCode.NAME_INVALID)
    if not name:
        raise _CellError("name", RowCode.NAME_MISSING, "Is missing.")
    if len(name) > NAME_CHARACTERS:
        raise _CellError("name", RowCode.NAME_INVALID, f"May have at most {NAME_CHARACTERS} characters.", name)
    return name


def _read_slug(cells: Mapping[str, Any]) -> str:
    slug = _read_text(cells, "slug", RowCode.SLUG_INVALID)
    if slug and (len(slug) > SLUG_CHARACTERS or not re.fullmatch(SLUG_PATTERN, slug)):
        rule = (
            f"Must be lowercase letters and digits, joined by single hyphens or underscores; at most {SLUG_CHARACTERS}."
        )
        raise _CellError("slug", RowCode.SLUG_INVALID, rule, slug)
    return slug


def _read_settings(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the row gives, in the column ``settings`` or in one of their own."""
    given = _read_object(cells, "settings", RowCode.SETTING_INVALID)
    if unknown := [name for name in given if name not in SETTINGS]:
        message = f"Has an unknown setting. They are: {', '.join(SETTINGS)}."
        raise _CellError("settings", RowCode.SETTING_INVALID, message, unknown[0])
    given |= {name: cells[name] for name in SETTINGS if name in cells}
    settings = {
        name: _read_number(name, value) for name, value in given.items() if name in _RANGES and value is not None
    }
    if (chunker := given.get("chunker")) is not None:
        if chunker not in CHUNKERS:
            raise _CellError("chunker", RowCode.SETTING_INVALID, f"Must be {', '.join(CHUNKERS)}.", chunker)
        settings["chunker"] = chunker
    complete = AgentSettings(**settings)
    if not fits_overlap(complete.chunk_size, complete.chunk_overlap):
        raise _CellError("chunk_overlap", RowCode.SETTING_INVALID, OVERLAP_RULE, complete.chunk_overlap)
    return settings


def _read_number(column: str, value: object) -> Any:
    text = "" if isinstance(value, bool) else str(value).strip()
    number = int(text.partition(".")[0]) if _NUMBER.fullmatch(text) else None
    allowed: Range = _RANGES[column]
    if number is None or not allowed.least <= number <= allowed.most:
        message = f"Must be a whole number from {allowed.least} to {allowed.most}."
        raise _CellError(column, RowCode.NUMBER_INVALID, message, value)
    return number


def _read_urls(cells: Mapping[str, Any]) -> list[str]:
    """The web pages of the row; their addresses are checked later, with the hosts that are allowed."""
    given = cells.get("documents", "")
    urls = _BETWEEN_URLS.split(given) if isinstance(given, str) else given
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise _CellError("documents", RowCode.URL_INVALID, "Must be a list of URLs.", given)
    cleaned = list(dict.fromkeys(filter(None, (url.strip().strip(",") for url in urls))))
    if len(cleaned) > MAX_URLS:
        raise _CellError("documents", RowCode.TOO_MANY_URLS, f"May name at most {MAX_URLS} web pages.", len(cleaned))
    return cleaned


def _read_metadata(cells: Mapping[str, Any]) -> dict[str, Any]:
    metadata = _read_object(cells, "metadata", RowCode.METADATA_INVALID)
    try:
        return check_metadata(metadata)
    except InvalidMetadataError as error:
        raise _CellError("metadata", RowCode.METADATA_INVALID, error.message) from error


def _read_object(cells: Mapping[str, Any], column: str, code: RowCode) -> dict[str, Any]:
    """A JSON object, given as such or as text."""
    given = cells.get(column, {})
    try:
        found = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _CellError(column, code, "Must be a JSON object.", given)
    return dict(found)
