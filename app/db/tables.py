"""The schema. Migrations create it; ``alembic check`` keeps the two alike."""

from typing import Any

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, TSVECTOR, UUID

metadata = sa.MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True)


def _reference(name: str, column: str, *, nullable: bool = False, **kwargs: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(column, **kwargs), nullable=nullable)


def _time(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    default = None if nullable else sa.text("now()")
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def _text(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, server_default=default)


def _integer(name: str, *, nullable: bool = False, default: int | None = 0) -> sa.Column[int]:
    server_default = None if nullable or default is None else sa.text(str(default))
    return sa.Column(name, sa.Integer, nullable=nullable, server_default=server_default)


def _object(name: str, *, nullable: bool = False, empty: str = "{}") -> sa.Column[Any]:
    default = None if nullable else sa.text(f"'{empty}'")
    return sa.Column(name, JSONB(none_as_null=True), nullable=nullable, server_default=default)


organizations = sa.Table("organizations", metadata, _id(), _text("name"), _time("created_at", nullable=False))

api_keys = sa.Table(
    "api_keys",
    metadata,
    _id(),
    _reference("organization_id", "organizations.id"),
    _text("name"),
    _text("prefix"),  # the first characters, so that people can tell keys apart
    sa.Column("hash", BYTEA, nullable=False, unique=True),  # SHA-256 of the secret
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    _time("created_at", nullable=False),
    _time("revoked_at"),
    sa.Index(None, "organization_id"),
)

agents = sa.Table(
    "agents",
    metadata,
    _id(),
    _reference("organization_id", "organizations.id"),
    _text("name"),
    _text("slug"),
    _object("settings"),
    _integer("weight", default=1),
    _integer("max_in_flight", nullable=True),
    _time("created_at", nullable=False),
    _time("updated_at", nullable=False),
    _time("deleted_at"),
    sa.Index(
        "agents_organization_id_slug_key",
        "organization_id",
        "slug",
        unique=True,
        postgresql_where="deleted_at IS NULL",
    ),
    sa.Index("agents_capped_idx", "id", postgresql_where="max_in_flight IS NOT NULL"),
)

documents = sa.Table(
    "documents",
    metadata,
    _id(),
    sa.Column("organization_id", sa.BigInteger, nullable=False),  # its agent's; a second check would buy nothing
    _reference("agent_id", "agents.id"),
    sa.Column("task_id", UUID(as_uuid=True)),  # the task whose end decides the status
    _text("filename"),
    _text("media_type"),
    # A web page has these once it was fetched.
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("sha256", BYTEA),
    _text("blob_key", nullable=True),
    # The digest by which a second upload of the same bytes is recognised: of one document an agent at most, and of
    # none that failed, was cancelled or deleted.
    sa.Column("content_key", BYTEA),
    _text("source_url", nullable=True),
    _integer("version", default=1),  # counts the contents it has had
    _text("status", default="queued"),
    _object("metadata"),
    _integer("page_count", nullable=True),
    _integer("chunk_count", nullable=True),
    _text("embedding_model", nullable=True),
    _time("created_at", nullable=False),
    _time("completed_at"),
    _time("deleted_at"),
    sa.CheckConstraint("status IN ('queued', 'processing', 'completed', 'failed', 'cancelled')", name="status"),
    sa.Index(
        "documents_agent_id_content_key_key",
        "agent_id",
        "content_key",
        unique=True,
        postgresql_where="content_key IS NOT NULL",
    ),
    sa.Index(None, "agent_id", "id", postgresql_where="deleted_at IS NULL"),
    sa.Index(None, "organization_id", "id", postgresql_where="deleted_at IS NULL"),
)

chunks = sa.Table(
    "chunks",
    metadata,
    _id(),
    sa.Column("agent_id", sa.BigInteger, nullable=False),
    _reference("document_id", "documents.id"),
    _integer("ordinal", default=None),
    _text("text"),
    _integer("start_char", default=None),
    _integer("end_char", default=None),
    _integer("page", nullable=True),
    sa.Column("embedding", HALFVEC),
    sa.Column("tsv", TSVECTOR),
    sa.Index("chunks_document_id_ordinal_key", "document_id", "ordinal", unique=True),
    sa.Index("chunks_agent_id_idx", "agent_id"),
    sa.Index("chunks_agent_id_tsv_idx", "agent_id", "tsv", postgresql_using="gin"),
)

lexemes = sa.Table(
    "lexemes",
    metadata,
    sa.Column("agent_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("lexeme", sa.Text, primary_key=True),
    _integer("chunk_count", default=None),
    postgresql_with={"fillfactor": "70"},
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    _text("name"),  # Celery's node name
    _text("host"),
    _integer("pid", default=None),
    sa.Column("queues", ARRAY(sa.Text), nullable=False),
    _integer("concurrency", default=None),
    _time("started_at", nullable=False),
    sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=False),
    postgresql_with={"fillfactor": "70"},
)

queues = sa.Table(
    "queues",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    # Start-time fair queueing: the start tag of the task admitted last.
    sa.Column("virtual_time", sa.Double, nullable=False, server_default=sa.text("0")),
    _time("paused_at"),
    # A long backlog as it was last counted: what could run, what waits for a later time, and since when the oldest.
    sa.Column("waiting", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("delayed", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    _time("oldest_at"),
)

chores = sa.Table(
    "chores",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _time("due_at", nullable=False),  # whoever moves this on does the chore, for the whole installation
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("organization_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("holder", UUID(as_uuid=True), nullable=False),  # the fence: no other request can end this one
    sa.Column("target", BYTEA, nullable=False),  # SHA-256 of method, path and query
    sa.Column("fingerprint", BYTEA),  # SHA-256 of the body; null, like all that follows, while the request runs
    sa.Column("size", sa.BigInteger),  # bytes of the body that the fingerprint covers
    _integer("status", nullable=True),
    _object("headers", nullable=True),
    sa.Column("body", BYTEA),
    _time("created_at", nullable=False),
    _time("renewed_at", nullable=False),  # a running one that is not renewed has died
    sa.Index("idempotency_keys_created_at_idx", "created_at"),
)

crawl_urls = sa.Table(
    "crawl_urls",
    metadata,
    sa.Column("task_id", UUID(as_uuid=True), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("url", sa.Text, primary_key=True),  # normalised: each page once a crawl
)

hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _time("next_at", nullable=False),  # when a crawler may ask this host for its next page
    postgresql_with={"fillfactor": "70"},
)

turns = sa.Table(
    "turns",
    metadata,
    sa.Column("queue", sa.Text, sa.ForeignKey("queues.name"), primary_key=True),
    sa.Column("agent_id", sa.BigInteger, primary_key=True, autoincrement=False),
    # The virtual time at which this agent's next task may start.
    sa.Column("finish_tag", sa.Double, nullable=False),
)

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    _reference("agent_id", "agents.id"),
    _reference("document_id", "documents.id", nullable=True),
    sa.Column("parent_id", UUID(as_uuid=True)),
    _text("name"),
    _text("queue"),
    _text("state", default="PENDING"),
    _object("arguments"),
    _object("metadata"),
    _integer("attempt"),  # claims so far
    _integer("retries"),  # attempts that ended in a retryable error
    _integer("crashes"),  # attempts whose process died
    _integer("epoch"),  # the fence: whoever holds an older one can change nothing
    _integer("version"),  # counts every visible change
    _integer("rings"),  # bells rung since the task was last admitted
    _text("helper", nullable=True),  # the queue whose idle workers were called, too
    sa.Column("worker_id", UUID(as_uuid=True)),
    _integer("pid", nullable=True),  # the process that runs the attempt
    _integer("current"),
    _text("stage", nullable=True),
    _text("status", default="Waiting in the queue"),
    _object("stages", empty="[]"),
    _integer("chunk_count", nullable=True),
    _object("result", nullable=True),
    _object("error", nullable=True),
    _object("history", empty="[]"),
    _time("created_at", nullable=False),
    _time("available_at", nullable=False),
    _time("queued_at"),
    _time("started_at"),
    _time("completed_at"),
    _time("cancel_requested_at"),
    _time("dead_lettered_at"),
    _time("announced_at"),  # when the alarm for the dead letter was raised
    sa.CheckConstraint(
        "state IN ('PENDING', 'QUEUED', 'STARTED', 'PROGRESS', 'EXPANDED', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED')",
        name="state",
    ),
    sa.Index(
        "tasks_waiting_idx",
        "queue",
        "agent_id",
        "available_at",
        "id",
        postgresql_where="state IN ('PENDING', 'RETRY')",
    ),
    sa.Index("tasks_queued_idx", "queue", "queued_at", postgresql_where="state = 'QUEUED'"),
    sa.Index(
        "tasks_running_idx",
        "worker_id",
        postgresql_where="state IN ('STARTED', 'PROGRESS')",
    ),
    sa.Index("tasks_expanded_idx", "id", postgresql_where="state = 'EXPANDED'"),
    sa.Index("tasks_parent_id_idx", "parent_id", postgresql_where="parent_id IS NOT NULL"),
    sa.Index(
        "tasks_active_children_idx",
        "parent_id",
        postgresql_where="parent_id IS NOT NULL AND state NOT IN ('SUCCESS', 'FAILURE', 'REVOKED')",
    ),
    sa.Index("tasks_dead_idx", "organization_id", "id", postgresql_where="dead_lettered_at IS NOT NULL"),
    sa.Index(
        "tasks_unannounced_idx",
        "dead_lettered_at",
        postgresql_where="dead_lettered_at IS NOT NULL AND announced_at IS NULL",
    ),
    sa.Index("tasks_completed_at_idx", "completed_at", postgresql_where="completed_at IS NOT NULL"),
    sa.Index("tasks_organization_id_id_idx", "organization_id", "id"),
    sa.Index("tasks_document_id_idx", "document_id", postgresql_where="document_id IS NOT NULL"),
    # Progress rewrites a row several times: room on its page keeps those updates out of the indexes.
    postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
)
