"""The tables of vectors and of their providers."""

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import BYTEA, UUID

from app.db.tables.answers import answer_parts
from app.db.tables.columns import make_id, make_integer, make_object, make_reference, make_text, make_time, write_choice
from app.domain.vectors import IndexState

metadata = answer_parts.metadata  # of every module

vector_indexes = sa.Table(
    "vector_indexes",
    metadata,
    make_id(),
    make_text("store"),
    make_text("provider"),
    make_text("model"),
    make_integer("asked_dimensions", nullable=True),  # null: the model's own number
    make_integer("dimensions", nullable=True),  # null until the first vector
    make_object("place"),
    make_text("state"),
    make_time("created_at", nullable=False),
    make_time("activated_at"),
    make_time("retired_at"),
    make_time("dropped_at"),  # when it was last found without vectors
    sa.Column("planned_to", sa.BigInteger),  # editions up to this document are recorded (``plan_index``); null: all are
    sa.CheckConstraint(write_choice("state", IndexState), name="state"),
    sa.Index("vector_indexes_state_key", "state", unique=True, postgresql_where="state IN ('building', 'active')"),
)

calibrations = sa.Table(
    "calibrations",
    metadata,
    sa.Column("index_id", sa.BigInteger, sa.ForeignKey("vector_indexes.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("agent_id", sa.BigInteger, primary_key=True, autoincrement=False),
    make_integer("chunk_count"),  # of the agent when it was measured; 0 before
    sa.Column("words", sa.Double),  # the weight of the words in a score; null until it was measured, as is ``doubt``
    sa.Column("doubt", sa.Double),
    make_time("due_again_at"),  # while a task measures it: when another task may be submitted
)

editions = sa.Table(
    "editions",
    metadata,
    # Inserted before the first vector of the edition is written to the index: see ``app.db.documents.editions``.
    make_reference("index_id", "vector_indexes.id", primary_key=True),
    make_reference("document_id", "documents.id", primary_key=True),
    sa.Column("edition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("agent_id", sa.BigInteger, nullable=False),
    # Whether search finds this edition and the index holds all its vectors; false before and after that.
    sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.false()),
    make_integer("done_to", nullable=True),  # the last ordinal that reembedding has written
    make_time("noted_at", nullable=False),
    make_time("reserved_at", nullable=False),  # when an attempt last began to write it
    make_time("swept_at"),
    sa.Index("editions_document_id_idx", "document_id"),
    sa.Index("editions_incomplete_idx", "agent_id", "index_id", "document_id", postgresql_where="NOT complete"),
    sa.Index("editions_lacking_idx", "index_id", "document_id", postgresql_where="NOT complete"),
)

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("document_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("edition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    make_reference("index_id", "vector_indexes.id", primary_key=True),
    sa.Column("agent_id", sa.BigInteger, nullable=False),
    sa.Column("embedding", HALFVEC, nullable=False),
    # Deleting a chunk deletes its vectors.
    sa.ForeignKeyConstraint(
        ["document_id", "edition", "ordinal"],
        ["chunks.document_id", "chunks.edition", "chunks.ordinal"],
        name="vectors_chunk_fkey",
        ondelete="CASCADE",
    ),
    sa.Index("vectors_index_id_agent_id_idx", "index_id", "agent_id"),
    # Vectors are stored in their rows, not in TOAST: each comparison would cost a look-up there.
    postgresql_with={"toast_tuple_target": "8160"},
)

embedded_texts = sa.Table(
    "embedded_texts",
    metadata,
    # Vectors that a provider was paid for, by the hash of their text: no text is paid for twice.
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("hash", BYTEA, primary_key=True),  # SHA-256 of the text
    sa.Column("vector", BYTEA),  # single-precision numbers; null while a process is embedding the text
    sa.Column("holder", UUID(as_uuid=True)),  # identifies the process
    make_time("held_until"),
    make_time("used_at", nullable=False),
    sa.Index("embedded_texts_used_at_idx", "used_at"),
)

provider_usage = sa.Table(
    "provider_usage",
    metadata,
    sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("organization_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("agent_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("input_tokens", sa.BigInteger, nullable=False),
    sa.Column("output_tokens", sa.BigInteger, nullable=False),
)

providers = sa.Table(
    "providers",
    metadata,
    # The circuit breaker of each provider that has failed, shared by all processes.
    sa.Column("name", sa.Text, primary_key=True),
    make_integer("failures"),  # consecutive ones
    make_time("down_since"),  # null while it is in use
    make_time("ask_at"),  # no request before this time; then one process probes, and advances it
    make_text("reason", default=""),
    postgresql_with={"fillfactor": "70"},
)
