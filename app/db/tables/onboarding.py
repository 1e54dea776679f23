"""The rows of lists of agents."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from app.db.tables.columns import make_object, make_text, metadata, write_choice
from app.domain.onboarding import RowOutcome

agent_rows = sa.Table(
    "agent_rows",
    metadata,
    # The task that read the list. Each of its children creates the agents of some hundred rows.
    sa.Column("task_id", UUID(as_uuid=True), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    # Name and slug of an agent to create; NULL for a row that is wrong by itself, and once the agent exists.
    make_text("name", nullable=True),
    make_text("slug", nullable=True),
    make_object("settings"),
    make_object("urls", empty="[]"),
    make_object("metadata"),
    make_text("outcome", nullable=True),
    sa.Column("agent_id", sa.BigInteger),  # the agent that was created, updated or found
    sa.Column("error", JSONB(none_as_null=True)),  # column, code, message and value
    sa.CheckConstraint(write_choice("outcome", RowOutcome), name="outcome"),
)
