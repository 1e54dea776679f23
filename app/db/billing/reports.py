"""Queries on the schedules of reports."""

import json
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.reports import ReportSchedule

_GET = text("SELECT settings -> 'report' AS report FROM organizations WHERE id = :organization_id")
_SET = text("""
    UPDATE organizations
    SET settings = CASE WHEN CAST(:report AS jsonb) IS NULL THEN settings - 'report'
                        ELSE settings || jsonb_build_object('report', CAST(:report AS jsonb)) END
    WHERE id = :organization_id
""")
_LIST = text("""
    SELECT id, settings -> 'report' AS report FROM organizations WHERE id > :after ORDER BY id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class ScheduledOrganization:
    """An organization and the schedule of its report."""

    id: int
    schedule: ReportSchedule


async def get_schedule(connection: AsyncConnection, organization_id: int) -> ReportSchedule:
    """The schedule of an organization's report."""
    return ReportSchedule.of(await connection.scalar(_GET, {"organization_id": organization_id}))


async def set_schedule(connection: AsyncConnection, organization_id: int, schedule: ReportSchedule) -> None:
    """Store the schedule of an organization's report."""
    stored = schedule.as_json()
    report = json.dumps(stored) if stored else None
    await connection.execute(_SET, {"organization_id": organization_id, "report": report})


async def list_schedules(connection: AsyncConnection, after: int, limit: int) -> list[ScheduledOrganization]:
    """Organizations in the order of their ids, after one of them."""
    rows = await connection.execute(_LIST, {"after": after, "limit": limit})
    return [ScheduledOrganization(row.id, ReportSchedule.of(row.report)) for row in rows]
