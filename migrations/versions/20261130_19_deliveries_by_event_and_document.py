"""Find the deliveries of an event, and those about a document."""

from alembic import op

revision = "20261130_19"
down_revision = "20261130_12"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(
        "webhook_deliveries_event_id_webhook_id_key",
        "webhook_deliveries",
        ["event_id", "webhook_id"],
        unique=True,
        postgresql_where="event_id IS NOT NULL",
    )
    op.create_index(
        "webhook_deliveries_document_id_idx",
        "webhook_deliveries",
        ["document_id"],
        unique=False,
        postgresql_where="document_id IS NOT NULL",
    )
    op.drop_index(
        "webhook_deliveries_webhook_id_event_id_key",
        table_name="webhook_deliveries",
        postgresql_where="event_id IS NOT NULL",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_index(
        "webhook_deliveries_webhook_id_event_id_key",
        "webhook_deliveries",
        ["webhook_id", "event_id"],
        unique=True,
        postgresql_where="event_id IS NOT NULL",
    )
    op.drop_index(
        "webhook_deliveries_document_id_idx",
        table_name="webhook_deliveries",
        postgresql_where="document_id IS NOT NULL",
    )
    op.drop_index(
        "webhook_deliveries_event_id_webhook_id_key",
        table_name="webhook_deliveries",
        postgresql_where="event_id IS NOT NULL",
    )
