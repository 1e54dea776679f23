"""Lists as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.datastructures import URL
from starlette.responses import Response

MEDIA_TYPE = "text/csv"
# A spreadsheet would take a text that begins with one of these for a formula, and run it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as CSV (RFC 4180). Lists are written with spaces between their items, and times in RFC 3339."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_write_cell(row[column]) for column in columns])
    return written.getvalue()


def _write_cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    shown = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
    return f"'{shown}" if isinstance(shown, str) and shown.startswith(_FORMULA) else shown


def respond(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, url: URL, cursor: str | None) -> Response:
    """A page of a list as a CSV response. The header ``Link`` has the address of the next page, if there is one."""
    headers = {}
    if cursor is not None:
        following = url.include_query_params(after=cursor)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return Response(write_csv(columns, rows), headers=headers, media_type=f"{MEDIA_TYPE}; charset=utf-8")
