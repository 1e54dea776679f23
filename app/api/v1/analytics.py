"""Routes for reports of usage and of the ends of tasks."""

from datetime import datetime
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from app.api import csv_tables
from app.api.access import OrganizationReader, ServicesOf
from app.api.bodies.analytics import TABLE_OF_TASKS, TasksBody, TasksList, UsageBody, UsageList
from app.api.problems import RESPONSES, document_problems
from app.domain.errors import NotFoundError, RestrictedKeyError
from app.domain.periods import Granularity, UsageReport
from app.services.usage.analytics import choose_periods

router = APIRouter(prefix="/analytics", tags=["analytics"], responses=RESPONSES)

Dimension = Literal["agent", "kind", "model"]
Since = Annotated[
    datetime | None,
    Query(
        alias="from",
        description=(
            "The first period is the one that contains this time or date. Without an offset, it is in UTC. Default: a "
            "day before `to` for hours, 30 days for days, a year for months."
        ),
    ),
]
Until = Annotated[
    datetime | None, Query(description="The last period ends here, or contains this time. Default: the present one.")
]
Agent = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only what this agent used.")]
Accept = Annotated[str, Header(include_in_schema=False)]


Period = Annotated[Granularity, Query(description="The length of the periods, in UTC.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="Maximum number of rows.")]
After = Annotated[str | None, Query(max_length=2000, description="The `next` cursor of the previous page.")]
Format = Annotated[
    Literal["json", "csv"] | None,
    Query(description="`csv` for a table; the header `Link` has its next page. Default: what `Accept` asks for."),
]
_RESPONSES: dict[int | str, dict[str, Any]] = {
    **document_problems(NotFoundError, RestrictedKeyError),
    200: {"content": {csv_tables.MEDIA_TYPE: {"schema": {"type": "string"}}}},
}


async def _read_report(
    granularity: Period = Granularity.DAY,
    since: Since = None,
    to: Until = None,
    agent_id: Agent = None,
    group_by: Annotated[
        list[Dimension] | None,
        Query(description="A row for each of these in each period. Give it several times for several of them."),
    ] = None,
) -> UsageReport:
    begin, end = choose_periods(granularity, since, to)
    return UsageReport(granularity, begin, end, agent_id, tuple(dict.fromkeys(group_by or ())))


async def _read_task_report(
    granularity: Period = Granularity.DAY,
    since: Since = None,
    to: Until = None,
    agent_id: Agent = None,
    group_by: Annotated[Literal["agent"] | None, Query(description="A row for each agent in each period.")] = None,
) -> UsageReport:
    begin, end = choose_periods(granularity, since, to)
    return UsageReport(granularity, begin, end, agent_id, (group_by,) if group_by else ())


@router.get("/usage", response_model=UsageList, responses=_RESPONSES)
async def list_usage(
    report: Annotated[UsageReport, Depends(_read_report)],
    request: Request,
    identity: OrganizationReader,
    services: ServicesOf,
    limit: Limit = 1000,
    after: After = None,
    format: Format = None,  # noqa: A002 - the parameter's name in the query
    accept: Accept = "",
) -> UsageList | Response:
    """Show what your organization used, by hour, day or month.

    Usage is recorded in the transaction that makes it true, and added to sums once an hour. This report has both: an
    upload of a minute ago is in it. Searches are recorded every five seconds.
    """
    listing = await services.usage.analytics.list(identity.organization_id, report, limit=limit, after=after)
    bodies = [UsageBody.of(row) for row in listing.items]
    if _wants_csv(format, accept):
        rows = (body.model_dump() for body in bodies)
        return csv_tables.respond(list(UsageBody.model_fields), rows, url=request.url, cursor=listing.next)
    return UsageList(usage=bodies, total=listing.total, next=listing.next)


@router.get("/tasks", response_model=TasksList, responses=_RESPONSES)
async def list_task_ends(
    report: Annotated[UsageReport, Depends(_read_task_report)],
    request: Request,
    identity: OrganizationReader,
    services: ServicesOf,
    limit: Limit = 1000,
    after: After = None,
    format: Format = None,  # noqa: A002 - the parameter's name in the query
    accept: Accept = "",
) -> TasksList | Response:
    """Show how tasks ended and how long their stages took, by hour, day or month.

    A task is of the period in which it ended. The counts of an hour stay when retention deletes its tasks. As a table,
    each state, each code of failures and each stage has a row.
    """
    listing = await services.usage.analytics.list_tasks(identity.organization_id, report, limit=limit, after=after)
    bodies = [TasksBody.of(row) for row in listing.items]
    if _wants_csv(format, accept):
        rows = chain.from_iterable(body.as_table() for body in bodies)
        return csv_tables.respond(TABLE_OF_TASKS, rows, url=request.url, cursor=listing.next)
    return TasksList(tasks=bodies, total=listing.total, next=listing.next)


def _wants_csv(chosen: str | None, accept: str) -> bool:
    """Whether a request asks for CSV: by its format; without one, it accepts CSV and not JSON."""
    types = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return chosen == "csv" or (chosen is None and csv_tables.MEDIA_TYPE in types and "application/json" not in types)
