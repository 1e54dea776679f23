"""Add question sets, evaluations, and the gates of indexes that are being built."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261129_13"
down_revision = "20261129_07"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A migration that has to wait for a lock gives up, rather than block every other statement on the table.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "question_sets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("questions", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unanswerable", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("question_sets_agent_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("question_sets_pkey")),
    )
    op.create_index("question_sets_agent_id_idx", "question_sets", ["agent_id", "id"], unique=False)
    op.create_table(
        "evaluations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("question_set_id", sa.BigInteger(), nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=True),
        sa.Column(
            "request",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "index",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "settings",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("summary", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("evaluations_agent_id_fkey")),
        sa.ForeignKeyConstraint(
            ["question_set_id"], ["question_sets.id"], name=op.f("evaluations_question_set_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("evaluations_pkey")),
    )
    op.create_index("evaluations_agent_id_idx", "evaluations", ["agent_id", "id"], unique=False)
    op.create_index(op.f("evaluations_question_set_id_idx"), "evaluations", ["question_set_id"], unique=False)
    op.create_table(
        "index_gates",
        sa.Column("index_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("question_set_id", sa.BigInteger(), nullable=True),
        sa.Column("tolerance", sa.Double(), nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["question_set_id"],
            ["question_sets.id"],
            name=op.f("index_gates_question_set_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("index_id", name=op.f("index_gates_pkey")),
    )
    op.create_index(op.f("index_gates_question_set_id_idx"), "index_gates", ["question_set_id"], unique=False)
    op.create_table(
        "questions",
        sa.Column("question_set_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column(
            "expected",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["question_set_id"], ["question_sets.id"], name=op.f("questions_question_set_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("question_set_id", "number", name=op.f("questions_pkey")),
    )
    op.create_table(
        "evaluation_results",
        sa.Column("evaluation_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ndcg", sa.Double(), nullable=True),
        sa.Column("is_right", sa.Boolean(), nullable=True),
        sa.Column(
            "measures",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "found",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["evaluation_id"],
            ["evaluations.id"],
            name=op.f("evaluation_results_evaluation_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("evaluation_id", "number", name=op.f("evaluation_results_pkey")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table("evaluation_results")
    op.drop_table("questions")
    op.drop_index(op.f("index_gates_question_set_id_idx"), table_name="index_gates")
    op.drop_table("index_gates")
    op.drop_index(op.f("evaluations_question_set_id_idx"), table_name="evaluations")
    op.drop_index("evaluations_agent_id_idx", table_name="evaluations")
    op.drop_table("evaluations")
    op.drop_index("question_sets_agent_id_idx", table_name="question_sets")
    op.drop_table("question_sets")
