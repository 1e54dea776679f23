"""Alembic's environment. ``app.db.schema`` hands it the connection to work on."""

from alembic import context

from app.db.hnsw_indexes import belongs_to_schema
from app.db.vector_tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, include_name=belongs_to_schema
)
with context.begin_transaction():
    context.run_migrations()
