"""The tables of word segments (docs/adr/0008-word-segments.md)."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from app.db.tables.columns import make_id, make_integer, make_time
from app.db.tables.evaluations import evaluations

metadata = evaluations.metadata

unsegmented_chunks = sa.Table(
    "unsegmented_chunks",
    metadata,
    # Chunks that no segment contains. A trigger inserts the row in the statement that inserts the chunks.
    make_id(),
    sa.Column("agent_id", sa.BigInteger, nullable=False),
    sa.Column("document_id", sa.BigInteger, sa.ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    make_integer("edition", default=None),
    sa.Column("ordinals", ARRAY(sa.Integer), nullable=False),
    sa.Index("unsegmented_chunks_agent_id_idx", "agent_id"),
    sa.Index("unsegmented_chunks_document_id_idx", "document_id"),
)

word_segments = sa.Table(
    "word_segments",
    metadata,
    # The numbers of a segment's chunks are their places in these arrays.
    make_id(),
    # No foreign key, which would keep the agent's row locked while a segment is built.
    sa.Column("agent_id", sa.BigInteger, nullable=False),
    make_integer("chunk_count", default=None),
    sa.Column("keys", BYTEA, nullable=False),  # 16 bytes a chunk: document id (8), edition (4), ordinal (4)
    sa.Column("lengths", BYTEA, nullable=False),  # 4 bytes a chunk: the number of positions of its words
    make_time("swept_at", nullable=False),  # when it was last free of chunks that no longer exist
    sa.Index("word_segments_agent_id_idx", "agent_id"),
)

word_postings = sa.Table(
    "word_postings",
    metadata,
    sa.Column("segment_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("lexeme", sa.Text, primary_key=True),
    # 3 bytes for each chunk that has the lexeme: the chunk's number (2), how often it occurs (1).
    sa.Column("postings", BYTEA, nullable=False),
)
