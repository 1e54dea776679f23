"""Segments of words for agents with many chunks, and the record of the chunks that are in none.

A trigger keeps the record, so that it is complete while processes of the former version still write. Writers of chunks
wait while the existing chunks are recorded: about a second for a million.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261129_08"
down_revision = "20261129_13"
branch_labels = None
depends_on = None

_RECORD = "agent_id, document_id, edition, array_agg(ordinal ORDER BY ordinal)"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _create_tables()
    op.execute("ALTER TABLE word_postings ALTER COLUMN postings SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE word_segments ALTER COLUMN keys SET STORAGE EXTERNAL")
    op.execute(f"""
        CREATE FUNCTION record_unsegmented_chunks() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO unsegmented_chunks (agent_id, document_id, edition, ordinals)
            SELECT {_RECORD} FROM added GROUP BY agent_id, document_id, edition;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER chunks_unsegmented AFTER INSERT ON chunks REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION record_unsegmented_chunks()
    """)
    op.execute(f"""
        INSERT INTO unsegmented_chunks (agent_id, document_id, edition, ordinals)
        SELECT {_RECORD} FROM chunks GROUP BY agent_id, document_id, edition, ordinal / 1000
    """)
    op.execute("INSERT INTO chores (name) VALUES ('words')")


def _create_tables() -> None:
    op.create_table(
        "unsegmented_chunks",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("ordinals", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="unsegmented_chunks_document_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="unsegmented_chunks_pkey"),
    )
    op.create_index("unsegmented_chunks_agent_id_idx", "unsegmented_chunks", ["agent_id"])
    op.create_index("unsegmented_chunks_document_id_idx", "unsegmented_chunks", ["document_id"])
    op.create_table(
        "word_segments",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("chunk_count", sa.Integer(), nullable=False),
        sa.Column("keys", postgresql.BYTEA(), nullable=False),
        sa.Column("lengths", postgresql.BYTEA(), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="word_segments_pkey"),
    )
    op.create_index("word_segments_agent_id_idx", "word_segments", ["agent_id"])
    op.create_table(
        "word_postings",
        sa.Column("segment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lexeme", sa.Text(), nullable=False),
        sa.Column("postings", postgresql.BYTEA(), nullable=False),
        sa.PrimaryKeyConstraint("segment_id", "lexeme", name="word_postings_pkey"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DELETE FROM chores WHERE name = 'words'")
    op.execute("DROP TRIGGER chunks_unsegmented ON chunks")
    op.execute("DROP FUNCTION record_unsegmented_chunks()")
    op.drop_table("word_postings")
    op.drop_table("word_segments")
    op.drop_table("unsegmented_chunks")
