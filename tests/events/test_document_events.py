"""What becomes of a document is an event, whichever statement changes it."""

from collections.abc import Sequence
from typing import Any

from app.db.documents.documents import hide_document
from app.db.documents.erasure import hide_agent_documents
from app.db.engine import Database
from app.db.events.erasure import erase_agent_events, erase_events
from app.db.providers.breakers import CircuitPolicy, record_failure, record_success
from tests.events.outbox import ORGANIZATION, Outbox

_POLICY = CircuitPolicy(threshold=2, pause=0.0, longest=0.0)


async def add_documents(outbox: Outbox, count: int, status: str = "queued") -> list[int]:
    """Insert an agent with documents; returns their ids."""
    rows = await outbox.sql(
        """
        WITH agent AS (
            INSERT INTO agents (organization_id, name, slug) VALUES (:organization, 'a', gen_random_uuid())
            RETURNING id)
        INSERT INTO documents (organization_id, agent_id, filename, media_type, status, blob_key)
        SELECT :organization, agent.id, 'heron.txt', 'text/plain', :status, 'key' FROM agent, generate_series(1, :count)
        RETURNING id
        """,
        organization=ORGANIZATION,
        status=status,
        count=count,
    )
    return [row["id"] for row in rows]


async def list_events(outbox: Outbox) -> Sequence[tuple[str, int | None]]:
    rows = await outbox.sql("SELECT type, document_id FROM events ORDER BY id")
    return [(row["type"], row["document_id"]) for row in rows]


async def change(outbox: Outbox, document: int, assignments: str) -> None:
    await outbox.sql(f"UPDATE documents SET {assignments} WHERE id = :id", id=document)


async def test_a_document_is_completed_once_although_two_statements_complete_it(outbox: Outbox) -> None:
    [document] = await add_documents(outbox, 1)
    await change(outbox, document, "status = 'processing'")
    await change(outbox, document, "status = 'completed'")
    await change(outbox, document, "edition = 1, last_edition = 1, chunk_count = 3, completed_at = now()")
    assert await list_events(outbox) == [("document.completed", document)]
    [event] = await outbox.sql("SELECT data FROM events")
    assert event["data"]["chunk_count"] == 3
    assert event["data"]["filename"] == "heron.txt"


async def test_new_content_replaces_a_document_and_the_same_content_completes_it_again(outbox: Outbox) -> None:
    [document] = await add_documents(outbox, 1)
    for assignments in ("status = 'completed', edition = 1", "edition = 3, version = 2", "edition = 4"):
        await change(outbox, document, assignments)
    assert [kind for kind, _ in await list_events(outbox)] == [
        "document.completed",
        "document.replaced",
        "document.completed",
    ]


async def test_a_first_content_after_a_failure_replaces_nothing(outbox: Outbox) -> None:
    [document] = await add_documents(outbox, 1)
    await change(outbox, document, "status = 'failed'")
    await change(outbox, document, "status = 'queued'")
    await change(outbox, document, "status = 'completed', edition = 1, version = 2")
    assert [kind for kind, _ in await list_events(outbox)] == ["document.failed", "document.completed"]


async def test_a_file_that_cannot_be_read_is_a_document_that_has_failed(outbox: Outbox) -> None:
    [document] = await add_documents(outbox, 1, status="failed")
    assert await list_events(outbox) == [("document.failed", document)]


async def test_every_document_is_deleted_once(database: Database, outbox: Outbox) -> None:
    first, *others = await add_documents(outbox, 3)
    [row] = await outbox.sql("SELECT agent_id FROM documents WHERE id = :id", id=first)
    async with database.transaction() as connection:
        await hide_document(connection, first)
    async with database.transaction() as connection:
        await hide_agent_documents(connection, row["agent_id"], 10)
    await change(outbox, first, "erased_at = now(), filename = ''")
    assert sorted(await list_events(outbox)) == [("document.deleted", document) for document in (first, *others)]


