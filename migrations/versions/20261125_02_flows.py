"""Parents and children, web pages, and duplicate documents identified by their bytes."""

import sqlalchemy as sa
from alembic import op

revision = "20261125_02"
down_revision = "20261125_01"
branch_labels = None
depends_on = None

_STATES = "'PENDING', 'QUEUED', 'STARTED', 'PROGRESS', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED'"
_CHECK_BEFORE = "tasks_tasks_state_check_check"  # the naming convention was applied twice
_STATES_BEFORE = f"state IN ({_STATES})"
_STATES_NOW = "state IN (" + _STATES.replace("'RETRY'", "'EXPANDED', 'RETRY'") + ")"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("tasks", sa.Column("parent_id", sa.UUID(), nullable=True))
    op.drop_constraint(op.f(_CHECK_BEFORE), "tasks", type_="check")
    op.create_check_constraint(op.f("tasks_state_check"), "tasks", _STATES_NOW)
    op.create_index("tasks_expanded_idx", "tasks", ["id"], unique=False, postgresql_where="state = 'EXPANDED'")
    op.create_index(
        "tasks_parent_id_idx", "tasks", ["parent_id"], unique=False, postgresql_where="parent_id IS NOT NULL"
    )
    op.create_index(
        "tasks_active_children_idx",
        "tasks",
        ["parent_id"],
        unique=False,
        postgresql_where="parent_id IS NOT NULL AND state NOT IN ('SUCCESS', 'FAILURE', 'REVOKED')",
    )
    op.create_table(
        "crawl_urls",
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("taken_by", sa.UUID(), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="crawl_urls_task_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "url", name="crawl_urls_pkey"),
    )
    op.create_index(
        "documents_agent_id_filename_idx",
        "documents",
        ["agent_id", "filename"],
        unique=False,
        postgresql_where="deleted_at IS NULL",
    )
    op.create_table(
        "hosts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name="hosts_pkey"),
        postgresql_with={"fillfactor": "70"},
    )
    for column in ("size_bytes", "sha256", "blob_key"):
        op.alter_column("documents", column, nullable=True)
    op.add_column("documents", sa.Column("content_key", sa.LargeBinary(), nullable=True))
    op.add_column("documents", sa.Column("source_url", sa.Text(), nullable=True))
    op.add_column("documents", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("documents", sa.Column("edition", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("chunks", sa.Column("edition", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("chunks", sa.Column("context", sa.Text(), server_default="", nullable=False))
    op.drop_index("chunks_document_id_ordinal_key", table_name="chunks")
    op.create_index(
        "chunks_document_id_edition_ordinal_key", "chunks", ["document_id", "edition", "ordinal"], unique=True
    )
    op.create_table(
        "staged_chunks",
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("start_char", sa.Integer(), nullable=False),
        sa.Column("end_char", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="staged_chunks_task_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id", "ordinal", name="staged_chunks_pkey"),
    )
    # Among documents with the same bytes, the oldest gets the key; the others are its duplicates.
    op.execute(
        """
        UPDATE documents AS d SET content_key = d.sha256
        FROM (
            SELECT min(id) AS id FROM documents
            WHERE deleted_at IS NULL AND status NOT IN ('failed', 'cancelled') GROUP BY agent_id, sha256
        ) AS oldest
        WHERE d.id = oldest.id
        """
    )
    op.create_index(
        "documents_agent_id_content_key_key",
        "documents",
        ["agent_id", "content_key"],
        unique=True,
        postgresql_where="content_key IS NOT NULL",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("staged_chunks")
    op.drop_index("documents_agent_id_filename_idx", table_name="documents")
    op.execute("DELETE FROM chunks AS c USING documents AS d WHERE d.id = c.document_id AND c.edition <> d.edition")
    op.execute("DELETE FROM lexemes")
    op.execute(
        """
        INSERT INTO lexemes (agent_id, lexeme, chunk_count)
        SELECT agent_id, lexeme, count(*) FROM chunks, unnest(tsvector_to_array(tsv) || CAST('' AS text)) AS lexeme
        GROUP BY agent_id, lexeme
        """
    )
    op.drop_index("chunks_document_id_edition_ordinal_key", table_name="chunks")
    op.create_index("chunks_document_id_ordinal_key", "chunks", ["document_id", "ordinal"], unique=True)
    op.drop_column("chunks", "context")
    op.drop_column("chunks", "edition")
    op.drop_column("documents", "edition")
    op.drop_table("hosts")
    op.drop_table("crawl_urls")
    op.drop_index("documents_agent_id_content_key_key", table_name="documents")
    for column in ("version", "source_url", "content_key"):
        op.drop_column("documents", column)
    op.execute("UPDATE documents SET size_bytes = 0 WHERE size_bytes IS NULL")
    op.execute("UPDATE documents SET sha256 = '' WHERE sha256 IS NULL")
    op.execute("UPDATE documents SET blob_key = '' WHERE blob_key IS NULL")
    for column in ("size_bytes", "sha256", "blob_key"):
        op.alter_column("documents", column, nullable=False)
    for index in ("tasks_active_children_idx", "tasks_parent_id_idx", "tasks_expanded_idx"):
        op.drop_index(index, table_name="tasks")
    op.execute("UPDATE tasks SET state = 'FAILURE', completed_at = now() WHERE state = 'EXPANDED'")
    op.drop_constraint(op.f("tasks_state_check"), "tasks", type_="check")
    op.create_check_constraint(op.f(_CHECK_BEFORE), "tasks", _STATES_BEFORE)
    op.drop_column("tasks", "parent_id")
