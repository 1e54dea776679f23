"""The table of the parts of answers, which clients receive while the answer is written."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from app.db.tables.columns import make_integer, make_object, make_text
from app.db.tables.words import word_postings

answer_parts = sa.Table(
    "answer_parts",
    word_postings.metadata,
    sa.Column("task_id", UUID(as_uuid=True), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    # The version that the task has since this part: the id of its event.
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    make_integer("epoch", default=None),  # of the attempt that wrote it
    make_text("event"),
    make_object("data"),
)
