"""Record events by triggers, and number them for each organization's feed.

A trigger writes the event in the transaction of the change, whatever statement changes the row. It looks up whether the
organization has events on, and does nothing more where it does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261130_08"
down_revision = "20261130_06"
branch_labels = None
depends_on = None

# Work that no client has asked for. The tasks of an organization itself are recognised by their agent.
_NOT_JOBS = (
    "'app.tasks.embedding_tasks.reembed_document', 'app.tasks.embedding_tasks.calibrate_agent',"
    " 'app.tasks.vector_tasks.sweep_document', 'app.tasks.evaluation_tasks.decide_index',"
    " 'app.tasks.upkeep_tasks.ping'"
)

# An event has at most 20,000 bytes. A character may take twelve of them in JSON, as an escaped pair of surrogates.
_CUT = """
CREATE FUNCTION sluice_cut_event(given jsonb, metadata jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT given || jsonb_build_object(
        'filename', left(given ->> 'filename', 250),
        'error', CASE WHEN given ->> 'error' IS NOT NULL THEN jsonb_build_object(
            'code', left(given #>> '{error,code}', 100), 'message', left(given #>> '{error,message}', 500),
            'retryable', given #> '{error,retryable}') END,
        'metadata', CASE WHEN octet_length(metadata::text) <= 2000 THEN metadata END,
        'truncated', to_jsonb(array_remove(ARRAY[
            CASE WHEN length(given ->> 'filename') > 250 THEN 'filename' END,
            CASE WHEN length(given #>> '{error,message}') > 500 THEN 'error.message' END,
            CASE WHEN octet_length(metadata::text) > 2000 THEN 'metadata' END], NULL)))
$$
"""

_RECORD_TASK = f"""
CREATE FUNCTION sluice_record_task_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ends boolean;
    callback text;
BEGIN
    -- The only statement where no event is wanted. A callback is called at the end of its job only.
    PERFORM FROM organizations AS o
    WHERE o.id = NEW.organization_id AND (o.events_until > now() OR NEW.arguments ? 'callback_url');
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    ends := OLD.completed_at IS NULL;
    callback := CASE WHEN ends THEN NEW.arguments ->> 'callback_url' END;
    IF callback IS NULL THEN
        PERFORM FROM organizations AS o WHERE o.id = NEW.organization_id AND o.events_until > now();
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM FROM agents AS a WHERE a.id = NEW.agent_id AND a.internal;
    IF FOUND OR NEW.name IN ({_NOT_JOBS}) THEN
        RETURN NULL;
    END IF;
    INSERT INTO events (organization_id, agent_id, document_id, task_id, type, callback_url, data)
    VALUES (
        NEW.organization_id, NEW.agent_id, NEW.document_id, NEW.id,
        CASE WHEN NOT ends THEN CASE NEW.state WHEN 'FAILURE' THEN 'task.discarded' ELSE 'task.replayed' END
             WHEN NEW.state = 'SUCCESS' THEN 'task.succeeded'
             WHEN NEW.state = 'FAILURE' THEN 'task.failed'
             ELSE 'task.cancelled' END,
        callback,
        sluice_cut_event(
            jsonb_build_object(
                'task_id', NEW.id, 'task_name', NEW.name, 'queue', NEW.queue, 'agent_id', NEW.agent_id,
                'document_id', NEW.document_id, 'filename', NEW.metadata ->> 'filename', 'attempt', NEW.attempt,
                'crashes', NEW.crashes, 'created_at', NEW.created_at, 'started_at', NEW.started_at,
                'completed_at', NEW.completed_at, 'chunk_count', NEW.chunk_count,
                'error', coalesce(NEW.error, OLD.error),
                'dead_letter', NEW.dead_lettered_at IS NOT NULL,
                'counts', CASE WHEN NEW.stage = 'children' AND jsonb_typeof(NEW.result -> 'total') = 'number'
                    THEN jsonb_build_object(
                        'total', NEW.result -> 'total', 'succeeded', NEW.result -> 'succeeded',
                        'failed', NEW.result -> 'failed', 'revoked', NEW.result -> 'revoked') END),
            NEW.metadata - 'filename'));
    RETURN NULL;
END $$
"""

_RECORD_DOCUMENT = """
CREATE FUNCTION sluice_record_document_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text;
    reason jsonb;
BEGIN
    PERFORM FROM organizations AS o WHERE o.id = NEW.organization_id AND o.events_until > now();
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF NEW.status = 'failed' AND (TG_OP = 'INSERT' OR OLD.status <> 'failed') THEN
        kind := 'document.failed';
        SELECT t.error INTO reason FROM tasks AS t WHERE t.id = NEW.task_id;
    ELSIF TG_OP = 'INSERT' THEN
        RETURN NULL;
    ELSIF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN
        -- A page of a crawl that turns out to be no document has a row until it is skipped.
        PERFORM FROM tasks AS t WHERE t.id = NEW.task_id AND NEW.edition = 0 AND t.result ? 'skipped';
        kind := CASE WHEN NOT FOUND THEN 'document.deleted' END;
    ELSIF NEW.edition > OLD.edition THEN
        kind := CASE WHEN OLD.edition > 0 AND NEW.version > OLD.version THEN 'document.replaced'
                     ELSE 'document.completed' END;
    -- An archive has no text of its own, so no edition: its files are documents.
    ELSIF NEW.status = 'completed' AND OLD.status = 'completed' AND NEW.version > OLD.version THEN
        kind := 'document.replaced';
    ELSIF NEW.status = 'completed' AND OLD.status <> 'completed' THEN
        PERFORM FROM tasks AS t WHERE t.id = NEW.task_id AND t.name = 'app.tasks.document_tasks.process_archive';
        kind := CASE WHEN FOUND THEN 'document.completed' END;
    END IF;
    IF kind IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO events (organization_id, agent_id, document_id, task_id, type, data)
    VALUES (
        NEW.organization_id, NEW.agent_id, NEW.id, NEW.task_id, kind,
        sluice_cut_event(
            jsonb_build_object(
                'document_id', NEW.id, 'agent_id', NEW.agent_id, 'task_id', NEW.task_id, 'filename', NEW.filename,
                'media_type', left(NEW.media_type, 100), 'size_bytes', NEW.size_bytes, 'version', NEW.version,
                'page_count', NEW.page_count, 'chunk_count', NEW.chunk_count, 'error', reason),
            NEW.metadata));
    RETURN NULL;
END $$
"""

# A fact about the installation, so one event for each organization that has events on.
_RECORD_CIRCUIT = """
CREATE FUNCTION sluice_record_circuit_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (organization_id, type, data)
    SELECT o.id, CASE WHEN NEW.down_since IS NULL THEN 'provider.circuit_closed' ELSE 'provider.circuit_opened' END,
           jsonb_build_object(
               'provider', left(NEW.name, 200), 'down_since', coalesce(NEW.down_since, OLD.down_since),
               'reason', CASE WHEN NEW.down_since IS NULL THEN NULL ELSE left(NEW.reason, 500) END)
    FROM organizations AS o WHERE o.events_until > now() ORDER BY o.id;
    RETURN NULL;
END $$
"""

# PostgreSQL compares the columns of the statement first, so that claims and reports cost nothing. Their list and the
# condition are short because the condition is parsed in each statement. Every statement that ends a task sets
# ``completed_at``: a CHECK constraint of the table demands it.
_TASK_TRIGGER = """
CREATE TRIGGER record_event AFTER UPDATE OF completed_at, dead_lettered_at ON tasks FOR EACH ROW WHEN (
    NEW.parent_id IS NULL AND (
        OLD.completed_at IS NULL AND NEW.completed_at IS NOT NULL
        OR OLD.dead_lettered_at IS NOT NULL AND NEW.dead_lettered_at IS NULL))
EXECUTE FUNCTION sluice_record_task_event()
"""
_DOCUMENT_TRIGGER = """
CREATE TRIGGER record_event AFTER UPDATE OF edition, version, status, deleted_at ON documents FOR EACH ROW WHEN (
    NEW.edition <> OLD.edition OR NEW.version <> OLD.version
    OR NEW.status <> OLD.status AND NEW.status IN ('completed', 'failed')
    OR OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
EXECUTE FUNCTION sluice_record_document_event()
"""
# A file of an archive or a batch that cannot be read is added as a document that has failed.
_FAILED_DOCUMENT_TRIGGER = """
CREATE TRIGGER record_failed AFTER INSERT ON documents FOR EACH ROW WHEN (NEW.status = 'failed')
EXECUTE FUNCTION sluice_record_document_event()
"""
_CIRCUIT_TRIGGER = """
CREATE TRIGGER record_event AFTER UPDATE ON providers FOR EACH ROW
WHEN ((OLD.down_since IS NULL) <> (NEW.down_since IS NULL))
EXECUTE FUNCTION sluice_record_circuit_event()
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "event_feeds",
        sa.Column("organization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("event_feeds_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "events_agent_id_position_idx",
        "events",
        ["agent_id", "position"],
        unique=False,
        postgresql_where="agent_id IS NOT NULL AND position IS NOT NULL",
    )
    op.create_index(
        "events_document_id_position_idx",
        "events",
        ["document_id", "position"],
        unique=False,
        postgresql_where="document_id IS NOT NULL",
    )
    op.create_index(
        "organizations_events_until_idx",
        "organizations",
        ["events_until"],
        unique=False,
        postgresql_where="events_until IS NOT NULL",
    )
    for statement in (_CUT, _RECORD_TASK, _RECORD_DOCUMENT, _RECORD_CIRCUIT):
        op.execute(statement)
    # In the order in which other transactions lock these tables.
    for statement in (_TASK_TRIGGER, _DOCUMENT_TRIGGER, _FAILED_DOCUMENT_TRIGGER, _CIRCUIT_TRIGGER):
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP TRIGGER record_event ON tasks")
    op.execute("DROP TRIGGER record_event ON documents")
    op.execute("DROP TRIGGER record_failed ON documents")
    op.execute("DROP TRIGGER record_event ON providers")
    for name in ("record_task_event", "record_document_event", "record_circuit_event"):
        op.execute(f"DROP FUNCTION sluice_{name}")
    op.execute("DROP FUNCTION sluice_cut_event")
    op.drop_index("organizations_events_until_idx", "organizations")
    op.drop_index("events_document_id_position_idx", "events")
    op.drop_index("events_agent_id_position_idx", "events")
    op.drop_table("event_feeds")
