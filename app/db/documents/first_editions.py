"""The first edition of a document, written by one statement: chunks, vectors and word counts.

Nothing of a former edition has to be removed, and each COPY would take two more round trips.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.chunks import CHUNK_COLUMNS, ChunkRow, as_record
from app.db.documents.editions import LACKING
from app.db.engine import fetch
from app.db.statements import Statement
from app.domain.vectors import VectorBatch

MOST_CHUNKS = 500
"""Up to this number of chunks, one statement was measured to take no more processor time than a COPY for each table."""

_PLACE = "CAST(:document_id AS bigint), CAST(:edition AS integer)"

_ADD = Statement(f"""
    WITH lacking AS ({LACKING} RETURNING 1),
    added AS (
        INSERT INTO chunks (agent_id, document_id, edition, {", ".join(CHUNK_COLUMNS)}, tsv)
        SELECT CAST(:agent_id AS bigint), {_PLACE}, given.*
        FROM unnest(
            CAST(:ordinals AS integer[]), CAST(:texts AS text[]), CAST(:contexts AS text[]),
            CAST(:starts AS integer[]), CAST(:ends AS integer[]), CAST(:pages AS integer[]),
            CAST(:words AS tsvector[])) AS given
        RETURNING 1
    ),
    embedded AS (
        INSERT INTO vectors (document_id, edition, ordinal, index_id, agent_id, embedding)
        SELECT {_PLACE}, given.ordinal, CAST(:index_id AS bigint), CAST(:agent_id AS bigint), given.embedding
        FROM unnest(CAST(:vector_ordinals AS integer[]), CAST(:embeddings AS halfvec[])) AS given (ordinal, embedding)
        RETURNING 1
    )
    -- Last, since it blocks every other transaction that counts the agent's words: it waits for the rows above.
    INSERT INTO lexemes AS known (agent_id, lexeme, chunk_count)
    SELECT CAST(:agent_id AS bigint), given.lexeme, given.chunk_count
    FROM unnest(CAST(:lexemes AS text[]), CAST(:counts AS integer[])) AS given (lexeme, chunk_count)
    WHERE (SELECT count(*) FROM lacking) + (SELECT count(*) FROM added) + (SELECT count(*) FROM embedded) >= 0
    ON CONFLICT (agent_id, lexeme) DO UPDATE SET chunk_count = known.chunk_count + excluded.chunk_count
""")


async def add_first_edition(
    connection: AsyncConnection, index_id: int, batch: VectorBatch, rows: Sequence[ChunkRow]
) -> None:
    """Write everything of a document's first edition, whose row the transaction has locked.

    The counts of words are the last rows that it locks, in the order of the words. Commit soon after it.
    """
    counts = Counter(chain.from_iterable(row.lexemes for row in rows))
    counts[""] = len(rows)  # the empty lexeme counts all chunks
    counted = sorted(counts.items())
    ordinals, texts, contexts, starts, ends, pages = zip(*(as_record(row.chunk) for row in rows), strict=True)
    parameters = {
        "agent_id": batch.agent_id,
        "document_id": batch.document_id,
        "edition": batch.edition,
        "index_id": index_id,
        "ordinals": ordinals,
        "texts": texts,
        "contexts": contexts,
        "starts": starts,
        "ends": ends,
        "pages": pages,
        "words": [row.lexemes for row in rows],
        "vector_ordinals": list(batch.vectors),
        # The driver would take an array for a dimension of the array of vectors.
        "embeddings": [memoryview(array("f", vector)) for vector in batch.vectors.values()],
        "lexemes": [lexeme for lexeme, _ in counted],
        "counts": [count for _, count in counted],
    }
    await fetch(connection, _ADD, parameters)
