"""Bodies of requests and responses on deliveries of webhooks."""

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from app.api.bodies.fields import Next, Total, example
from app.domain.webhooks import Delivery, DeliveryFilter, DeliveryStatus

_ATTEMPT = {
    "at": "2026-11-30T09:41:09.402Z",
    "ms": 137,
    "status": 503,
    "error": "The receiver answered with status 503.",
    "excerpt": "upstream connect error",
}
_DELIVERY = {
    "id": 4711,
    "webhook_id": 7,
    "event_id": "evt_98231",
    "event": "document.completed",
    "document_id": 123,
    "position": 1042,
    "url": None,
    "status": "pending",
    "attempts": 1,
    "last_status": 503,
    "last_error": "The receiver answered with status 503.",
    "task_id": "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
    "created_at": "2026-11-30T09:41:09.004Z",
    "next_attempt_at": "2026-11-30T09:41:14.701Z",
    "completed_at": None,
}
_PAYLOAD = {
    "id": "evt_98231",
    "type": "document.completed",
    "timestamp": "2026-11-30T09:41:08.993Z",
    "organization_id": 1,
    "position": 1042,
    "data": {"document_id": 123, "agent_id": 1},
}


class DeliveryAttempt(BaseModel):
    """One attempt of a delivery."""

    model_config = example(_ATTEMPT)

    at: datetime = Field(description="When it began.")
    ms: int = Field(description="How long it took, in milliseconds.")
    status: int | None = Field(description="The HTTP status of the answer; null if there was none.")
    error: str | None = Field(description="Why it failed; null if it did not.")
    excerpt: str = Field(description="The first 1,024 characters of the answer's body.")


class DeliveryBody(BaseModel):
    """A delivery of an event."""

    model_config = example(_DELIVERY)

    id: int = Field(description="The delivery's id.")
    webhook_id: int | None = Field(description="The webhook; null for a callback URL.")
    event_id: str = Field(description="The event's id, which every attempt sends as `webhook-id`.")
    event: str = Field(description="The event's type.")
    document_id: int | None = Field(description="The document that the event is about; null if it has none.")
    position: int | None = Field(description="The event's position in the organization's feed; null for a test.")
    url: str | None = Field(description="The callback URL; null if it is sent to the webhook's URL.")
    status: DeliveryStatus = Field(
        description=(
            "`pending`: it will be sent. `delivered`: the receiver answered with 2xx. `failed`: all attempts failed, "
            "or its task was cancelled. `held`: the webhook was disabled before it was sent."
        )
    )
    attempts: int = Field(description="The number of attempts since it was queued or last replayed.")
    last_status: int | None = Field(description="The HTTP status of the latest answer; null if there was none.")
    last_error: str | None = Field(description="Why the latest attempt failed; null if it did not.")
    task_id: str | None = Field(description="The task that sends it; null while earlier deliveries are sent.")
    created_at: datetime = Field(description="When it was queued.")
    next_attempt_at: datetime | None = Field(description="When the next attempt is due; null if none is planned.")
    completed_at: datetime | None = Field(description="When it was delivered or given up; null while it is pending.")

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryBody":
        """Convert a row."""
        return cls.model_validate(describe(delivery))


def describe(delivery: Delivery) -> dict[str, Any]:
    """The fields of a delivery."""
    last = delivery.log[-1] if delivery.log else {}
    return {
        "id": delivery.id,
        "webhook_id": None if delivery.url else delivery.webhook_id,
        "event_id": delivery.message_id,
        "last_status": last.get("status"),
        "last_error": last.get("error"),
        "task_id": str(delivery.task_id) if delivery.task_id else None,
        **{
            name: getattr(delivery, name)
            for name in (
                *("event", "document_id", "position", "url", "status", "attempts"),
                *("created_at", "next_attempt_at", "completed_at"),
            )
        },
    }


class DeliveryDetails(DeliveryBody):
    """A delivery with its attempts and the body that is sent."""

    model_config = example({**_DELIVERY, "log": [_ATTEMPT], "payload": _PAYLOAD})

    log: list[DeliveryAttempt] = Field(description="The latest 20 attempts, the oldest first.")
    payload: dict[str, Any] = Field(description="The event as it is sent: the body of every attempt.")

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryDetails":
        """Convert a row."""
        return cls.model_validate({**describe(delivery), "log": delivery.log, "payload": json.loads(delivery.body)})


class DeliveryList(BaseModel):
    """Deliveries, the newest first."""

    model_config = example({"deliveries": [_DELIVERY], "total": 1, "next": None})

    deliveries: list[DeliveryBody] = Field(description="The deliveries of this page.")
    total: Total
    next: Next


class DeliveryFilterBody(BaseModel):
    """Selects deliveries that are not pending. Omitted fields match everything."""

    model_config = example({"status": "held"}, extra="forbid")

    status: DeliveryStatus | None = Field(None, description="Only those with this status.")
    event: str | None = Field(None, max_length=100, description="Only those of events of this type.")

    def to_domain(self) -> DeliveryFilter:
        """Convert to the domain's filter."""
        return DeliveryFilter(self.status, self.event)


class DeliveryReplay(BaseModel):
    """Which deliveries to send again. An empty filter selects all that are not pending."""

    model_config = example({"filter": {"status": "held"}, "dry_run": True}, extra="forbid")

    filter: DeliveryFilterBody = Field(description="Which deliveries.")
    dry_run: bool = Field(default=False, description="Only count them.")
