"""Alembic's environment. ``app.db.schema`` hands it the connection to work on."""

from alembic import context

from app.db.hnsw_indexes import is_of_schema
from app.db.vector_tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, include_name=is_of_schema
)
with context.begin_transaction():
    context.run_migrations()
