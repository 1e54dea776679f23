"""Add customer profiles."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_13"
down_revision = "20261130_10"
branch_labels = None
depends_on = None

_TABLE = "customer_profiles"


def _make_object(name: str, *, nullable: bool = True) -> sa.Column[object]:
    default = None if nullable else sa.text("'{}'")
    jsonb = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    return sa.Column(name, jsonb, server_default=default, nullable=nullable)


def _make_time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    default = None if nullable else sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        _TABLE,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        _make_object("fields", nullable=False),
        _make_object("summary"),
        _make_object("error"),
        _make_object("reading"),
        sa.Column("enrich_every_days", sa.Integer(), nullable=True),
        _make_time("next_enrichment_at"),
        sa.Column("task_id", sa.UUID(), nullable=True),
        _make_time("enriched_at"),
        _make_time("created_at", nullable=False),
        _make_time("updated_at", nullable=False),
        sa.CheckConstraint(
            "status IN ('new', 'enriched', 'stale', 'failed')", name=op.f("customer_profiles_status_check")
        ),
        sa.CheckConstraint(
            "enrich_every_days BETWEEN 1 AND 365", name=op.f("customer_profiles_enrich_every_days_check")
        ),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("customer_profiles_agent_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("customer_profiles_pkey")),
    )
    op.create_index("customer_profiles_agent_id_id_idx", _TABLE, ["agent_id", "id"])
    op.create_index(
        "customer_profiles_agent_id_website_key",
        _TABLE,
        ["agent_id", "website"],
        unique=True,
        postgresql_where="website IS NOT NULL",
    )
    op.create_index(
        "customer_profiles_next_enrichment_at_idx",
        _TABLE,
        ["next_enrichment_at"],
        postgresql_where="next_enrichment_at IS NOT NULL",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table(_TABLE)
