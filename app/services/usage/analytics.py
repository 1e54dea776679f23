"""Analytics: reports of what an organization used, and of how its tasks ended."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.tables.usage import QUANTITIES
from app.db.usage.durations import read_bucket
from app.db.usage.reports import has_agent, list_usage
from app.db.usage.task_reports import list_task_sums
from app.domain.errors import InvalidRequestError, NotFoundError
from app.domain.periods import Granularity, UsageReport
from app.domain.records import Listing

_MOST_PERIODS = 10_000
_YEARS = range(2000, 2101)
_DEFAULTS = {Granularity.HOUR: timedelta(days=1), Granularity.DAY: timedelta(days=30)}
_YEAR = timedelta(days=365)
_FIRST = (datetime(1, 1, 1, tzinfo=UTC), 0, "", "")

Key = tuple[datetime, int, str, str]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What was used in a period. ``agent_id``, ``kind`` and ``model`` are None where the row is not limited to one."""

    start: datetime
    agent_id: int | None
    kind: str | None
    model: str | None
    quantities: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How often a stage ended, and how long it took at the median and at the 95th percentile, in milliseconds."""

    stage: str
    count: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class TaskRow:
    """How the tasks ended that ended in a period. ``failures`` are their numbers by the error's code."""

    start: datetime
    agent_id: int | None
    tasks: int
    succeeded: int
    failed: int
    revoked: int
    failures: Mapping[str, int]
    stages: Sequence[StageTimes]

    @property
    def success_rate(self) -> float | None:
        """The share of successes among the tasks that were not cancelled; None if all were."""
        ended = self.succeeded + self.failed
        return round(self.succeeded / ended, 6) if ended else None


def choose_periods(
    granularity: Granularity, since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """The beginning of the first period and the end of the last one that contain the given times.

    A time without an offset is in UTC. Without ``until``, the last period is the present one.

    Raises:
        InvalidRequestError: the times are in the wrong order, too far apart, or not of this century.
    """
    end = _in_utc(until, "to") if until else datetime.now(UTC)
    begin = _in_utc(since, "from") if since else end - _DEFAULTS.get(granularity, _YEAR)
    if begin >= end:
        raise InvalidRequestError("Must be before `to`.", field="query.from")
    first, last = granularity.find_start(begin), granularity.find_end(end)
    if (last - first) / (granularity.find_next(first) - first) > _MOST_PERIODS:
        raise InvalidRequestError(f"At most {_MOST_PERIODS:,} periods can be reported at once.", field="query.from")
    return first, last


def _in_utc(moment: datetime, name: str) -> datetime:
    if moment.year not in _YEARS:
        raise InvalidRequestError("Must be in the years 2000 to 2100.", field=f"query.{name}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Analytics:
    """Reports usage and tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, organization_id: int, wanted: UsageReport, *, limit: int, after: str | None
    ) -> Listing[UsageRow]:
        """List what was used, by period, then by what the rows are grouped by. Periods without usage have no row.

        Raises:
            NotFoundError: the organization never had the agent.
            InvalidRequestError: the cursor is not one of this list.
        """
        key = _read_cursor(after) if after else _FIRST
        async with self._database.statement() as connection:
            await _check_agent(connection, organization_id, wanted.agent_id)
            rows = await list_usage(connection, organization_id, wanted, after=key, limit=limit + 1)
        return _make_page(rows, limit, lambda row: _build(row, wanted))

    async def list_tasks(
        self, organization_id: int, wanted: UsageReport, *, limit: int, after: str | None
    ) -> Listing[TaskRow]:
        """List how tasks ended and how long their stages took, by period, then by agent.

        A task is of the period in which it ended. Tasks of the organization itself are not included. The errors are
        those of ``list``.
        """
        start, agent_id, *_ = _read_cursor(after) if after else _FIRST
        async with self._database.statement() as connection:
            await _check_agent(connection, organization_id, wanted.agent_id)
            rows = await list_task_sums(connection, organization_id, wanted, after=(start, agent_id), limit=limit + 1)
        return _make_page(rows, limit, lambda row: _build_tasks(row, wanted))


async def _check_agent(connection: AsyncConnection, organization_id: int, agent_id: int | None) -> None:
    if agent_id is not None and not await has_agent(connection, organization_id, agent_id):
        raise NotFoundError(f"Agent {agent_id} does not exist.")


def _make_page(
    rows: Sequence[Mapping[str, Any]], limit: int, build: Callable[[Mapping[str, Any]], Row]
) -> Listing[Row]:
    cursor = _write_cursor(rows[limit - 1]) if len(rows) > limit else None
    return Listing([build(row) for row in rows[:limit]], rows[0]["total"] if rows else 0, cursor)


def _build_tasks(row: Mapping[str, Any], wanted: UsageReport) -> TaskRow:
    counts = {name: row[name] for name in ("tasks", "succeeded", "failed", "revoked")}
    stages = [
        StageTimes(name, count, *(round(read_bucket(bucket), 1) for bucket in buckets))
        for name, count, *buckets in row["stages"]
    ]
    agent_id = row["agent_id"] if wanted.group_by else wanted.agent_id
    return TaskRow(row["start"], agent_id, **counts, failures=row["failures"], stages=stages)


def _build(row: Mapping[str, Any], wanted: UsageReport) -> UsageRow:
    by = wanted.group_by
    return UsageRow(
        row["start"],
        row["agent_id"] or None if "agent" in by else wanted.agent_id,
        row["kind"] if "kind" in by else None,
        row["model"] if "model" in by else None,
        {name: row[name] for name in QUANTITIES},
    )


def _write_cursor(row: Mapping[str, Any]) -> str:
    written = json.dumps([str(row["start"]), row["agent_id"], row.get("kind", ""), row.get("model", "")])
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> Key:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        start, agent_id, kind, model = json.loads(base64.urlsafe_b64decode(padded.encode()))
        return datetime.fromisoformat(start).astimezone(UTC), int(agent_id), str(kind), str(model)
    except (binascii.Error, ValueError, TypeError, OverflowError) as error:
        raise InvalidRequestError("Is no cursor of this list.", field="query.after") from error
