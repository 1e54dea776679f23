"""Add webhooks, their secrets and their deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_09"
down_revision = "20261130_13"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "webhooks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("callback_origin", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("events", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("agent_ids", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("webhooks_organization_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("webhooks_pkey")),
    )
    op.create_index(
        "webhooks_organization_id_callback_origin_key",
        "webhooks",
        ["organization_id", "callback_origin"],
        unique=True,
        postgresql_where="callback_origin IS NOT NULL",
    )
    op.create_index(
        "webhooks_organization_id_id_idx",
        "webhooks",
        ["organization_id", "id"],
        unique=False,
        postgresql_where="deleted_at IS NULL",
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=True),
        sa.Column(
            "log",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'failed', 'held')", name=op.f("webhook_deliveries_status_check")
        ),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=op.f("webhook_deliveries_webhook_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_deliveries_pkey")),
    )
    op.create_index(
        "webhook_deliveries_organization_id_created_at_idx",
        "webhook_deliveries",
        ["organization_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "webhook_deliveries_queued_idx",
        "webhook_deliveries",
        ["webhook_id"],
        unique=False,
        postgresql_where="status = 'pending' AND task_id IS NOT NULL",
    )
    op.create_index(
        "webhook_deliveries_unsent_idx",
        "webhook_deliveries",
        ["webhook_id", "document_id", "id"],
        unique=False,
        postgresql_where="status = 'pending' AND attempts = 0 AND document_id IS NOT NULL",
    )
    op.create_index(
        "webhook_deliveries_waiting_idx",
        "webhook_deliveries",
        ["webhook_id", "id"],
        unique=False,
        postgresql_where="status = 'pending' AND task_id IS NULL",
    )
    op.create_index(
        "webhook_deliveries_webhook_id_event_id_key",
        "webhook_deliveries",
        ["webhook_id", "event_id"],
        unique=True,
        postgresql_where="event_id IS NOT NULL",
    )
    op.create_index("webhook_deliveries_webhook_id_id_idx", "webhook_deliveries", ["webhook_id", "id"], unique=False)
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("webhook_secrets_organization_id_fkey")
        ),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=op.f("webhook_secrets_webhook_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_secrets_pkey")),
    )
    op.create_index(
        "webhook_secrets_organization_id_key",
        "webhook_secrets",
        ["organization_id"],
        unique=True,
        postgresql_where="webhook_id IS NULL AND expires_at IS NULL",
    )
    op.create_index(
        "webhook_secrets_organization_id_webhook_id_idx",
        "webhook_secrets",
        ["organization_id", "webhook_id"],
        unique=False,
    )
    op.create_index(
        "webhook_secrets_webhook_id_key",
        "webhook_secrets",
        ["webhook_id"],
        unique=True,
        postgresql_where="expires_at IS NULL",
    )
    op.execute("INSERT INTO chores (name) VALUES ('webhooks')")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DELETE FROM chores WHERE name = 'webhooks'")
    op.drop_index("webhook_secrets_webhook_id_key", table_name="webhook_secrets", postgresql_where="expires_at IS NULL")
    op.drop_index("webhook_secrets_organization_id_webhook_id_idx", table_name="webhook_secrets")
    op.drop_index(
        "webhook_secrets_organization_id_key",
        table_name="webhook_secrets",
        postgresql_where="webhook_id IS NULL AND expires_at IS NULL",
    )
    op.drop_table("webhook_secrets")
    op.drop_index("webhook_deliveries_webhook_id_id_idx", table_name="webhook_deliveries")
    op.drop_index(
        "webhook_deliveries_webhook_id_event_id_key",
        table_name="webhook_deliveries",
        postgresql_where="event_id IS NOT NULL",
    )
    op.drop_index(
        "webhook_deliveries_waiting_idx",
        table_name="webhook_deliveries",
        postgresql_where="status = 'pending' AND task_id IS NULL",
    )
    op.drop_index(
        "webhook_deliveries_unsent_idx",
        table_name="webhook_deliveries",
        postgresql_where="status = 'pending' AND attempts = 0 AND document_id IS NOT NULL",
    )
    op.drop_index(
        "webhook_deliveries_queued_idx",
        table_name="webhook_deliveries",
        postgresql_where="status = 'pending' AND task_id IS NOT NULL",
    )
    op.drop_index("webhook_deliveries_organization_id_created_at_idx", table_name="webhook_deliveries")
    op.drop_table("webhook_deliveries")
    op.drop_index("webhooks_organization_id_id_idx", table_name="webhooks", postgresql_where="deleted_at IS NULL")
    op.drop_index(
        "webhooks_organization_id_callback_origin_key",
        table_name="webhooks",
        postgresql_where="callback_origin IS NOT NULL",
    )
    op.drop_table("webhooks")
