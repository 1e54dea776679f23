"""Store the parts of answers, which clients receive while an answer is written."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "20261129_12"
down_revision = "20261129_08"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "answer_parts",
        sa.Column("task_id", UUID(as_uuid=True), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="answer_parts_task_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "version", name="answer_parts_pkey"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("answer_parts")
