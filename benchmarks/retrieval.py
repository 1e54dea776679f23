"""Search quality: nDCG@10 by language, through the SQL that serves the API.

    python benchmarks/retrieval.py postgresql://…/scratch path/to/xquad.json [--model minilm] [--json result.json]

The corpus is a JSON object by language: ``{"docs": {id: text, …}, "queries": [{"text": …, "rel": [id, …]}, …]}``.
The database receives the schema, if it has none, and the passages, which stay there.
"""

import argparse
import asyncio
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.embedders.minilm import MiniLmEmbedder
from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.adapters.redis.limits import RedisLimits
from app.db.chunks import ChunkRow, add_chunks, count_words
from app.db.engine import Database, create_engine
from app.db.pgvector_store import PgVectorStore
from app.db.schema import migrate
from app.domain.documents import Chunk
from app.domain.ports import Embedder
from app.domain.vectors import Account, EmbeddingSpec, Vector, VectorBatch, VectorIndex
from app.pipeline.words.lexemes import lexemes
from app.services.answers.search import Search
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.vector_indexes import IndexSpec, VectorIndexes
from app.services.indexing.vectors import Vectors
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding

Mode = Literal["text", "vector", "hybrid"]
MODES: tuple[Mode, ...] = get_args(Mode)
TOP = 10


def gain(found: Sequence[str], relevant: Sequence[str]) -> float:
    """The nDCG of a ranking with binary relevance."""
    gained = sum(1 / math.log2(rank + 2) for rank, passage in enumerate(found) if passage in relevant)
    return gained / sum(1 / math.log2(rank + 2) for rank in range(min(len(relevant), TOP)))


async def index(
    connection: AsyncConnection,
    store: PgVectorStore,
    place: VectorIndex,
    passages: Mapping[str, str],
    vectors: Sequence[Vector],
) -> int:
    """Index passages for a new agent, one document each, named by their ids; returns the agent's id."""
    added = await connection.execute(
        text(
            "INSERT INTO agents (organization_id, name, slug)"
            " SELECT min(id), 'benchmark', gen_random_uuid() FROM organizations RETURNING id"
        )
    )
    agent_id = int(added.scalar_one())
    for (name, passage), vector in zip(passages.items(), vectors, strict=True):
        document = await connection.execute(
            text(
                "INSERT INTO documents"
                " (organization_id, agent_id, filename, media_type, size_bytes, sha256, blob_key, edition, chunk_count)"
                " SELECT organization_id, id, :name, 'text/plain', 0, '', '', 1, 1 FROM agents WHERE id = :agent_id"
                " RETURNING id"
            ),
            {"name": name, "agent_id": agent_id},
        )
        row = ChunkRow(Chunk(0, passage, 0, len(passage), None), lexemes(passage))
        where = {"agent_id": agent_id, "document_id": document.scalar_one(), "edition": 1}
        written = await add_chunks(connection, **where, rows=[row])
        await store.upsert(place, VectorBatch(**where, vectors={0: vector}), connection)
        await count_words(connection, written.words)
    return agent_id


async def embed(embedder: Embedder, texts: Sequence[str]) -> list[Vector]:
    """Embed texts, batch by batch."""
    vectors: list[Vector] = []
    for batch in embedder.batches(texts):
        vectors += (await embedder.embed(texts[batch.start : batch.end])).vectors
    return vectors


async def measure(search: Search, agent_id: int, queries: Sequence[Any]) -> dict[str, float]:
    """The mean nDCG@10 by mode, and the mean milliseconds of a hybrid search."""
    totals = dict.fromkeys([*MODES, "ms"], 0.0)
    for query in queries:
        for mode in MODES:
            began = time.perf_counter()
            hits = await search.find(Account(1, agent_id), query["text"], mode=mode, top_k=TOP)
            totals[mode] += gain([hit.filename for hit in hits], query["rel"])
        totals["ms"] += 1000 * (time.perf_counter() - began)
    return {name: total / len(queries) for name, total in totals.items()}


async def run(database_url: str, corpus: Mapping[str, Any], model: str) -> dict[str, dict[str, float]]:
    """Index and measure every language; prints one row for each."""
    embedder: Embedder = MiniLmEmbedder() if model == "minilm" else WordLlamaEmbedder()
    plain = create_engine(database_url, pool_size=1, register_types=False)
    await migrate(plain)
    await plain.dispose()
    engine = create_engine(database_url, pool_size=2)
    database = Database(engine)
    store, providers = PgVectorStore(database), ProviderCalls(database, RedisLimits("", {}))
    wanted = IndexSpec("pgvector", EmbeddingSpec("local", model))
    await VectorIndexes(database, wanted).ensure()
    vectors = Vectors(database, lambda _name: store, providers)
    search = Search(database, ChunkIndexer(Embedding(database, providers), lambda _spec: embedder), vectors)
    results = {}
    print(f"{embedder.model:10}", *(f"{mode:>8}" for mode in MODES), "ms a hybrid search")
    place = await vectors.get_active()
    for language, part in corpus.items():
        made = await embed(embedder, list(part["docs"].values()))
        async with engine.begin() as connection:
            index_now = replace(place, embedding=replace(place.embedding, dimensions=len(made[0])))
            agent_id = await index(connection, store, index_now, part["docs"], made)
        results[language] = scores = await measure(search, agent_id, part["queries"])
        print(f"{language:16}", *(f"{scores[mode]:8.3f}" for mode in MODES), f"{scores['ms']:8.1f}", flush=True)
    await engine.dispose()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description="nDCG@10 of search by language and mode.")
    parser.add_argument("database_url", help="a scratch database, postgresql://…")
    parser.add_argument("corpus", type=Path, help="questions and passages by language, as JSON")
    parser.add_argument("--model", choices=["wordllama", "minilm"], default="wordllama")
    parser.add_argument("--json", type=Path, help="where to write the result")
    options = parser.parse_args()
    results = asyncio.run(run(options.database_url, json.loads(options.corpus.read_text("utf-8")), options.model))
    if options.json:
        options.json.write_text(json.dumps({options.model: results}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
