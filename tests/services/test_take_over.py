"""The documents that the files of an archive or a batch replace are found, locked and freed together."""

from hashlib import sha256

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.documents.content_keys import NewContent
from app.services.indexing.versions import take_over

_ADD = text("""
    WITH d AS (
        INSERT INTO documents (organization_id, agent_id, task_id, filename, media_type, sha256, content_key, status)
        SELECT 1, :agent_id, gen_random_uuid(), n.name, 'text/plain', sha256(convert_to(n.content, 'UTF8')),
               sha256(convert_to(n.content, 'UTF8')), 'queued'
        FROM unnest(CAST(:names AS text[]), CAST(:contents AS text[])) AS n (name, content)
        RETURNING id, task_id, filename)
    INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue)
    SELECT d.task_id, 1, :agent_id, d.id, 'app.tasks.document_tasks.process_document', 'low_priority' FROM d
    RETURNING document_id, (SELECT d.filename FROM d WHERE d.id = document_id) AS filename
""")


async def _add_agent(connection: AsyncConnection) -> int:
    await connection.execute(text("TRUNCATE agents, documents, tasks CASCADE"))
    insert = "INSERT INTO agents (organization_id, name, slug) VALUES (1, 'a', 'a') RETURNING id"
    return int((await connection.execute(text(insert))).scalar_one())


async def _add(connection: AsyncConnection, agent_id: int, files: dict[str, str]) -> dict[str, int]:
    """Add documents whose tasks wait; returns their ids by name."""
    parameters = {"agent_id": agent_id, "names": list(files), "contents": list(files.values())}
    return {row.filename: row.document_id for row in await connection.execute(_ADD, parameters)}


def _make_file(name: str, content: str) -> NewContent:
    return NewContent(sha256(content.encode()).digest(), name)


async def test_three_thousand_files_replace_their_documents_in_as_many_statements_as_one(engine: AsyncEngine) -> None:
    counts = []
    for number in (1, 3000):
        async with engine.begin() as connection:
            agent = await _add_agent(connection)
            documents = await _add(connection, agent, {f"{n}.txt": f"old {n}" for n in range(number)})
            statements: list[str] = []

            def record(
                _connection: object, _cursor: object, statement: str, *_: object, seen: list[str] = statements
            ) -> None:
                seen.append(statement)

            event.listen(engine.sync_engine, "before_cursor_execute", record)
            files = [_make_file(f"{n}.txt", f"new {n}") for n in range(number)]
            replaced = await take_over(connection, 1, agent, files)
            event.remove(engine.sync_engine, "before_cursor_execute", record)
            assert {file.filename: document_id for file, document_id in replaced.items()} == documents
            query = text(
                "SELECT count(*) FROM documents AS d JOIN tasks AS t ON t.id = d.task_id"
                " WHERE t.state = 'REVOKED' AND d.content_key = ANY (:keys)"
            )
            keys = [file.sha256 for file in files]
            assert (await connection.execute(query, {"keys": keys})).scalar_one() == number
            counts.append(len(statements))
    assert counts[0] == counts[1]


async def test_a_document_is_replaced_by_the_file_with_its_bytes_rather_than_by_the_file_with_its_name(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as connection:
        agent = await _add_agent(connection)
        earlier = await _add(connection, agent, {"plan.txt": "An earlier plan."})
        later = await _add(connection, agent, {"plan.txt": "The plan.", "notes.txt": "Notes."})
        renamed, new = _make_file("moved.txt", "The plan."), _make_file("plan.txt", "Another plan.")
        unknown = _make_file("unknown.txt", "Something else.")
        replaced = await take_over(connection, 1, agent, [new, unknown, renamed])
        assert replaced == {renamed: later["plan.txt"], new: earlier["plan.txt"]}


async def test_two_documents_whose_present_content_is_the_same_are_replaced_together(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        agent = await _add_agent(connection)
        documents = await _add(connection, agent, {"a.txt": "expected a", "b.txt": "expected b"})
        await connection.execute(text("UPDATE documents SET status = 'completed', sha256 = sha256('the same')"))
        await connection.execute(
            text(
                'UPDATE tasks SET arguments = \'{"content": {"filename": "x", '
                '"media_type": "text/plain", "size_bytes": 1, "sha256": "00", '
                '"blob_key": "k"}}\''
            )
        )
        files = [_make_file("a.txt", "new a"), _make_file("b.txt", "new b")]
        replaced = await take_over(connection, 1, agent, files)
        assert {file.filename: document_id for file, document_id in replaced.items()} == documents
