"""Plans for the rows of a list: their states before any agent is created, and the batches that create them."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.onboarding.agents import find_existing
from app.db.onboarding.rows import RowState
from app.domain.onboarding import AgentRow, ImportOptions, OnExisting, RowCode, RowError, RowOutcome
from app.services.onboarding.creation import decide

BATCH = 500
"""The rows and web pages of one transaction, which takes a fraction of a second."""


def make_row(given: dict[str, Any]) -> AgentRow:
    """The row that the sandbox has read."""
    error = given["error"]
    return AgentRow(**{**given, "error": RowError(**{**error, "code": RowCode(error["code"])}) if error else None})


def check_row(row: AgentRow, options: ImportOptions) -> RowState:
    """The state of a row before any agent is created."""
    if row.error is None:
        return RowState(row.line, None)
    repeats = row.error.code is RowCode.SLUG_DUPLICATED and options.on_existing is OnExisting.SKIP
    return RowState(row.line, RowOutcome.SKIPPED if repeats else RowOutcome.FAILED, error=row.error)


async def foresee(
    connection: AsyncConnection,
    organization_id: int,
    rows: Sequence[AgentRow],
    states: Sequence[RowState],
    options: ImportOptions,
) -> list[RowState]:
    """The states that the rows would have after an import."""
    existing = await find_existing(connection, organization_id, [row.slug for row in rows if not row.error])
    foreseen = [
        state if row.error else decide(row, existing.get(row.slug), options.on_existing).state
        for row, state in zip(rows, states, strict=True)
    ]
    if options.atomic and any(state.outcome is RowOutcome.FAILED for state in foreseen):
        return [state if state.outcome is RowOutcome.FAILED else RowState(state.line, None) for state in foreseen]
    return foreseen


def make_batches(sizes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The first and the last line of each batch of rows and their pages."""
    first, last, size = sizes[0][0], sizes[0][0], 0
    for line, pages in sizes:
        if size and size + 1 + pages > BATCH:
            yield first, last
            first, size = line, 0
        last, size = line, size + 1 + pages
    yield first, last
