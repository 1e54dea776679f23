"""Latency of search in agents of several sizes: as it was without word segments, and as it is.

The texts are sentences of the labelled sets in ``../shared/corpus/retrieval`` where that folder exists, else invented.
``CHUNKS=1_000_000 make bench ARGS=search`` gives the largest agent a million chunks: twenty minutes more.
"""

import asyncio
import itertools
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from threading import Thread

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.adapters.redis.limits import RedisLimits
from app.db.chunks import ChunkRow, add_chunks, count_words
from app.db.engine import Database, create_engine
from app.db.hnsw_indexes import maintain_hnsw_indexes
from app.db.pgvector_store import PgVectorStore
from app.db.search.word_segments import maintain_word_segments
from app.db.vector_indexes import fix_dimensions
from app.domain.documents import Chunk
from app.domain.vectors import Account, Vector, VectorBatch, VectorIndex
from app.pipeline.words.lexemes import lexemes
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.vectors import Vectors
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding
from app.services.search.search import Search
from app.settings import Settings
from benchmarks.figures import Figure, percentile
from benchmarks.search_texts import Texts, make_texts
from benchmarks.stack import KEY, ROOT, run_program, run_servers, wait_for_workers

_LARGEST = int(os.environ.get("CHUNKS", "100_000"))
_SIZES = (*(size for size in (200, 2_000, 20_000) if size < _LARGEST), _LARGEST)
_CORPUS = ROOT.parent / "shared" / "corpus" / "retrieval"
_TOGETHER, _DOCUMENT = 1_500, 30  # chunks in a transaction, and of a document
_QUESTIONS, _WARM_UP, _COLD = 200, 20, 10


@dataclass(frozen=True, slots=True)
class _Corpus:
    """The agents by their numbers of chunks, and the questions."""

    agents: dict[int, int]
    texts: Texts


def measure() -> list[Figure]:
    """Measure searches in this process, and by HTTP."""
    texts = make_texts(_CORPUS)
    with run_servers() as settings:
        with run_program(settings, "main.py", "api"):  # creates the vector index
            wait_for_workers(settings, 0)
        figures, corpus = asyncio.run(_measure(settings, texts))
        with run_program(settings, "main.py", "api"):
            wait_for_workers(settings, 0)
            for clients in (1, 4):
                times = _ask_by_http(settings.port, corpus, clients)
                figures += _summarize(
                    f"{_LARGEST:,} chunks, by HTTP, {clients} clients", times, 25 if clients > 1 else 10
                )
        return figures


async def _measure(settings: Settings, texts: Texts) -> tuple[list[Figure], _Corpus]:
    database = Database(create_engine(settings.database_url or "", pool_size=4))
    try:
        vectors = _open_vectors(database)
        index = await vectors.get_active()
        async with database.statement() as connection:
            await fix_dimensions(connection, index.id, WordLlamaEmbedder.dimensions)
        index = await vectors.get_active()
        agents = {size: await _fill(database, index, texts, size) for size in _SIZES}
        await _vacuum(database)
        began = time.monotonic()
        await maintain_hnsw_indexes(database)
        figures = [Figure(f"{_LARGEST:,} chunks: HNSW index built", time.monotonic() - began, "s")]
        corpus = _Corpus(agents, texts)
        figures += await _measure_sizes(settings, corpus, "without segments")
        began = time.monotonic()
        await maintain_word_segments(database)
        figures.append(Figure(f"{_LARGEST:,} chunks: word segments built", time.monotonic() - began, "s"))
        await _vacuum(database)
        return figures + await _measure_sizes(settings, corpus, "now"), corpus
    finally:
        await database.close()


async def _measure_sizes(settings: Settings, corpus: _Corpus, name: str) -> list[Figure]:
    """Measure hybrid searches in each agent; in the largest also the other modes, four clients, and cold processes."""
    figures = []
    async with asyncio.timeout(3600):
        for size in _SIZES:
            times = await _time(settings, corpus, size, clients=1)
            target = 10 if name == "now" and size == _LARGEST else None
            figures += _summarize(f"{size:,} chunks, {name}", times, target)
        for mode in ("text", "vector"):
            times = await _time(settings, corpus, _LARGEST, clients=1, mode=mode)
            figures += _summarize(f"{_LARGEST:,} chunks, {name}, {mode}", times)
        times = await _time(settings, corpus, _LARGEST, clients=4)
        figures += _summarize(f"{_LARGEST:,} chunks, {name}, 4 clients", times, 25 if name == "now" else None)
        cold = [
            one
            for number in range(_COLD)
            for one in await _time(settings, corpus, _LARGEST, clients=1, skipped=number, count=1, warm_up=0)
        ]
        return figures + _summarize(f"{_LARGEST:,} chunks, {name}, first search of a process", cold)


