"""Vector indexes: a table of vectors, the editions that each index holds, and the usage of providers."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC

revision = "20261125_03"
down_revision = "20261125_02"
branch_labels = None
depends_on = None

# The names of local models as documents recorded them, and as the settings have them.
_MODELS = "(VALUES ('wordllama-l2-256', 'wordllama'), ('minilm-l6-int8', 'minilm')) AS known (recorded, model)"
_KEEPING = (
    "name IN ('app.tasks.embedding_tasks.reembed_document', 'app.tasks.vector_tasks.sweep_document')"
    " AND (completed_at IS NULL OR dead_lettered_at IS NOT NULL)"
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("documents", sa.Column("last_edition", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.execute(
        "UPDATE documents SET last_edition = greatest(edition, (SELECT coalesce(max(c.edition), 0)"
        " FROM chunks AS c WHERE c.document_id = documents.id))"
    )
    _create_indexes()
    _create_providers()
    _move_vectors()
    op.create_index("tasks_keeping_vectors_idx", "tasks", ["document_id", "name"], postgresql_where=_KEEPING)
    op.execute("INSERT INTO chores (name) VALUES ('graphs'), ('reembed'), ('sweep')")
    op.drop_column("chunks", "embedding")


def _create_indexes() -> None:
    op.create_table(
        "vector_indexes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("asked_dimensions", sa.Integer(), nullable=True),
        sa.Column("dimensions", sa.Integer(), nullable=True),
        sa.Column("place", sa.dialects.postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned_to", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('building', 'active', 'retired')", name=op.f("vector_indexes_state_check")),
        sa.PrimaryKeyConstraint("id", name="vector_indexes_pkey"),
    )
    op.create_index(
        "vector_indexes_state_key",
        "vector_indexes",
        ["state"],
        unique=True,
        postgresql_where="state IN ('building', 'active')",
    )
    op.create_table(
        "editions",
        sa.Column("index_id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("edition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("done_to", sa.Integer(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["index_id"], ["vector_indexes.id"], name="editions_index_id_fkey"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="editions_document_id_fkey"),
        sa.PrimaryKeyConstraint("index_id", "document_id", "edition", name="editions_pkey"),
    )
    op.create_index("editions_document_id_idx", "editions", ["document_id"])
    op.create_index(
        "editions_incomplete_idx", "editions", ["agent_id", "index_id", "document_id"], postgresql_where="NOT complete"
    )
    op.create_index("editions_lacking_idx", "editions", ["index_id", "document_id"], postgresql_where="NOT complete")
    op.create_table(
        "vectors",
        sa.Column("document_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("edition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index_id", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("embedding", HALFVEC(), nullable=False),
        sa.ForeignKeyConstraint(["index_id"], ["vector_indexes.id"], name="vectors_index_id_fkey"),
        sa.ForeignKeyConstraint(
            ["document_id", "edition", "ordinal"],
            ["chunks.document_id", "chunks.edition", "chunks.ordinal"],
            name="vectors_chunk_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("document_id", "edition", "ordinal", "index_id", name="vectors_pkey"),
        postgresql_with={"toast_tuple_target": "8160"},
    )
    op.create_index("vectors_index_id_agent_id_idx", "vectors", ["index_id", "agent_id"])


def _create_providers() -> None:
    op.create_table(
        "embedded_texts",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("holder", sa.UUID(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("model", "hash", name="embedded_texts_pkey"),
    )
    op.create_index("embedded_texts_used_at_idx", "embedded_texts", ["used_at"])
    op.create_table(
        "provider_usage",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "organization_id", "agent_id", "provider", "model", name="provider_usage_pkey"),
    )
    op.create_table(
        "providers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("down_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ask_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("name", name="providers_pkey"),
        postgresql_with={"fillfactor": "70"},
    )


def _move_vectors() -> None:
    """Make an index of the model of most documents, and move its vectors there. Other documents are embedded again."""
    op.execute(f"""
        INSERT INTO vector_indexes (store, provider, model, dimensions, state, activated_at)
        SELECT 'pgvector', 'local', known.model, vector_dims(c.embedding), 'active', now()
        FROM documents AS d JOIN {_MODELS} ON known.recorded = d.embedding_model
        JOIN chunks AS c ON c.document_id = d.id AND c.edition = d.edition
        WHERE d.deleted_at IS NULL AND c.embedding IS NOT NULL
        GROUP BY known.model, vector_dims(c.embedding) ORDER BY count(*) DESC LIMIT 1
    """)
    op.execute(f"""
        INSERT INTO vectors (document_id, edition, ordinal, index_id, agent_id, embedding)
        SELECT c.document_id, c.edition, c.ordinal, i.id, c.agent_id, c.embedding
        FROM vector_indexes AS i JOIN {_MODELS} ON known.model = i.model
        JOIN documents AS d ON d.embedding_model = known.recorded
        JOIN chunks AS c ON c.document_id = d.id AND c.edition = d.edition
        WHERE vector_dims(c.embedding) = i.dimensions
    """)
    op.execute("""
        INSERT INTO editions (index_id, document_id, edition, agent_id, complete)
        SELECT i.id, d.id, d.edition, d.agent_id, NOT EXISTS (
            SELECT FROM chunks AS c LEFT JOIN vectors AS v
                ON (v.document_id, v.edition, v.ordinal, v.index_id) = (c.document_id, c.edition, c.ordinal, i.id)
            WHERE c.document_id = d.id AND c.edition = d.edition AND v.ordinal IS NULL)
        FROM vector_indexes AS i CROSS JOIN documents AS d
        WHERE d.deleted_at IS NULL AND d.chunk_count > 0
    """)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("chunks", sa.Column("embedding", HALFVEC(), nullable=True))
    op.execute("""
        UPDATE chunks AS c SET embedding = v.embedding
        FROM vectors AS v JOIN vector_indexes AS i ON i.id = v.index_id AND i.state = 'active'
        WHERE (v.document_id, v.edition, v.ordinal) = (c.document_id, c.edition, c.ordinal)
    """)
    for table in ("providers", "provider_usage", "embedded_texts", "vectors", "editions", "vector_indexes"):
        op.drop_table(table)
    op.drop_column("documents", "last_edition")
    op.drop_index("tasks_keeping_vectors_idx", "tasks")
    op.execute("DELETE FROM tasks WHERE name = 'app.tasks.embedding_tasks.reembed_document'")
    op.execute("DELETE FROM chores WHERE name IN ('graphs', 'reembed', 'sweep')")
