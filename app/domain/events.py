"""The public catalogue of events: what they are called and what they contain.

An event is written in the transaction that made it true: of tasks, documents and circuits by triggers in Postgres (see
the migration ``record_events``), of everything else by ``app.db.events.outbox``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.domain.tasks import TaskName

EVENT_ID_PREFIX = "evt_"

NOT_JOBS = (
    TaskName.REEMBED_DOCUMENT,
    TaskName.CALIBRATE_AGENT,
    TaskName.SWEEP_DOCUMENT,
    TaskName.DECIDE_INDEX,
    TaskName.PING,
)
"""Tasks that no client has asked for. Their ends are no events.

A job is any other task without a parent, unless it belongs to the internal agent of an organization. The trigger on
``tasks`` contains the same names: a change needs a migration.
"""


class EventType(StrEnum):
    """The types of events."""

    TASK_SUCCEEDED = "task.succeeded"
    TASK_FAILED = "task.failed"
    TASK_CANCELLED = "task.cancelled"
    TASK_REPLAYED = "task.replayed"
    TASK_DISCARDED = "task.discarded"
    DOCUMENT_COMPLETED = "document.completed"
    DOCUMENT_REPLACED = "document.replaced"
    DOCUMENT_FAILED = "document.failed"
    DOCUMENT_DELETED = "document.deleted"
    PROFILE_ENRICHED = "profile.enriched"
    PROVIDER_CIRCUIT_OPENED = "provider.circuit_opened"
    PROVIDER_CIRCUIT_CLOSED = "provider.circuit_closed"
    WEBHOOK_DISABLED = "webhook.disabled"
    QUOTA_WARNING = "quota.warning"
    QUOTA_EXCEEDED = "quota.exceeded"
    REPORT_READY = "report.ready"


JOB_ENDS = (EventType.TASK_SUCCEEDED, EventType.TASK_FAILED, EventType.TASK_CANCELLED)
"""Each end of a job is one event of one of these types."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A row of ``events`` that has its position."""

    id: int
    organization_id: int
    agent_id: int | None
    document_id: int | None
    task_id: UUID | None
    type: str
    data: Mapping[str, Any]
    callback_url: str | None
    occurred_at: datetime
    position: int


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Selects events. An empty field matches everything."""

    types: frozenset[str] = frozenset()
    agent_id: int | None = None
    document_id: int | None = None

    def matches(self, event: RecordedEvent) -> bool:
        """Whether the event is selected."""
        return (
            (not self.types or event.type in self.types)
            and self.agent_id in (None, event.agent_id)
            and self.document_id in (None, event.document_id)
        )


def make_envelope(event: RecordedEvent) -> dict[str, Any]:
    """Build the body of an event, in the form that Standard Webhooks recommends."""
    return {
        "id": f"{EVENT_ID_PREFIX}{event.id}",
        "type": event.type,
        "timestamp": event.occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "organization_id": event.organization_id,
        "position": event.position,
        "data": dict(event.data),
    }
