"""Lists of agents for tests, and what is read from them."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from app.pipeline.onboarding.rows import read_rows
from app.pipeline.parse.limits import Limits
from tests.pipeline.packages import make_xlsx


def read(folder: Path, data: str | bytes | object, limits: Limits | None = None) -> list[dict[str, Any]]:
    """The rows of a file with this content; anything but text and bytes is written as JSON."""
    path = folder / "agents"
    if not isinstance(data, str | bytes):
        data = json.dumps(data)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    rows: list[dict[str, Any]] = read_rows(path, limits or Limits(), lambda _done, _total: None).metadata["rows"]
    return rows


def list_names(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The names of the rows."""
    return [row["name"] for row in rows]


def list_errors(rows: Iterable[dict[str, Any]]) -> list[tuple[int, str | None, str]]:
    """The line, the column and the code of each error."""
    return [(row["line"], row["error"]["column"], row["error"]["code"]) for row in rows if row["error"]]


def make_workbook(folder: Path, rows: Iterable[Sequence[object]], *, blank_sheet_first: bool = False) -> bytes:
    """An XLSX file with these rows."""
    written = ""
    for number, row in enumerate(rows, 1):
        cells = "".join(_write_cell(f"{chr(65 + at)}{number}", value) for at, value in enumerate(row))
        written += f'<row r="{number}">{cells}</row>'
    blank = {"Notes": ""} if blank_sheet_first else {}
    return make_xlsx(folder / "agents.xlsx", {**blank, "Agents": written}).read_bytes()


def _write_cell(place: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


BAD_EVERY = 270


def make_large_list(count: int = 10_000, bad: int = 37) -> tuple[str, list[int]]:
    """A CSV file of that many agents, and the lines of its bad rows, which have faults of several kinds."""
    lines, wrong = ["Name;Slug;Chunk size;Weight"], list[int]()
    faults = (
        ";slug-{n};;",
        "Agent {n};Bad Slug!;;",
        "Agent {n};slug-{n};many;",
        "Agent {n};slug-1;;",
        "Agent {n};;;1000",
    )
    for number in range(1, count + 1):
        if number % BAD_EVERY == 0 and len(wrong) < bad:
            lines.append(faults[len(wrong) % len(faults)].format(n=number))
            wrong.append(len(lines))
        else:
            lines.append(f"Agent {number};slug-{number};{800 + number % 7};")
    return "\n".join(lines) + "\n", wrong
