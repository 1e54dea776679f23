"""Bodies of requests and responses on scheduled reports."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from app.api.bodies.fields import example
from app.domain.mail import is_mail_address
from app.domain.reports import MOST_ADDRESSES, Frequency, ReportSchedule

_SCHEDULE = {"frequency": "monthly", "webhook": True, "email": ["finance@example.com"]}


def _check_address(value: str) -> str:
    if not is_mail_address(value):
        raise ValueError("Must be a mail address such as ops@example.com, without a name")
    return value


class ReportScheduleUpdate(BaseModel):
    """The schedule of the report."""

    model_config = example(_SCHEDULE, extra="forbid")

    frequency: Frequency | None = Field(
        description="`daily`: each day, of the day before; `monthly`: on the 1st, of the month before. Null ends it."
    )
    webhook: bool = Field(
        default=True, description="Whether the event `report.ready` is raised, which webhooks deliver."
    )
    email: list[Annotated[str, AfterValidator(_check_address)]] = Field(
        default=[], max_length=MOST_ADDRESSES, description="The addresses that receive a mail, if `SMTP_URL` is set."
    )

    def read(self) -> ReportSchedule:
        """The schedule."""
        return ReportSchedule(self.frequency, self.webhook, tuple(dict.fromkeys(self.email)))


class ReportScheduleBody(BaseModel):
    """The schedule of your organization's report."""

    model_config = example({**_SCHEDULE, "mail_is_on": True})

    frequency: Frequency | None = Field(description="How often it is made; null: not at all.")
    webhook: bool = Field(description="Whether the event `report.ready` is raised.")
    email: list[str] = Field(description="The addresses that receive a mail.")
    mail_is_on: bool = Field(description="Whether this installation sends mails.")

    @classmethod
    def of(cls, schedule: ReportSchedule, *, mail_is_on: bool) -> "ReportScheduleBody":
        """The body of a schedule."""
        return cls(
            frequency=schedule.frequency,
            webhook=schedule.webhook,
            email=list(schedule.email),
            mail_is_on=mail_is_on,
        )
