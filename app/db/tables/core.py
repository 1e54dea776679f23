"""The tables. Migrations create them; ``./sluice migrate --check`` compares the two."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, TSVECTOR, UUID

from app.db.tables.columns import (
    make_id,
    make_integer,
    make_object,
    make_reference,
    make_text,
    make_time,
    metadata,
    write_choice,
)
from app.db.tables.task_invariants import TASK_INVARIANTS
from app.domain.documents import DocumentStatus

agents = sa.Table(
    "agents",
    metadata,
    make_id(),
    make_reference("organization_id", "organizations.id"),
    make_text("name"),
    make_text("slug"),
    make_object("settings"),
    make_integer("weight", default=1),
    make_integer("max_in_flight", nullable=True),
    make_time("created_at", nullable=False),
    make_time("updated_at", nullable=False),
    make_time("deleted_at"),
    # The agent under which the tasks of the organization itself run, such as the deliveries of its webhooks. No client
    # sees it.
    sa.Column("internal", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Index(
        "agents_organization_id_slug_key",
        "organization_id",
        "slug",
        unique=True,
        postgresql_where="deleted_at IS NULL",
    ),
    sa.Index("agents_internal_key", "organization_id", unique=True, postgresql_where="internal"),
    sa.Index("agents_capped_idx", "id", postgresql_where="max_in_flight IS NOT NULL"),
)

documents = sa.Table(
    "documents",
    metadata,
    make_id(),
    # That of its agent, whose own foreign key has checked it.
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    make_reference("agent_id", "agents.id"),
    sa.Column("task_id", UUID(as_uuid=True)),  # the task whose end decides the status
    make_text("filename"),
    make_text("media_type"),
    # A web page has these after it was fetched.
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("sha256", BYTEA),
    make_text("blob_key", nullable=True),
    # The digest that identifies duplicates: unique for each agent, and NULL for documents that failed, were cancelled
    # or are deleted.
    sa.Column("content_key", BYTEA),
    make_text("source_url", nullable=True),
    sa.Column("counted_bytes", sa.BigInteger),  # the size that usage counts for it; NULL until it is first searchable
    make_integer("version", default=1),  # the number of contents it has had
    make_integer("edition"),  # the edition of its chunks that search finds
    make_integer("last_edition"),  # the number reserved last: no two attempts write the same edition
    make_text("status", default=DocumentStatus.QUEUED.value),
    make_object("metadata"),
    make_integer("page_count", nullable=True),
    make_integer("chunk_count", nullable=True),
    make_text("embedding_model", nullable=True),
    make_time("created_at", nullable=False),
    make_time("completed_at"),
    make_time("deleted_at"),
    make_time("erased_at"),  # when everything but ids and counts was removed
    sa.CheckConstraint(write_choice("status", DocumentStatus), name="status"),
    sa.Index(
        "documents_agent_id_content_key_key",
        "agent_id",
        "content_key",
        unique=True,
        postgresql_where="content_key IS NOT NULL",
    ),
    sa.Index(None, "agent_id", "id", postgresql_where="deleted_at IS NULL"),
    sa.Index("documents_agent_id_filename_idx", "agent_id", "filename", postgresql_where="deleted_at IS NULL"),
    sa.Index(None, "organization_id", "id", postgresql_where="deleted_at IS NULL"),
)

chunks = sa.Table(
    "chunks",
    metadata,
    make_id(),
    sa.Column("agent_id", sa.BigInteger, nullable=False),
    make_reference("document_id", "documents.id"),
    make_integer("edition"),
    make_integer("ordinal", default=None),
    make_text("text"),
    make_text("context", default=""),
    make_integer("start_char", default=None),
    make_integer("end_char", default=None),
    make_integer("page", nullable=True),
    sa.Column("tsv", TSVECTOR),
    sa.Index("chunks_document_id_edition_ordinal_key", "document_id", "edition", "ordinal", unique=True),
    sa.Index("chunks_agent_id_idx", "agent_id"),
    sa.Index("chunks_agent_id_tsv_idx", "agent_id", "tsv", postgresql_using="gin"),
)

staged_chunks = sa.Table(
    "staged_chunks",
    metadata,
    # The task that cut a large document. Each of its children embeds some hundreds and moves them to ``chunks``.
    sa.Column("task_id", UUID(as_uuid=True), sa.ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True, autoincrement=False),
    make_text("text"),
    make_text("context"),
    make_integer("start_char", default=None),
    make_integer("end_char", default=None),
    make_integer("page", nullable=True),
)

lexemes = sa.Table(
    "lexemes",
    metadata,
    sa.Column("agent_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("lexeme", sa.Text, primary_key=True),
    make_integer("chunk_count", default=None),
    postgresql_with={"fillfactor": "70"},
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    make_text("name"),  # Celery's node name
    make_text("host"),
    make_integer("pid", default=None),
    sa.Column("queues", ARRAY(sa.Text), nullable=False),
    make_integer("concurrency", default=None),
    # Whether its slots take further tasks without a message. A worker of an earlier version does not.
    sa.Column("continues", sa.Boolean, nullable=False, server_default=sa.text("false")),
    make_time("started_at", nullable=False),
    sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=False),
    postgresql_with={"fillfactor": "70"},
)

queues = sa.Table(
    "queues",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    # Start-time fair queueing: the start tag of the task admitted last.
    sa.Column("virtual_time", sa.Double, nullable=False, server_default=sa.text("0")),
    make_time("paused_at"),
    # The backlog when it was last counted: tasks that could run, tasks for a later time, and when the oldest could run.
    sa.Column("waiting", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("delayed", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    make_time("oldest_at"),
)

chores = sa.Table(
    "chores",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    make_time("due_at", nullable=False),  # the process that advances it does the chore, for the whole installation
    make_text("cursor", nullable=True),  # where a chore that works in parts continues
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("organization_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, primary_key=True),
    # The fence: no other request can store a response for this one.
    sa.Column("holder", UUID(as_uuid=True), nullable=False),
    sa.Column("target", BYTEA, nullable=False),  # SHA-256 of method, path and query
    sa.Column("fingerprint", BYTEA),  # SHA-256 of the body; null, as ``size`` to ``body``, while it runs
    sa.Column("size", sa.BigInteger),  # bytes of the body that the fingerprint covers
    make_integer("status", nullable=True),
    make_object("headers", nullable=True),
    sa.Column("body", BYTEA),
    make_text("scope", nullable=True),  # what a key needs to receive the response; null: as for a write
    make_time("created_at", nullable=False),
    make_time("renewed_at", nullable=False),  # a running request that is not renewed has died
    sa.Index("idempotency_keys_created_at_idx", "created_at"),
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
    make_reference("agent_id", "agents.id"),
    make_reference("document_id", "documents.id", nullable=True),
    sa.Column("parent_id", UUID(as_uuid=True)),
    make_text("name"),
    make_text("queue"),
    make_text("state", default="PENDING"),
    make_object("arguments"),
    make_object("metadata"),
    make_integer("attempt"),  # claims so far
    make_integer("retries"),  # attempts that ended in a retryable error
    make_integer("crashes"),  # attempts whose process died
    make_integer("epoch"),  # the fence: an attempt with a lower one can change nothing
    make_integer("version"),  # counts every visible change
    make_integer("rings"),  # messages published since the task was last admitted
    make_text("helper", nullable=True),  # the queue of the worker that is to steal the task: work_stealing.py
    sa.Column("worker_id", UUID(as_uuid=True)),
    make_integer("pid", nullable=True),  # the process that runs the attempt
    make_integer("current"),
    make_text("stage", nullable=True),
    make_text("status", default="Waiting in the queue"),
    make_object("stages", empty="[]"),
    make_integer("chunk_count", nullable=True),
    make_object("result", nullable=True),
    make_object("error", nullable=True),
    make_object("history", empty="[]"),
    make_time("created_at", nullable=False),
    make_time("available_at", nullable=False),
    make_time("queued_at"),
    make_time("started_at"),
    make_time("completed_at"),
    make_time("cancel_requested_at"),
    make_time("dead_lettered_at"),
    make_time("announced_at"),  # when the alert for the dead letter was published
    *(sa.CheckConstraint(condition, name=name) for name, condition in TASK_INVARIANTS.items()),
    sa.Index(
        "tasks_waiting_idx",
        "queue",
        "agent_id",
        "available_at",
        "id",
        postgresql_where="state IN ('PENDING', 'RETRY')",
    ),
    sa.Index("tasks_queued_idx", "queue", "queued_at", postgresql_where="state = 'QUEUED'"),
    sa.Index("tasks_running_idx", "worker_id", postgresql_where="state IN ('STARTED', 'PROGRESS')"),
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
    sa.Index(
        "tasks_keeping_vectors_idx",
        "document_id",
        "name",
        postgresql_where="name IN ('app.tasks.embedding_tasks.reembed_document',"
        " 'app.tasks.vector_tasks.sweep_document') AND (completed_at IS NULL OR dead_lettered_at IS NOT NULL)",
    ),
    sa.Index("tasks_document_id_idx", "document_id", postgresql_where="document_id IS NOT NULL"),
    # Progress updates a row several times: free space on its page keeps those updates out of the indexes (HOT).
    postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
)
