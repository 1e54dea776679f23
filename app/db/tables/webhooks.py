"""The tables of webhooks, their secrets and their deliveries."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from app.db.tables.columns import (
    make_id,
    make_integer,
    make_object,
    make_reference,
    make_text,
    make_time,
    metadata,
    write_choice,
)
from app.domain.webhooks import DeliveryStatus

webhooks = sa.Table(
    "webhooks",
    metadata,
    make_id(),
    make_reference("organization_id", "organizations.id"),
    # Of a row that stands for the callback URLs of one server: its scheme, host and port. No client lists such a row.
    make_text("callback_origin", nullable=True),
    make_text("url"),
    make_text("description", default=""),
    sa.Column("events", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),  # types, `*`, `task.*`
    sa.Column("agent_ids", ARRAY(sa.BigInteger)),  # only events of these agents; NULL for all events
    sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.text("true")),
    make_time("disabled_at"),
    make_text("disabled_reason", nullable=True),
    make_integer("failures"),  # failed attempts since the last success, of all deliveries
    make_time("failing_since"),
    make_time("failed_at"),
    make_time("created_at", nullable=False),
    make_time("updated_at", nullable=False),
    make_time("deleted_at"),
    sa.Index(
        "webhooks_organization_id_callback_origin_key",
        "organization_id",
        "callback_origin",
        unique=True,
        postgresql_where="callback_origin IS NOT NULL",
    ),
    sa.Index("webhooks_organization_id_id_idx", "organization_id", "id", postgresql_where="deleted_at IS NULL"),
)

webhook_secrets = sa.Table(
    "webhook_secrets",
    metadata,
    make_id(),
    make_reference("organization_id", "organizations.id"),
    make_reference("webhook_id", "webhooks.id", nullable=True),  # NULL: signs the organization's callbacks
    make_text("secret"),
    make_time("created_at", nullable=False),
    make_time("expires_at"),  # NULL for the current one
    sa.Index("webhook_secrets_webhook_id_key", "webhook_id", unique=True, postgresql_where="expires_at IS NULL"),
    sa.Index(
        "webhook_secrets_organization_id_key",
        "organization_id",
        unique=True,
        postgresql_where="webhook_id IS NULL AND expires_at IS NULL",
    ),
    sa.Index("webhook_secrets_organization_id_webhook_id_idx", "organization_id", "webhook_id"),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    make_id(),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    make_reference("webhook_id", "webhooks.id"),
    sa.Column("event_id", sa.BigInteger),  # NULL for a test
    make_text("message_id"),  # the header webhook-id, the same for all attempts
    make_text("event"),  # its type
    sa.Column("document_id", sa.BigInteger),  # events of one document are first sent one after the other
    sa.Column("position", sa.BigInteger),
    make_text("url", nullable=True),  # the callback URL; NULL: the webhook's
    make_text("body"),  # the bytes that are sent, the same for all attempts
    make_text("status", default=DeliveryStatus.PENDING.value),
    make_integer("attempts"),  # since it was queued or replayed
    # The ledger task that sends it. NULL while other deliveries of the webhook are sent first.
    sa.Column("task_id", UUID(as_uuid=True)),
    make_object("log", empty="[]"),  # the latest attempts
    make_time("created_at", nullable=False),
    make_time("next_attempt_at"),
    make_time("completed_at"),
    sa.CheckConstraint(write_choice("status", DeliveryStatus), name="status"),
    sa.Index(
        "webhook_deliveries_event_id_webhook_id_key",
        "event_id",
        "webhook_id",
        unique=True,
        postgresql_where="event_id IS NOT NULL",
    ),
    sa.Index("webhook_deliveries_document_id_idx", "document_id", postgresql_where="document_id IS NOT NULL"),
    sa.Index("webhook_deliveries_webhook_id_id_idx", "webhook_id", "id"),
    sa.Index("webhook_deliveries_organization_id_created_at_idx", "organization_id", "created_at"),
    sa.Index(
        "webhook_deliveries_waiting_idx",
        "webhook_id",
        "id",
        postgresql_where="status = 'pending' AND task_id IS NULL",
    ),
    sa.Index(
        "webhook_deliveries_queued_idx",
        "webhook_id",
        postgresql_where="status = 'pending' AND task_id IS NOT NULL",
    ),
    sa.Index(
        "webhook_deliveries_unsent_idx",
        "webhook_id",
        "document_id",
        "id",
        postgresql_where="status = 'pending' AND attempts = 0 AND document_id IS NOT NULL",
    ),
)
