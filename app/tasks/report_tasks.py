"""Tasks that make scheduled reports and send mails."""

from app.bootstrap import Services
from app.domain.tasks import TaskName
from app.services.queue.attempts import Outcome, RunningAttempt
from app.tasks.base import ledger_task


@ledger_task(TaskName.SUBMIT_REPORTS)
async def submit_reports(services: Services, attempt: RunningAttempt) -> Outcome:
    """Submit the reports that are due, and close the statements of a month that is over."""
    return await services.billing.reports.submit_due(attempt)


@ledger_task(TaskName.MAKE_REPORT)
async def make_report(services: Services, attempt: RunningAttempt) -> Outcome:
    """Make the report of an organization."""
    return await services.billing.reports.make(attempt)


@ledger_task(TaskName.SEND_MAIL)
async def send_mail(services: Services, attempt: RunningAttempt) -> Outcome:
    """Send a mail to one recipient."""
    return await services.billing.mails.send(attempt)
