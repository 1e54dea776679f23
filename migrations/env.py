"""Alembic's environment. ``app.db.schema`` hands it the connection to work on."""

from alembic import context

from app.db.tables import tasks

context.configure(connection=context.config.attributes["connection"], target_metadata=tasks.metadata)
with context.begin_transaction():
    context.run_migrations()