async def test_a_page_that_a_crawl_skips_was_never_a_document(outbox: Outbox) -> None:
    skipped, deleted = await add_documents(outbox, 2)
    for document in (skipped, deleted):
        await outbox.sql(
            """
            WITH task AS (
                INSERT INTO tasks (id, parent_id, organization_id, agent_id, document_id, name, queue, result)
                SELECT gen_random_uuid(), gen_random_uuid(), organization_id, agent_id, id, 'process_webpage', 'low',
                       CASE WHEN id = :skipped THEN CAST('{"skipped": "It is a copy."}' AS jsonb) END
                FROM documents WHERE id = :id
                RETURNING id)
            UPDATE documents SET task_id = task.id FROM task WHERE documents.id = :id
            """,
            id=document,
            skipped=skipped,
        )
        await change(outbox, document, "status = 'completed'")
        await change(outbox, document, "deleted_at = now()")
    assert await list_events(outbox) == [("document.deleted", deleted)]


async def test_an_erased_document_leaves_no_name_in_events(database: Database, outbox: Outbox) -> None:
    erased, kept = await add_documents(outbox, 2)
    for document in (erased, kept):
        await change(outbox, document, """metadata = '{"author": "Ann"}', status = 'failed', deleted_at = now()""")
    async with database.statement() as connection:
        await erase_events(connection, [erased])
        await erase_events(connection, [erased])
    rows = await outbox.sql("SELECT document_id, type, CAST(data AS text) AS data FROM events ORDER BY document_id")
    assert [row["document_id"] for row in rows] == [erased, kept]
    assert ["heron" in row["data"] or "Ann" in row["data"] for row in rows] == [False, True]


async def test_a_deleted_agent_leaves_no_name_in_events(database: Database, outbox: Outbox) -> None:
    await outbox.sql(
        "INSERT INTO events (organization_id, agent_id, type, data)"
        """ SELECT 1, n % 2 + 7, 'task.failed', '{"filename": "heron.txt", "error": {"message": "Ann"}}'"""
        " FROM generate_series(1, 6) AS n"
    )
    await outbox.sequence()
    async with database.statement() as connection:
        assert [await erase_agent_events(connection, 7, 2) for _ in range(3)] == [2, 1, 0]
    rows = await outbox.sql("SELECT agent_id, CAST(data AS text) AS data FROM events")
    assert {(row["agent_id"], "heron" in row["data"] or "Ann" in row["data"]) for row in rows} == {
        (7, False),
        (8, True),
    }


async def test_nothing_is_written_while_events_are_off(outbox: Outbox) -> None:
    await outbox.sql("UPDATE organizations SET events_until = NULL")
    [document] = await add_documents(outbox, 1)
    for assignments in ("status = 'completed', edition = 1", "edition = 2, version = 2", "deleted_at = now()"):
        await change(outbox, document, assignments)
    await add_documents(outbox, 1, status="failed")
    assert await list_events(outbox) == []


async def read_circuits(outbox: Outbox) -> list[tuple[Any, ...]]:
    rows = await outbox.sql("SELECT organization_id, type, data ->> 'provider' AS provider FROM events ORDER BY id")
    return [tuple(row.values()) for row in rows]


async def test_each_organization_with_events_receives_one_event_for_a_circuit_that_opens_or_closes(
    database: Database, outbox: Outbox
) -> None:
    await outbox.sql(
        "INSERT INTO organizations (id, name, events_until) VALUES (1001, 'b', 'infinity'), (1002, 'c', NULL)"
    )
    async with database.statement() as connection:
        for _ in range(4):  # of several processes
            await record_failure(connection, "openai", "It answered 503.", _POLICY)
        await record_failure(connection, "openai", "It answered 503.", _POLICY, probing=True)
        await record_success(connection, "openai", probing=True)
        await record_success(connection, "openai")
    assert await read_circuits(outbox) == [
        (ORGANIZATION, "provider.circuit_opened", "openai"),
        (1001, "provider.circuit_opened", "openai"),
        (ORGANIZATION, "provider.circuit_closed", "openai"),
        (1001, "provider.circuit_closed", "openai"),
    ]
