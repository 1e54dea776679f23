"""Index deleted documents, the tasks without a document, and the rows that name a file.

Concurrently, so that uploads and tasks go on. An interrupted run leaves an invalid index, which the next run replaces.
"""

from alembic import op

revision = "20261129_06"
down_revision = "20261129_05"
branch_labels = None
depends_on = None

_INDEXES = {
    "documents_unerased_idx": "documents (agent_id, id) WHERE deleted_at IS NOT NULL AND erased_at IS NULL",
    "documents_erased_at_idx": "documents (erased_at) WHERE erased_at IS NOT NULL",
    "documents_blob_key_idx": "documents (blob_key) WHERE blob_key IS NOT NULL",
    "tasks_without_document_idx": "tasks (agent_id, id) WHERE document_id IS NULL",
    "tasks_content_idx": "tasks ((arguments #>> '{content,blob_key}')) WHERE arguments ? 'content'",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(f"DROP INDEX IF EXISTS {', '.join(_INDEXES)}")
