"""Checks the rows of a list of customer profiles: each is a profile, or an error that names its line and column."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.domain.documents import Parsed
from app.domain.errors import InvalidListError
from app.domain.onboarding import RowCode, RowError
from app.domain.profiles import MOST_IMPORTED, MOST_VALUES, SEVERAL, SINGLE, ProfileRow
from app.pipeline.onboarding.columns import Columns
from app.pipeline.onboarding.records import Record, read_records
from app.pipeline.parse.limits import Limits
from app.pipeline.profiles.contacts import read_mail, read_phone
from app.pipeline.profiles.countries import find_country
from app.pipeline.profiles.socials import NETWORKS, make_account, read_account
from app.pipeline.text import clean_line

PROFILE_COLUMNS = Columns(
    names=("name", "website", *SINGLE[1:], *SEVERAL, *NETWORKS, "enrich_every_days"),
    required="name",
    items="profiles",
    others={
        "name": ("company", "company_name", "customer", "customer_name", "account", "account_name", "organization"),
        "website": ("url", "domain", "homepage", "web", "web_page", "site", "link"),
        "legal_name": ("registered_name", "legal_entity"),
        "description": ("about", "notes"),
        "emails": ("email", "e_mail", "mail", "email_address"),
        "phones": ("phone", "telephone", "tel", "phone_number", "mobile"),
        "industries": ("industry", "sector", "branch", "keywords", "tags"),
        "founded": ("founding_date", "founded_in", "year_founded"),
        "x": ("twitter",),
        "enrich_every_days": ("every_days",),
    },
    prefixes=("company_", "customer_"),
    several=frozenset(SEVERAL),
)
_BETWEEN = re.compile(r"[;|\n]+")
_FOUNDED = re.compile(r"\d{4}(?:-\d\d){0,2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NAME, _TEXT, _SHOWN, _DAYS = 200, 1000, 100, 365


class _CellError(Exception):
    """What is wrong with one cell."""

    def __init__(self, column: str, code: RowCode, message: str, value: object) -> None:
        self.error = RowError(column, code, message, clean_line(str(value), _SHOWN))
        super().__init__(message)


def read_rows(path: Path, limits: Limits) -> Parsed:
    """The rows of a file as ``rows`` in the metadata of a document without pages, each the fields of a ``ProfileRow``.

    Raises:
        InvalidListError: the header is wrong, there is no row, or there are too many.
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError: the file cannot be read.
    """
    rows, lines = list[dict[str, Any]](), dict[str, int]()
    for record in read_records(path, limits, PROFILE_COLUMNS):
        if len(rows) == MOST_IMPORTED:
            raise InvalidListError(f"It has more than {MOST_IMPORTED:,} rows. Split it.")
        rows.append(asdict(_check_duplicate(check_record(record), lines)))
    if not rows:
        raise InvalidListError("It has no rows below the header.")
    return Parsed([], {"rows": rows})


def check_record(record: Record) -> ProfileRow:
    """The profile of a record, or its first error."""
    if record.error:
        return ProfileRow(record.line, error=record.error)
    cells = record.cells
    try:
        name = _read_name(cells)
        fields: dict[str, Any] = {column: value for column in SINGLE[1:] if (value := _read_single(cells, column))}
        fields |= {column: values for column in SEVERAL if (values := _read_several(cells, column))}
        if socials := {network: one for network in NETWORKS if (one := _read_account(cells, network))}:
            fields["socials"] = socials
        website = _read_text(cells, "website", 2048) or None
        return ProfileRow(record.line, name, _add_scheme(website), fields, _read_days(cells))
    except _CellError as problem:
        return ProfileRow(record.line, error=problem.error)


def _check_duplicate(row: ProfileRow, lines: dict[str, int]) -> ProfileRow:
    """The row, or an error if a former one is of the same company."""
    former = row.line if row.error else lines.setdefault(row.website or row.name.lower(), row.line)
    if former == row.line:
        return row
    column, value = ("website", row.website) if row.website else ("name", row.name)
    error = RowError(column, RowCode.ROW_INVALID, f"Line {former} is of the same company.", value)
    return ProfileRow(row.line, error=error)


def _read_name(cells: Mapping[str, Any]) -> str:
    name = _read_text(cells, "name", _NAME)
    if not name:
        raise _CellError("name", RowCode.NAME_MISSING, "Must not be empty.", "")
    return name


def _add_scheme(website: str | None) -> str | None:
    """The address of a website, which tables often give without a scheme."""
    return website if website is None or "://" in website else f"https://{website}"


def _read_text(cells: Mapping[str, Any], column: str, most: int) -> str:
    value = cells.get(column, "")
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise _CellError(column, RowCode.VALUE_INVALID, "Must be text.", value)
    text = clean_line(str(value), most + 1)
    if len(text) > most:
        raise _CellError(column, RowCode.VALUE_INVALID, f"Must have at most {most} characters.", text)
    return text


def _read_single(cells: Mapping[str, Any], column: str) -> str:
    text = _read_text(cells, column, _TEXT)
    if not text:
        return ""
    if column == "country":
        text = find_country(text) or ""
    elif column == "language":
        text = text.lower() if _LANGUAGE.fullmatch(text.lower()) else ""
    elif column == "founded":
        text = text if _FOUNDED.fullmatch(text) else ""
    elif column == "logo":
        text = text if text.startswith(("https://", "http://")) else ""
    if not text:
        raise _CellError(column, RowCode.VALUE_INVALID, _ALLOWED[column], cells[column])
    return text


_ALLOWED = {
    "country": "Must be a country: its name, or two letters (ISO 3166-1).",
    "language": "Must be two or three letters (ISO 639).",
    "founded": "Must be a year, a month or a day, such as 1987 or 1987-04-01.",
    "logo": "Must be an http or https address.",
    "emails": "Must be mail addresses, separated by semicolons.",
}


def _read_several(cells: Mapping[str, Any], column: str) -> list[str]:
    given = cells.get(column, "")
    parts = given if isinstance(given, list) else _BETWEEN.split(_read_lines(cells, column))
    values = [text for part in parts if (text := clean_line(str(part), _NAME))]
    if len(values) > MOST_VALUES:
        raise _CellError(column, RowCode.VALUE_INVALID, f"Must have at most {MOST_VALUES} values.", given)
    if column == "emails":
        mails = [read_mail(value) for value in values]
        if None in mails:
            raise _CellError(column, RowCode.VALUE_INVALID, _ALLOWED[column], given)
        return [mail for mail in mails if mail]
    if column == "phones":
        country = find_country(str(cells.get("country", "")))
        return [read_phone(value, country) or value for value in values]
    return values


def _read_lines(cells: Mapping[str, Any], column: str) -> str:
    value = cells.get(column, "")
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise _CellError(column, RowCode.VALUE_INVALID, "Must be text, or a list of texts.", value)
    return str(value)


def _read_account(cells: Mapping[str, Any], network: str) -> str | None:
    """The address of an account, which is given by it or by the account's name."""
    text = _read_text(cells, network, _TEXT)
    if not text:
        return None
    found = read_account(text)
    address = found[1] if found and found[0] == network else None if "/" in text else make_account(network, text)
    if address is None:
        raise _CellError(network, RowCode.VALUE_INVALID, "Must be the address of a company's account there.", text)
    return address


def _read_days(cells: Mapping[str, Any]) -> int | None:
    text = _read_text(cells, "enrich_every_days", _SHOWN).removesuffix(".0")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _DAYS):
        message = f"Must be a whole number from 1 to {_DAYS}."
        raise _CellError("enrich_every_days", RowCode.NUMBER_INVALID, message, text)
    return int(text)
