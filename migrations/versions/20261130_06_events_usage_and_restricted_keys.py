"""Add organizations' settings, restricted keys, events and usage."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_06"
down_revision = "20261130_05"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=True),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.UUID(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column(
            "data",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("callback_url", sa.Text(), nullable=True),
        sa.Column(
            "occurred_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("events_pkey")),
    )
    op.create_index("events_occurred_at_idx", "events", ["occurred_at"], unique=False)
    op.create_index(
        "events_organization_id_position_key",
        "events",
        ["organization_id", "position"],
        unique=True,
        postgresql_where="position IS NOT NULL",
    )
    op.create_index("events_without_position_idx", "events", ["id"], unique=False, postgresql_where="position IS NULL")
    op.create_table(
        "scheduled_tasks",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("scheduled_tasks_pkey")),
    )
    op.create_table(
        "usage_days",
        sa.Column("organization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("documents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("pages", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("characters", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("chunks", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("searches", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("questions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "day", "agent_id", "kind", "model", name=op.f("usage_days_pkey")),
    )
    op.create_table(
        "usage_hours",
        sa.Column("organization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("documents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("pages", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("characters", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("chunks", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("searches", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("questions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "hour", "agent_id", "kind", "model", name=op.f("usage_hours_pkey")),
    )
    op.create_table(
        "usage_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), server_default="", nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=True),
        sa.Column(
            "occurred_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("documents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("pages", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("characters", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("chunks", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("searches", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("questions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("usage_records_pkey")),
    )
    op.create_index(
        "usage_records_organization_id_occurred_at_idx",
        "usage_records",
        ["organization_id", "occurred_at"],
        unique=False,
    )
    op.create_index(
        "usage_records_uncounted_idx", "usage_records", ["id"], unique=False, postgresql_where="counted_at IS NULL"
    )
    op.add_column("agents", sa.Column("internal", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index("agents_internal_key", "agents", ["organization_id"], unique=True, postgresql_where="internal")
    op.add_column("api_keys", sa.Column("agent_ids", postgresql.ARRAY(sa.BigInteger()), nullable=True))
    op.add_column(
        "api_keys",
        sa.Column("document_filter", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    )
    op.add_column("api_keys", sa.Column("former_hash", postgresql.BYTEA(), nullable=True))
    op.add_column("api_keys", sa.Column("former_expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(op.f("api_keys_former_hash_key"), "api_keys", ["former_hash"])
    op.add_column(
        "organizations",
        sa.Column(
            "settings",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
    )
    op.add_column("organizations", sa.Column("events_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # The former version would show these agents, and has no code for their tasks. The next upgrade adds other agents.
    op.execute("DELETE FROM tasks WHERE agent_id IN (SELECT id FROM agents WHERE internal)")
    op.execute("UPDATE agents SET deleted_at = now() WHERE internal AND deleted_at IS NULL")
    op.drop_column("organizations", "events_until")
    op.drop_column("organizations", "settings")
    op.drop_constraint(op.f("api_keys_former_hash_key"), "api_keys", type_="unique")
    op.drop_column("api_keys", "last_used_at")
    op.drop_column("api_keys", "expires_at")
    op.drop_column("api_keys", "former_expires_at")
    op.drop_column("api_keys", "former_hash")
    op.drop_column("api_keys", "document_filter")
    op.drop_column("api_keys", "agent_ids")
    op.drop_index("agents_internal_key", table_name="agents", postgresql_where="internal")
    op.drop_column("agents", "internal")
    op.drop_index("usage_records_uncounted_idx", table_name="usage_records", postgresql_where="counted_at IS NULL")
    op.drop_index("usage_records_organization_id_occurred_at_idx", table_name="usage_records")
    op.drop_table("usage_records")
    op.drop_table("usage_hours")
    op.drop_table("usage_days")
    op.drop_table("scheduled_tasks")
    op.drop_index("events_without_position_idx", table_name="events", postgresql_where="position IS NULL")
    op.drop_index("events_organization_id_position_key", table_name="events", postgresql_where="position IS NOT NULL")
    op.drop_index("events_occurred_at_idx", table_name="events")
    op.drop_table("events")
