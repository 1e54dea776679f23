"""The tables of vectors and of those who make them. With ``app.db.tables``, the whole schema."""

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import BYTEA, UUID

from app.db.columns import make_id, make_integer, make_object, make_reference, make_text, make_time, write_choice
from app.db.tables import documents
from app.domain.vectors import IndexState

metadata = documents.metadata  # of both modules

vector_indexes = sa.Table(
    "vector_indexes",
    metadata,
    make_id(),
    make_text("store"),
    make_text("provider"),
    make_text("model"),
    make_integer("asked_dimensions", nullable=True),  # null: as many as the model gives by itself
    make_integer("dimensions", nullable=True),  # null until a vector was seen
    make_object("place"),
    make_text("state"),
    make_time("created_at", nullable=False),
    make_time("activated_at"),
    make_time("retired_at"),
    make_time("dropped_at"),  # when nothing was left of it that was found
    sa.Column("planned_to", sa.BigInteger),  # the document up to which it is noted what it lacks; null: of all
    sa.CheckConstraint(write_choice("state", IndexState), name="state"),
    sa.Index("vector_indexes_state_key", "state", unique=True, postgresql_where="state IN ('building', 'active')"),
)

editions = sa.Table(
    "editions",
    metadata,
    # Whatever a vector index holds, or may hold after a crash, stands here before it is written.
    make_reference("index_id", "vector_indexes.id", primary_key=True),
    make_reference("document_id", "documents.id", primary_key=True),
    sa.Column("edition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("agent_id", sa.BigInteger, nullable=False),
    # Whether the index holds all of what search finds of the document; false before that and after it.
    sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.false()),
    make_integer("done_to", nullable=True),  # the last ordinal that was brought from another index
    make_time("noted_at", nullable=False),
    make_time("reserved_at", nullable=False),  # when somebody last began to write it
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
    # A chunk that leaves takes its vectors with it.
    sa.ForeignKeyConstraint(
        ["document_id", "edition", "ordinal"],
        ["chunks.document_id", "chunks.edition", "chunks.ordinal"],
        name="vectors_chunk_fkey",
        ondelete="CASCADE",
    ),
    sa.Index("vectors_index_id_agent_id_idx", "index_id", "agent_id"),
    # Vectors stay in their rows, of up to a page: what is moved out costs a look-up each time it is compared.
    postgresql_with={"toast_tuple_target": "8160"},
)

embedded_texts = sa.Table(
    "embedded_texts",
    metadata,
    # Vectors that a provider was paid for, by what they are of: no text is paid for twice.
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("hash", BYTEA, primary_key=True),  # SHA-256 of the text
    sa.Column("vector", BYTEA),  # single-precision numbers; null while somebody asks for it
    sa.Column("holder", UUID(as_uuid=True)),  # whoever asks for it
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
    # The circuit of each provider that has failed, for all processes.
    sa.Column("name", sa.Text, primary_key=True),
    make_integer("failures"),  # one after the other
    make_time("down_since"),  # null while it is asked
    make_time("ask_at"),  # nobody asks before; then one does, and moves this on
    make_text("reason", default=""),
    postgresql_with={"fillfactor": "70"},
)
