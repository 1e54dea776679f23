"""For erasing deleted documents and their files: a table of discarded files, and indexes of other tables."""

import sqlalchemy as sa

from app.db.tables.columns import make_time
from app.db.tables.core import documents, tasks
from app.db.tables.web import hosts

discarded_files = sa.Table(
    "discarded_files",
    hosts.metadata,
    # Files in storage whose row was deleted, in the same transaction. Upkeep deletes the file, then this row.
    sa.Column("key", sa.Text, primary_key=True),
    make_time("discarded_at", nullable=False),
)

sa.Index(
    "documents_unerased_idx",
    documents.c.agent_id,
    documents.c.id,
    postgresql_where="deleted_at IS NOT NULL AND erased_at IS NULL",
)
sa.Index("documents_erased_at_idx", documents.c.erased_at, postgresql_where="erased_at IS NOT NULL")
sa.Index("documents_blob_key_idx", documents.c.blob_key, postgresql_where="blob_key IS NOT NULL")
sa.Index("tasks_without_document_idx", tasks.c.agent_id, tasks.c.id, postgresql_where="document_id IS NULL")
sa.Index("tasks_content_idx", tasks.c.arguments["content", "blob_key"].astext, postgresql_where="arguments ? 'content'")
