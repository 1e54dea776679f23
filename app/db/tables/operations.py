"""The tables of the audit log, and of the runs of upkeep."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from app.db.tables.columns import make_id, make_integer, make_object, make_text, make_time, metadata

# A trigger refuses every change of its rows, except that retention deletes old ones.
audit_entries = sa.Table(
    "audit_entries",
    metadata,
    make_id(),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    # The API key of the request; NULL for a command on the machine itself.
    sa.Column("key_id", sa.BigInteger),
    make_text("actor"),  # the prefix of the key, or the operating system's user who ran the command
    make_text("action"),  # the operation's name in the OpenAPI document, or the command
    make_text("method", nullable=True),
    make_text("path", nullable=True),  # the route's template, so without ids and texts
    # What was written, each as ``kind:id``, such as ``document:123``.
    sa.Column("targets", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    # The names of the fields that the request gave. Their values are not recorded.
    sa.Column("fields", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    make_integer("status", nullable=True),
    make_text("request_id", nullable=True),
    make_text("client_address", nullable=True),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.Index("audit_entries_organization_id_id_idx", "organization_id", "id"),
    sa.Index("audit_entries_targets_idx", "targets", postgresql_using="gin"),
)

TRIGGERS = {("audit_entries", "audit_entries_are_append_only"), ("audit_entries", "audit_entries_are_not_truncated")}
"""The triggers that refuse changes of entries."""

upkeep_runs = sa.Table(
    "upkeep_runs",
    metadata,
    make_id(),
    make_text("name"),
    # Whose data it concerns; NULL for the whole installation.
    sa.Column("organization_id", sa.BigInteger),
    # The ledger task that does it; NULL for a chore, of which only the last run is kept.
    sa.Column("task_id", UUID(as_uuid=True)),
    make_time("started_at", nullable=False),
    make_time("ended_at"),
    make_object("counts"),  # what was deleted, found or submitted, by kind
    make_text("error", nullable=True),
    sa.Index("upkeep_runs_organization_id_id_idx", "organization_id", "id"),
    sa.Index("upkeep_runs_task_id_key", "task_id", unique=True, postgresql_where="task_id IS NOT NULL"),
    sa.Index("upkeep_runs_name_key", "name", unique=True, postgresql_where="task_id IS NULL"),
)
