"""Add statements and limits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_11"
down_revision = "20261130_14"
branch_labels = None
depends_on = None


def _json(name: str, empty: str) -> sa.Column[object]:
    return sa.Column(
        name,
        postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
        server_default=sa.text(f"'{empty}'"),
        nullable=False,
    )


def _organization(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"], ["organizations.id"], name=op.f(f"{table}_organization_id_fkey")
    )


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "billing_statements",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        _json("prices", "{}"),
        _json("lines", "[]"),
        _json("uses", "[]"),
        sa.Column("total", sa.Numeric(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _organization("billing_statements"),
        sa.PrimaryKeyConstraint("organization_id", "month", "revision", name=op.f("billing_statements_pkey")),
    )
    op.create_table(
        "limits",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("documents_per_month", sa.BigInteger(), nullable=True),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=True),
        sa.Column("tokens_per_month", sa.BigInteger(), nullable=True),
        sa.Column("requests_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("amount_per_month", sa.Numeric(), nullable=True),
        _organization("limits"),
        sa.PrimaryKeyConstraint("organization_id", "agent_id", name=op.f("limits_pkey")),
    )
    op.create_table(
        "limit_notices",
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        _organization("limit_notices"),
        sa.PrimaryKeyConstraint(
            "organization_id", "agent_id", "month", "name", "level", name=op.f("limit_notices_pkey")
        ),
    )
    op.add_column(
        "organizations", sa.Column("limits_version", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column("organizations", "limits_version")
    for table in ("limit_notices", "limits", "billing_statements"):
        op.drop_table(table)
