"""The data of events about limits."""

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


class QuotaData(BaseModel):
    """A limit that is nearly or completely used up."""

    model_config = example(QUOTA, extra="forbid")

    name: str = Field(description="What is limited, as in `GET /limits`.")
    agent_id: int | None = Field(description="The agent whose limit it is; null for that of the organization.")
    limit: int | str = Field(description="The limit; of a budget, a decimal number in a text.")
    used: int | str = Field(description="What is used.")
    resets_at: datetime | None = Field(description="When the month ends, in UTC; null for stored bytes.")