async def _time(
    settings: Settings,
    corpus: _Corpus,
    size: int,
    *,
    clients: int,
    mode: str = "hybrid",
    skipped: int = 0,
    count: int = _QUESTIONS,
    warm_up: int = _WARM_UP,
) -> list[float]:
    """The milliseconds of each search, with new connections.

    Args:
        settings: Where Postgres is.
        corpus: The agents and questions.
        size: Which agent is searched.
        clients: How many search at the same time.
        mode: Of the searches.
        skipped: The number of questions to leave out.
        count: The number of questions to ask.
        warm_up: The number of searches by each client that are not timed.
    """
    database = Database(create_engine(settings.database_url or "", pool_size=clients))
    vectors = _open_vectors(database)
    embedder, providers = WordLlamaEmbedder(), ProviderCalls(database, RedisLimits("", {}))
    await embedder.embed(["loads the model"])
    search = Search(database, ChunkIndexer(Embedding(database, providers), lambda _spec: embedder), vectors)
    account, times = Account(1, corpus.agents[size]), list[float]()
    questions = iter(corpus.texts.questions[skipped : skipped + count])

    async def ask() -> None:
        for question in corpus.texts.questions[-warm_up:] if warm_up else ():
            await search.find(account, question, top_k=10, mode=mode)  # type: ignore[arg-type]
        for question in questions:
            began = time.perf_counter()
            await search.find(account, question, top_k=10, mode=mode)  # type: ignore[arg-type]
            times.append(1000 * (time.perf_counter() - began))

    await asyncio.gather(*(ask() for _ in range(clients)))
    await database.close()
    return times


def _open_vectors(database: Database) -> Vectors:
    store = PgVectorStore(database)
    return Vectors(database, lambda _name: store, ProviderCalls(database, RedisLimits("", {})))


def _summarize(name: str, times: Sequence[float], target: float | None = None) -> list[Figure]:
    return [
        Figure(f"{name}: p50", percentile(times, 0.5), "ms"),
        Figure(f"{name}: p95", percentile(times, 0.95), "ms", at_most=target),
    ]


def _ask_by_http(port: int, corpus: _Corpus, clients: int) -> list[float]:
    """The milliseconds of each search by HTTP, on as many connections."""
    times = list[float]()
    questions = iter(corpus.texts.questions[:_QUESTIONS])

    def post(connection: HTTPConnection, question: str) -> None:
        body = json.dumps({"agents": [corpus.agents[_LARGEST]], "query": question, "top_k": 10})
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/search", body, headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(answer.read().decode())
        answer.read()

    def ask() -> None:
        connection = HTTPConnection("127.0.0.1", port)
        for question in corpus.texts.questions[-_WARM_UP:]:
            post(connection, question)
        for question in questions:
            began = time.perf_counter()
            post(connection, question)
            times.append(1000 * (time.perf_counter() - began))

    threads = [Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


_ADD_AGENT = text("""
    INSERT INTO agents (organization_id, name, slug)
    SELECT min(id), 'benchmark', gen_random_uuid() FROM organizations RETURNING id
""")

_ADD_DOCUMENTS = text("""
    INSERT INTO documents (organization_id, agent_id, filename, media_type, status, edition, last_edition, chunk_count)
    SELECT organization_id, id, 'a.txt', 'text/plain', 'completed', 1, 1, 0 FROM agents, generate_series(1, :count)
    WHERE id = CAST(:agent_id AS bigint) RETURNING id
""")


async def _fill(database: Database, index: VectorIndex, texts: Texts, size: int) -> int:
    """Add an agent with so many chunks; returns its id."""
    async with database.transaction() as connection:
        agent_id = int((await connection.execute(_ADD_AGENT)).scalar_one())
    embedder, store, chunks = WordLlamaEmbedder(), PgVectorStore(database), texts.make_chunks(size)
    for first in range(0, size, _TOGETHER):
        parts = list(itertools.islice(chunks, min(_TOGETHER, size - first)))
        async with database.transaction() as connection:
            await _add(connection, store, index, agent_id, parts, embedder)
    return agent_id


async def _add(
    connection: AsyncConnection,
    store: PgVectorStore,
    index: VectorIndex,
    agent_id: int,
    parts: Sequence[str],
    embedder: WordLlamaEmbedder,
) -> None:
    """Write chunks with their words and vectors, as many to a document as documents have."""
    count = -(-len(parts) // _DOCUMENT)
    added = await connection.execute(_ADD_DOCUMENTS, {"agent_id": agent_id, "count": count})
    vectors = list[Vector]()
    for few in embedder.batches(parts):
        vectors += (await embedder.embed(parts[few.start : few.end])).vectors
    words = Counter[tuple[int, str]]()
    for number, document_id in enumerate(sorted(added.scalars())):
        some = slice(number * _DOCUMENT, (number + 1) * _DOCUMENT)
        rows = [
            ChunkRow(Chunk(ordinal, part, 0, len(part), None), lexemes(part))
            for ordinal, part in enumerate(parts[some])
        ]
        written = await add_chunks(connection, agent_id=agent_id, document_id=document_id, edition=1, rows=rows)
        words.update(written.words)
        batch = VectorBatch(agent_id, document_id, 1, dict(enumerate(vectors[some])))
        await store.upsert(index, batch, connection)
    await count_words(connection, words)


async def _vacuum(database: Database) -> None:
    async with database.statement() as connection:
        for table in ("agents", "documents", "chunks", "vectors", "lexemes", "word_segments", "word_postings"):
            await connection.execute(text(f"VACUUM (ANALYZE) {table}"))
