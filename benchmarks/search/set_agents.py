"""An agent with the passages of a labelled set, written to Sluice's own tables in one transaction."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import text

from app.db.documents.chunks import CHUNK_COLUMNS, count_words, get_driver
from app.db.engine import Database
from app.db.vectors.calibrations import save_calibration
from app.domain.documents import Chunk
from app.domain.ports import Embedder
from app.domain.vectors import Vector, VectorIndex
from app.pipeline.ranking.calibration import SAMPLE, calibrate, make_clozes
from app.pipeline.words.lexemes import lexemes
from benchmarks.search.labelled_sets import LabelledSet

_VECTOR_COLUMNS = ("document_id", "edition", "ordinal", "index_id", "agent_id", "embedding")


async def add_agent(database: Database, index: VectorIndex, labelled: LabelledSet, vectors: Sequence[Vector]) -> int:
    """Index the passages, one document each, named by their ids; returns the agent's id."""
    names, passages = list(labelled.passages), list(labelled.passages.values())
    words = [lexemes(passage) for passage in passages]
    counts = Counter(lexeme for found in words for lexeme in found) + Counter({"": len(words)})
    async with database.transaction() as connection:
        agent_id = int((await connection.execute(_ADD_AGENT)).scalar_one())
        added = await connection.execute(_ADD_DOCUMENTS, {"agent_id": agent_id, "names": names})
        ids = sorted(added.scalars())  # in the order of the names
        driver = await get_driver(connection)
        await driver.copy_records_to_table(
            "chunks",
            columns=("agent_id", "document_id", "edition", *CHUNK_COLUMNS, "tsv"),
            records=(
                (agent_id, document_id, 1, 0, passage, "", 0, len(passage), None, found)
                for document_id, passage, found in zip(ids, passages, words, strict=True)
            ),
        )
        await driver.copy_records_to_table(
            "vectors",
            columns=_VECTOR_COLUMNS,
            records=((id_, 1, 0, index.id, agent_id, vector) for id_, vector in zip(ids, vectors, strict=True)),
        )
        await count_words(connection, Counter({(agent_id, lexeme): count for lexeme, count in counts.items()}))
    async with database.statement() as connection:
        for table in ("documents", "chunks", "vectors", "lexemes"):
            await connection.execute(text(f"ANALYZE {table}"))
    return agent_id


async def embed(embedder: Embedder, texts: Sequence[str]) -> list[Vector]:
    """Embed texts, batch by batch."""
    vectors: list[Vector] = []
    for batch in embedder.batches(texts):
        vectors += (await embedder.embed(texts[batch.start : batch.end])).vectors
    return vectors


async def calibrate_agent(
    database: Database, index: VectorIndex, embedder: Embedder, agent_id: int, passages: Sequence[str]
) -> float:
    """Do what the task does that measures an agent; returns the weight of the words."""
    step = max(1, len(passages) // SAMPLE)
    chunks = [Chunk(number, passage, 0, len(passage), None) for number, passage in enumerate(passages[::step][:SAMPLE])]
    clozes = make_clozes([chunk.indexed_text for chunk in chunks])
    sentences = await embed(embedder, [cloze.sentence for cloze in clozes])
    balance = calibrate(clozes, sentences, await embed(embedder, [cloze.rest for cloze in clozes]))
    async with database.statement() as connection:
        await save_calibration(connection, index.id, agent_id, balance.words, balance.doubt)
    return balance.words


_ADD_AGENT = text("""
    INSERT INTO agents (organization_id, name, slug)
    SELECT min(id), 'benchmark', gen_random_uuid() FROM organizations
    RETURNING id
""")

_ADD_DOCUMENTS = text("""
    INSERT INTO documents
        (organization_id, agent_id, filename, media_type, status, edition, last_edition, chunk_count)
    SELECT a.organization_id, a.id, given.name, 'text/plain', 'completed', 1, 1, 1
    FROM agents a, unnest(CAST(:names AS text[])) WITH ORDINALITY AS given (name, number)
    WHERE a.id = CAST(:agent_id AS bigint)
    ORDER BY number
    RETURNING id
""")
