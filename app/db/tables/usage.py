"""The tables of usage: what was used, its sums, and how tasks ended by hour."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from app.db.tables.columns import make_id, make_text, make_time, metadata

QUANTITIES = (
    "documents",
    "pages",
    "characters",
    "chunks",
    "tokens_in",
    "tokens_out",
    "stored_bytes",
    "searches",
    "questions",
)
"""What is counted. ``stored_bytes`` falls when a document is deleted."""


def _make_quantities() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0")) for name in QUANTITIES]


usage_records = sa.Table(
    "usage_records",
    metadata,
    make_id(),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    sa.Column("agent_id", sa.BigInteger, nullable=False),
    make_text("kind"),  # of the work: document, deletion, embedding, search, question, ...
    make_text("model", default=""),  # of the tokens
    sa.Column("task_id", UUID(as_uuid=True)),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    *_make_quantities(),
    make_time("counted_at"),  # when it was added to the sums
    sa.Index("usage_records_uncounted_idx", "id", postgresql_where="counted_at IS NULL"),
    sa.Index("usage_records_organization_id_occurred_at_idx", "organization_id", "occurred_at"),
)


def _make_sums(name: str, period: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("organization_id", sa.BigInteger, primary_key=True, autoincrement=False),
        period,
        sa.Column("agent_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        *_make_quantities(),
    )


usage_hours = _make_sums("usage_hours", sa.Column("hour", sa.DateTime(timezone=True), primary_key=True))
usage_days = _make_sums("usage_days", sa.Column("day", sa.Date, primary_key=True))  # in UTC

task_hours = sa.Table(
    "task_hours",
    metadata,
    sa.Column("organization_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("agent_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),  # of the error; empty without one
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Index("task_hours_hour_idx", "hour"),
)

stage_hours = sa.Table(
    "stage_hours",
    metadata,
    sa.Column("organization_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("agent_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("stage", sa.Text, primary_key=True),
    # Of the duration: app/db/usage/durations.py.
    sa.Column("bucket", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Index("stage_hours_hour_idx", "hour"),
)
