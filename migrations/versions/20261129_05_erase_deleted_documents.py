"""Erase deleted documents: when that was done, files whose rows are deleted, and no counts of words that are gone.

The deletion of counts reads the whole table, so it has a transaction of its own, before the one that locks documents.
It skips rows that an indexing task has locked; such a row is deleted when its count next becomes 0.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261129_05"
down_revision = "20261129_04"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(
            "WITH unused AS MATERIALIZED ("
            "SELECT agent_id, lexeme FROM lexemes WHERE chunk_count = 0 FOR UPDATE SKIP LOCKED) "
            "DELETE FROM lexemes AS l USING unused AS u WHERE l.agent_id = u.agent_id AND l.lexeme = u.lexeme"
        )
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("documents", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("chores", sa.Column("cursor", sa.Text(), nullable=True))
    op.create_table(
        "discarded_files",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("discarded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name="discarded_files_pkey"),
    )
    op.execute("INSERT INTO chores (name) VALUES ('erase'), ('files')")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DELETE FROM chores WHERE name IN ('erase', 'files')")
    op.drop_table("discarded_files")
    op.drop_column("chores", "cursor")
    op.drop_column("documents", "erased_at")
