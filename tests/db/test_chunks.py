import asyncio

import pytest
from sqlalchemy import text

from app.db.codecs import decode_halfvec, decode_tsvector, encode_halfvec, encode_tsvector
from app.db.documents.chunks import REMOVED_AT_ONCE, remove_chunks, replace_chunks
from tests.db.library import BETWEEN, Library, make_rows


async def remove(library: Library, document_id: int) -> int:
    async with library.engine.begin() as connection:
        return await remove_chunks(connection, document_id)


async def count_vectors(library: Library) -> int:
    async with library.engine.connect() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM vectors"))).scalar_one())


async def test_a_tsvector_written_in_binary_is_what_postgres_reads(library: Library) -> None:
    agent_id = await library.add_agent()
    document_id = await library.add_document(agent_id, "b bb a é 漢字 it's b a_b", "")
    async with library.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT tsv::text FROM chunks WHERE document_id = :id ORDER BY ordinal"), {"id": document_id}
        )
    assert rows.scalars().all() == [
        "'a':3,10 'ab':11 'b':1,9,11 'bb':2 'e':4 'it':7,8 's':8 '字':6 '漢':5 '漢字':5",
        "",
    ]


def test_the_binary_forms_are_read_as_they_were_written() -> None:
    words = {"b": [1, 3], "a": [2], "é": [16_383], "none": []}
    assert decode_tsvector(encode_tsvector(words)) == words
    assert list(decode_halfvec(encode_halfvec(BETWEEN))) == pytest.approx(list(BETWEEN), abs=1e-3)


async def test_replacing_and_deleting_chunks_keeps_the_counts_of_words(library: Library) -> None:
    agent_id = await library.add_agent()
    document_id = await library.add_document(agent_id, "red red green", "red")
    await library.add_document(agent_id, "green")
    assert await library.count_words(agent_id) == {"": 3, "red": 2, "green": 2}

    await library.publish(agent_id, document_id, ["blue red"])
    assert await library.count_words(agent_id) == {"": 2, "red": 1, "green": 1, "blue": 1}

    await remove(library, document_id)
    await remove(library, document_id)
    assert await library.count_words(agent_id) == {"": 1, "green": 1}


async def test_many_chunks_are_removed_some_at_a_time_and_their_vectors_with_them(library: Library) -> None:
    agent_id = await library.add_agent()
    document_id = await library.add_document(agent_id, *["north"] * (REMOVED_AT_ONCE + 1))
    assert await remove(library, document_id) == REMOVED_AT_ONCE
    assert await library.count_words(agent_id) == {"": 1, "north": 1}
    assert await count_vectors(library) == 1
    assert await remove(library, document_id) == 1
    assert await library.count_words(agent_id) == {}
    assert await count_vectors(library) == 0


async def test_a_word_that_no_chunk_has_any_more_is_deleted_even_while_it_returns(library: Library) -> None:
    agent_id = await library.add_agent()
    document_id = await library.add_document(agent_id, "heron")
    async with library.engine.begin() as connection:
        await remove_chunks(connection, document_id)
        adding = asyncio.create_task(library.add_document(agent_id, "heron"))  # waits for the count of the word
        while not (await connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))).scalar_one():
            assert not adding.done()
            await asyncio.sleep(0.01)
    other_id = await adding
    assert await library.count_words(agent_id) == {"": 1, "heron": 1}
    await remove(library, other_id)
    assert await library.count_words(agent_id) == {}


async def test_chunks_are_not_written_outside_a_transaction(library: Library) -> None:
    async with library.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(RuntimeError, match="transaction"):
            await replace_chunks(connection, agent_id=1, document_id=1, edition=1, rows=make_rows(["a"]))


async def test_documents_that_finish_at_once_wait_for_each_other_and_never_deadlock(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.get_index()

    async def finish(number: int) -> None:
        words = [f"word{n}" for n in range(40)]
        document_id = await library.add_document(agent_id, " ".join(words[:: number % 2 * -2 + 1]))
        await remove(library, document_id)

    await asyncio.gather(*map(finish, range(24)))
    assert await library.count_words(agent_id) == {}
