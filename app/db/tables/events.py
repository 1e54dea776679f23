"""The tables of events, and of tasks that are submitted once for each period."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from app.db.tables.columns import make_id, make_object, make_text, make_time, metadata

events = sa.Table(
    "events",
    metadata,
    make_id(),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    sa.Column("agent_id", sa.BigInteger),
    sa.Column("document_id", sa.BigInteger),
    sa.Column("task_id", UUID(as_uuid=True)),
    make_text("type"),
    make_object("data"),
    # The URL that the job's client gave for its end, if any.
    make_text("callback_url", nullable=True),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    # Its place in the organization's feed, given after the commit, without gaps. NULL until then.
    sa.Column("position", sa.BigInteger),
    sa.Index(
        "events_organization_id_position_key",
        "organization_id",
        "position",
        unique=True,
        postgresql_where="position IS NOT NULL",
    ),
    sa.Index("events_without_position_idx", "id", postgresql_where="position IS NULL"),
    sa.Index("events_occurred_at_idx", "occurred_at"),
    sa.Index(
        "events_agent_id_position_idx",
        "agent_id",
        "position",
        postgresql_where="agent_id IS NOT NULL AND position IS NOT NULL",
    ),
    sa.Index("events_document_id_position_idx", "document_id", "position", postgresql_where="document_id IS NOT NULL"),
)

TRIGGERS = {
    ("tasks", "record_event"),
    ("documents", "record_event"),
    ("documents", "record_failed"),
    ("providers", "record_event"),
}
"""The triggers that write events, each with its table. A database without them has the right tables and no events."""

# The position given last in each organization. It outlives the events, so that no position is given twice.
event_feeds = sa.Table(
    "event_feeds",
    metadata,
    sa.Column("organization_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last_position", sa.BigInteger, nullable=False),
    postgresql_with={"fillfactor": "70"},
)

scheduled_tasks = sa.Table(
    "scheduled_tasks",
    metadata,
    # What the task does, and for which period, such as ``usage:2026-11-30T10``.
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("task_id", UUID(as_uuid=True), nullable=False),
    make_time("created_at", nullable=False),
)
