"""How well search finds the right passage: nDCG@10 by language, through the SQL that serves the API.

    python benchmarks/retrieval.py postgresql://…/scratch path/to/xquad.json [--model minilm] [--json result.json]

The corpus is a JSON object by language: ``{"docs": {id: text, …}, "queries": [{"text": …, "rel": [id, …]}, …]}``.
The database gets the schema if it has none; what is written is rolled back.
"""

import argparse
import asyncio
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.minilm import MiniLmEmbedder
from app.adapters.wordllama import WordLlamaEmbedder
from app.db.chunks import ChunkRow, add_chunks, search
from app.db.engine import create_engine
from app.db.schema import migrate
from app.domain.documents import Chunk
from app.domain.ports import Embedder
from app.pipeline.lexemes import lexemes, query_lexemes

Mode = Literal["text", "vector", "hybrid"]
MODES: tuple[Mode, ...] = get_args(Mode)
TOP = 10


def gain(found: Sequence[str], relevant: Sequence[str]) -> float:
    """NDCG of a ranking where a passage is relevant or not."""
    gained = sum(1 / math.log2(rank + 2) for rank, passage in enumerate(found) if passage in relevant)
    return gained / sum(1 / math.log2(rank + 2) for rank in range(min(len(relevant), TOP)))


async def index(connection: AsyncConnection, embedder: Embedder, passages: Mapping[str, str]) -> int:
    """Put passages into the index of a new agent, a document each, named by their ids."""
    added = await connection.execute(
        text(
            "INSERT INTO agents (organization_id, name, slug)"
            " SELECT min(id), 'benchmark', gen_random_uuid() FROM organizations RETURNING id"
        )
    )
    agent_id = int(added.scalar_one())
    vectors = await embedder.embed(list(passages.values()))
    for (name, passage), vector in zip(passages.items(), vectors, strict=True):
        document = await connection.execute(
            text(
                "INSERT INTO documents (organization_id, agent_id, filename, media_type, size_bytes, sha256, blob_key)"
                " SELECT organization_id, id, :name, 'text/plain', 0, '', '' FROM agents WHERE id = :agent_id"
                " RETURNING id"
            ),
            {"name": name, "agent_id": agent_id},
        )
        row = ChunkRow(Chunk(0, passage, 0, len(passage), None), vector, lexemes(passage))
        document_id = document.scalar_one()
        await add_chunks(connection, agent_id=agent_id, document_id=document_id, edition=0, rows=[row])
    return agent_id


async def measure(
    connection: AsyncConnection, embedder: Embedder, agent_id: int, queries: Sequence[Any]
) -> dict[str, float]:
    """Mean nDCG@10 by mode, and the mean milliseconds of a hybrid search."""
    totals = dict.fromkeys([*MODES, "ms"], 0.0)
    for query in queries:
        (vector,) = await embedder.embed([query["text"]])
        for mode in MODES:
            began = time.perf_counter()
            hits = await search(
                connection,
                agent_id=agent_id,
                query_lexemes=query_lexemes(query["text"]),
                query_vector=vector,
                mode=mode,
                top_k=TOP,
            )
            totals[mode] += gain([hit.filename for hit in hits], query["rel"])
        totals["ms"] += 1000 * (time.perf_counter() - began)
    return {name: total / len(queries) for name, total in totals.items()}


async def run(database_url: str, corpus: Mapping[str, Any], model: str) -> dict[str, dict[str, float]]:
    """Index and measure every language; prints a row for each."""
    embedder: Embedder = MiniLmEmbedder() if model == "minilm" else WordLlamaEmbedder()
    plain = create_engine(database_url, pool_size=1, register_types=False)
    await migrate(plain)
    await plain.dispose()
    engine = create_engine(database_url, pool_size=1)
    results = {}
    print(f"{embedder.model:10}", *(f"{mode:>8}" for mode in MODES), "ms a hybrid search")
    async with engine.connect() as connection:
        for language, part in corpus.items():
            agent_id = await index(connection, embedder, part["docs"])
            results[language] = scores = await measure(connection, embedder, agent_id, part["queries"])
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
