"""The data of events about limits and reports."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.bodies.fields import example

QUOTA = {
    "name": "documents_per_month",
    "agent_id": None,
    "limit": 10000,
    "used": 8000,
    "resets_at": "2026-12-01T00:00:00Z",
}
REPORT = {
    "frequency": "daily",
    "period": "2026-11-29",
    "quantities": {"documents": "120", "pages": "1840", "searches": "310"},
    "month": "2026-11",
    "month_total": "12.40",
    "currency": "EUR",
}


class ReportData(BaseModel):
    """What the organization used in a day or a month. The statement is at `GET /analytics/billing`."""

    model_config = example(REPORT, extra="forbid")

    frequency: str = Field(description="`daily` or `monthly`.")
    period: str = Field(description="The day or the month, in UTC.")
    quantities: dict[str, str] = Field(description="What was used in it, by quantity, as decimal numbers in texts.")
    month: str = Field(description="The month of the period.")
    month_total: str = Field(description="What that month costs, so far if it is not over.")
    currency: str = Field(description="The currency (ISO 4217).")


class QuotaData(BaseModel):
    """A limit that is nearly or completely used up."""

    model_config = example(QUOTA, extra="forbid")

    name: str = Field(description="What is limited, as in `GET /limits`.")
    agent_id: int | None = Field(description="The agent whose limit it is; null for that of the organization.")
    limit: int | str = Field(description="The limit; of a budget, a decimal number in a text.")
    used: int | str = Field(description="What is used.")
    resets_at: datetime | None = Field(description="When the month ends, in UTC; null for stored bytes.")
