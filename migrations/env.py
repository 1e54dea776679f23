"""Alembic's environment. ``app.db.schema`` hands it the connection to work on."""

from alembic import context

from app.db.vector_tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
