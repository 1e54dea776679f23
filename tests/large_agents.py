"""An agent with many documents, inserted by SQL: half of them searchable, half of them waiting in the queue."""

from pathlib import Path

from tests.database import execute, fetch

_KEY = "right(lpad(to_hex({n}), 32, '0'), 2) || '/' || lpad(to_hex({n}), 32, '0')"

_DOCUMENTS = f"""
    INSERT INTO documents (organization_id, agent_id, filename, media_type, size_bytes, sha256, content_key, blob_key,
        status, edition, last_edition, chunk_count, metadata)
    SELECT a.organization_id, a.id, 'file ' || n || '.txt', 'text/plain', 7, sha256(CAST('a' || n AS bytea)),
        sha256(CAST('a' || n AS bytea)), {_KEY.format(n="n")},
        CASE WHEN n % 2 = 0 THEN 'completed' ELSE 'queued' END, 1 - n % 2, 1 - n % 2, 2 * (1 - n % 2),
        jsonb_build_object('owner', 'A')
    FROM agents AS a, generate_series(1, {{count}}) AS n WHERE a.id = {{agent}}
"""

_TASKS = """
    INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue, state, metadata, completed_at)
    SELECT gen_random_uuid(), d.organization_id, d.agent_id, d.id, 'app.tasks.document_tasks.process_document',
        'high_priority', CASE d.status WHEN 'completed' THEN 'SUCCESS' ELSE 'PENDING' END,
        jsonb_build_object('filename', d.filename), CASE d.status WHEN 'completed' THEN now() END
    FROM documents AS d WHERE d.agent_id = {agent}
"""

_DECIDE = """
    UPDATE documents AS d SET task_id = t.id FROM tasks AS t WHERE t.document_id = d.id AND d.agent_id = {agent}
"""

_CHUNKS = """
    INSERT INTO chunks (agent_id, document_id, edition, ordinal, text, start_char, end_char, tsv)
    SELECT d.agent_id, d.id, 1, o, repeat('The heron waits. ', 40), 0, 680,
        to_tsvector('simple', 'heron waits word' || d.id % 5000)
    FROM documents AS d, generate_series(0, 1) AS o WHERE d.agent_id = {agent} AND d.status = 'completed'
"""

_EDITIONS = """
    INSERT INTO editions (index_id, document_id, edition, agent_id, complete)
    SELECT i.id, d.id, 1, d.agent_id, true FROM documents AS d, vector_indexes AS i
    WHERE d.agent_id = {agent} AND d.status = 'completed' AND i.state = 'active'
    ON CONFLICT (index_id, document_id, edition) DO UPDATE SET complete = true
"""

_VECTORS = """
    INSERT INTO vectors (document_id, edition, ordinal, index_id, agent_id, embedding)
    SELECT c.document_id, c.edition, c.ordinal, i.id, c.agent_id,
        CAST(CAST(array_fill(0.5, ARRAY[256]) AS real[]) AS halfvec)
    FROM chunks AS c, vector_indexes AS i WHERE c.agent_id = {agent} AND i.state = 'active'
"""

_WORDS = """
    INSERT INTO lexemes (agent_id, lexeme, chunk_count)
    SELECT agent_id, lexeme, count(*) FROM chunks, unnest(tsvector_to_array(tsv) || CAST('' AS text)) AS lexeme
    WHERE agent_id = {agent} GROUP BY agent_id, lexeme
"""


def fill_agent(database_url: str, blobs: Path, agent: int, count: int) -> None:
    """Give an agent ``count`` documents with tasks, chunks, vectors, words and files."""
    statements = [_DOCUMENTS, _TASKS, _DECIDE, _CHUNKS, _EDITIONS, _VECTORS, _WORDS]
    execute(database_url, *(statement.format(agent=agent, count=count) for statement in statements), "ANALYZE")
    for row in fetch(database_url, "SELECT blob_key FROM documents WHERE agent_id = $1", agent):
        path = blobs / row["blob_key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")
