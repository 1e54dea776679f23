"""The tables of question sets and evaluations."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from app.db.tables.columns import make_id, make_integer, make_object, make_reference, make_text, make_time
from app.db.tables.files import discarded_files

_metadata = discarded_files.metadata


def _make_owner(column: str, *, primary_key: bool = False) -> sa.Column[int]:
    """The id of the row that owns this one, which is deleted with it."""
    name = f"{column.split('.', maxsplit=1)[0].removesuffix('s')}_id"
    return sa.Column(
        name, sa.BigInteger, sa.ForeignKey(column, ondelete="CASCADE"), primary_key=primary_key, nullable=False
    )


question_sets = sa.Table(
    "question_sets",
    _metadata,
    make_id(),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    make_reference("agent_id", "agents.id"),
    make_text("name"),
    make_integer("questions"),
    make_integer("unanswerable"),
    make_time("created_at", nullable=False),
    sa.Index("question_sets_agent_id_idx", "agent_id", "id"),
)

questions = sa.Table(
    "questions",
    _metadata,
    _make_owner("question_sets.id", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # from 1, in the order of the set
    make_text("question"),
    make_object("expected"),  # documents, quotes, answerable
)

evaluations = sa.Table(
    "evaluations",
    _metadata,
    make_id(),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    make_reference("agent_id", "agents.id"),
    _make_owner("question_sets.id"),
    sa.Column("task_id", UUID(as_uuid=True)),
    make_object("request"),  # modes, top_k, ask, filter
    make_object("index"),  # id, store, provider, model, dimensions
    make_object("settings"),  # how the agent's documents were cut when the evaluation began
    make_text("version"),  # of Sluice
    make_object("summary", nullable=True),  # null until all questions are evaluated
    make_time("created_at", nullable=False),
    make_time("completed_at"),
    sa.Index("evaluations_agent_id_idx", "agent_id", "id"),
    sa.Index(None, "question_set_id"),
)

evaluation_results = sa.Table(
    "evaluation_results",
    _metadata,
    _make_owner("evaluations.id", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # of the question
    sa.Column("ndcg", sa.Double),  # the mean of the modes; null for a question that expects nothing
    sa.Column("is_right", sa.Boolean),  # whether it was answered, or refused, as expected; null if it was not asked
    make_object("measures"),
    make_object("found"),  # the best results by mode: places in documents, without their texts
)

index_gates = sa.Table(
    "index_gates",
    _metadata,
    # The condition under which an index that is being built becomes active. Indexes are deleted, their gates stay.
    sa.Column("index_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("question_set_id", sa.BigInteger, sa.ForeignKey("question_sets.id", ondelete="SET NULL")),
    sa.Column("tolerance", sa.Double, nullable=False),
    sa.Column("task_id", UUID(as_uuid=True)),  # the task that decides
    sa.Column("accepted", sa.Boolean),  # null until it is decided
    make_text("reason", default=""),
    make_time("decided_at"),
    sa.Index(None, "question_set_id"),
)
