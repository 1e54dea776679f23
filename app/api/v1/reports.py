"""Routes for scheduled reports."""

from fastapi import APIRouter

from app.api.access import OrganizationAdmin, OrganizationReader, ServicesOf
from app.api.bodies.reports import ReportScheduleBody, ReportScheduleUpdate
from app.api.problems import RESPONSES

router = APIRouter(prefix="/reports", tags=["billing"], responses=RESPONSES)


@router.get("")
async def get_report_schedule(identity: OrganizationReader, services: ServicesOf) -> ReportScheduleBody:
    """Show when the report of your organization is made, and who receives it."""
    schedule = await services.billing.reports.get_schedule(identity.organization_id)
    return ReportScheduleBody.of(schedule, mail_is_on=services.billing.mails.is_on)


@router.put("/schedule")
async def set_report_schedule(
    body: ReportScheduleUpdate, identity: OrganizationAdmin, services: ServicesOf
) -> ReportScheduleBody:
    """Schedule a report of what your organization uses: daily or monthly, by webhook and by mail."""
    schedule = body.read()
    await services.billing.reports.set_schedule(identity.organization_id, schedule)
    return ReportScheduleBody.of(schedule, mail_is_on=services.billing.mails.is_on)
