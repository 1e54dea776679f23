"""The tables of web pages: those that crawls share, and the indexes of the tasks that read one."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from app.db.tables.columns import make_time
from app.db.tables.core import tasks

crawl_urls = sa.Table(
    "crawl_urls",
    tasks.metadata,
    sa.Column("task_id", UUID(as_uuid=True), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("url", sa.Text, primary_key=True),  # normalised, so that a crawl has each page once
    sa.Column("taken_by", UUID(as_uuid=True)),  # the task of a page that redirects to this one
)

hosts = sa.Table(
    "hosts",
    tasks.metadata,
    sa.Column("name", sa.Text, primary_key=True),
    make_time("next_at", nullable=False),  # when a crawl may send the next request to this host
    postgresql_with={"fillfactor": "70"},
)

# Tasks that read no page, without those that wait for a server before them.
sa.Index(
    "tasks_to_run_idx",
    tasks.c.queue,
    tasks.c.agent_id,
    tasks.c.available_at,
    tasks.c.id,
    postgresql_where="state IN ('PENDING', 'RETRY') AND NOT arguments ? 'fetch_host'",
)
# Uploads are in neither of these.
sa.Index(
    "tasks_to_fetch_idx",
    tasks.c.queue,
    tasks.c.agent_id,
    tasks.c.available_at,
    tasks.c.id,
    postgresql_where="state IN ('PENDING', 'RETRY') AND arguments ? 'fetch_host'",
)
sa.Index(
    "tasks_fetching_idx",
    tasks.c.queue,
    tasks.c.agent_id,
    postgresql_where="state IN ('QUEUED', 'STARTED', 'PROGRESS') AND arguments ? 'fetch_host'",
)
