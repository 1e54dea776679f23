"""Add the audit log and the runs of upkeep."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261130_14"
down_revision = "20261130_08"
branch_labels = None
depends_on = None

_REFUSE_CHANGES = """
CREATE FUNCTION refuse_audit_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('sluice.audit_retention', true) = 'on'
        AND OLD.occurred_at < now() - interval '1 day'
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only.' USING ERRCODE = 'insufficient_privilege';
END $$
"""


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    _create_audit_entries()
    _create_upkeep_runs()


def _create_audit_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("targets", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("fields", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("client_address", sa.Text(), nullable=True),
        sa.Column(
            "occurred_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_entries_pkey")),
    )
    op.create_index("audit_entries_organization_id_id_idx", "audit_entries", ["organization_id", "id"], unique=False)
    op.create_index("audit_entries_targets_idx", "audit_entries", ["targets"], unique=False, postgresql_using="gin")
    op.execute(_REFUSE_CHANGES)
    op.execute(
        "CREATE TRIGGER audit_entries_are_append_only BEFORE UPDATE OR DELETE ON audit_entries"
        " FOR EACH ROW EXECUTE FUNCTION refuse_audit_changes()"
    )
    op.execute(
        "CREATE TRIGGER audit_entries_are_not_truncated BEFORE TRUNCATE ON audit_entries"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_changes()"
    )


def _create_upkeep_runs() -> None:
    op.create_table(
        "upkeep_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("task_id", sa.UUID(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "counts",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("upkeep_runs_pkey")),
    )
    op.create_index("upkeep_runs_organization_id_id_idx", "upkeep_runs", ["organization_id", "id"], unique=False)
    op.create_index(
        "upkeep_runs_task_id_key",
        "upkeep_runs",
        ["task_id"],
        unique=True,
        postgresql_where="task_id IS NOT NULL",
    )
    op.create_index("upkeep_runs_name_key", "upkeep_runs", ["name"], unique=True, postgresql_where="task_id IS NULL")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("upkeep_runs")
    op.drop_table("audit_entries")
    op.execute("DROP FUNCTION refuse_audit_changes()")
