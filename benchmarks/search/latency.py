"""Latency, processor time and statements of search in agents of several sizes.

The texts are sentences of the labelled sets in ``../shared/corpus/retrieval`` where that folder exists, else invented.
``CHUNKS=1_000_000 make bench ARGS=search`` gives the largest agent a million chunks: an hour and ten gigabytes more.
Latencies depend on what else the machine does; processor time does so less, and statements do not.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from threading import Thread
from typing import Self

from sqlalchemy import text

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.adapters.redis.limits import RedisLimits
from app.db.engine import Database, create_engine
from app.db.search.word_segments import maintain_word_segments
from app.db.vectors.hnsw_indexes import maintain_hnsw_indexes
from app.db.vectors.indexes import fix_dimensions
from app.db.vectors.pgvector_store import PgVectorStore
from app.domain.identity import Access
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.vectors import Vectors
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding
from app.services.search.explanations import Explanations
from app.services.search.neighbours import Neighbours
from app.services.search.results import Results
from app.services.search.search import Mode, Search
from app.services.search.several_agents import SeveralAgents
from app.settings import Settings
from benchmarks.harness.processes import Kind, read_cpu
from benchmarks.harness.stack import KEY, ROOT, run_program, run_servers, wait_for_workers
from benchmarks.harness.wire import StatementProxy
from benchmarks.report.figures import Figure, percentile
from benchmarks.search.filled_agents import fill_agent
from benchmarks.search.texts import Texts, make_texts

_LARGEST = int(os.environ.get("CHUNKS", "100_000"))
_SIZES = (*(size for size in (2_000, 20_000) if size < _LARGEST), _LARGEST)
_CORPUS = ROOT.parent / "shared" / "corpus" / "retrieval"
_QUESTIONS, _WARM_UP, _COLD, _COUNTED = 200, 20, 5, 40
_TARGETS = {1: 10, 4: 25}
"""The 95th percentile in milliseconds, by the number of clients."""
_STATEMENTS, _STATEMENTS_BY_HTTP = 3.2, 5.2
"""Most searches take 3, and two more by HTTP; one more where a word is misspelled."""


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
        corpus, figures = asyncio.run(_prepare(settings, texts))
        figures += asyncio.run(_measure_services(settings, corpus))
        return [*figures, _count_statements(settings, corpus), *_measure_api(settings, corpus)]


async def _prepare(settings: Settings, texts: Texts) -> tuple[_Corpus, list[Figure]]:
    """Fill the agents and build what upkeep builds; returns how long that takes, too."""
    database = Database(create_engine(settings.database_url or "", pool_size=4))
    figures = []

    async def time_step(name: str, began: float) -> None:
        figures.append(Figure(f"{_LARGEST:,} chunks: {name}", time.monotonic() - began, "s"))
        async with database.statement() as connection:
            for table in ("agents", "documents", "chunks", "vectors", "lexemes", "word_segments", "word_postings"):
                await connection.execute(text(f"VACUUM (ANALYZE) {table}"))

    try:
        index = await _open_vectors(database).get_active()
        async with database.statement() as connection:
            await fix_dimensions(connection, index.id, WordLlamaEmbedder.dimensions)
        began = time.monotonic()
        agents = {size: await fill_agent(database, index, texts, size) for size in _SIZES}
        await time_step("written, with the smaller agents", began)
        began = time.monotonic()
        await maintain_word_segments(database)
        await time_step("word segments built", began)
        began = time.monotonic()
        await maintain_hnsw_indexes(database)
        await time_step("HNSW index built", began)
        return _Corpus(agents, texts), figures
    finally:
        await database.close()


async def _measure_services(settings: Settings, corpus: _Corpus) -> list[Figure]:
    """Measure hybrid searches in each agent; in the largest also the other modes, four clients, and new processes."""
    figures = []
    for size in _SIZES:
        figures += await _time(settings, corpus, f"{size:,} chunks", size, 1)
    modes: tuple[Mode, ...] = ("text", "vector")
    for mode in modes:
        figures += await _time(settings, corpus, f"{_LARGEST:,} chunks, {mode}", _LARGEST, 1, mode)
    figures += await _time(settings, corpus, f"{_LARGEST:,} chunks, 4 clients", _LARGEST, 4)
    cold = [await _time_first(settings, corpus, question) for question in corpus.texts.questions[:_COLD]]
    return [*figures, Figure(f"{_LARGEST:,} chunks, first search of a process: p50", percentile(cold, 0.5), "ms")]


def _count_statements(settings: Settings, corpus: _Corpus) -> Figure:
    """Count the statements of searches whose connections pass a proxy."""
    proxy = StatementProxy(settings.database_url or "")
    with proxy.run() as url:

        async def run() -> None:
            counted = settings.model_copy(update={"database_url": url})
            async with _Searching(counted, corpus.agents[_LARGEST], 1) as searching:
                await searching.ask(corpus.texts.questions[-_WARM_UP:])
                proxy.reset()
                await searching.ask(corpus.texts.questions[:_COUNTED])

        asyncio.run(run())
        sent = sum(traffic.statement_count for traffic in proxy.traffic.values()) / _COUNTED
    return Figure(f"{_LARGEST:,} chunks: statements of a search", sent, "", at_most=_STATEMENTS)


class _Searching:
    """The services of search with a pool of their own, for one agent."""

    def __init__(self, settings: Settings, agent_id: int, clients: int) -> None:
        self._database = Database(create_engine(settings.database_url or "", pool_size=clients))
        self._agent_id = agent_id
        providers, embedder = ProviderCalls(self._database, RedisLimits("", {})), WordLlamaEmbedder()
        indexer = ChunkIndexer(Embedding(self._database, providers), lambda _spec: embedder)
        search = Search(self._database, indexer, _open_vectors(self._database))
        agents = SeveralAgents(self._database, search)
        self._results = Results(agents, Neighbours(self._database), Explanations(self._database))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._database.close()

    async def ask(self, questions: Sequence[str] | Iterator[str], mode: Mode = "hybrid") -> list[float]:
        """Search for each of the questions; returns the milliseconds."""
        times = []
        for question in questions:
            began = time.perf_counter()
            await self._results.find(Access(1), [self._agent_id], question, top_k=10, mode=mode)
            times.append(1000 * (time.perf_counter() - began))
        return times


def _open_vectors(database: Database) -> Vectors:
    store = PgVectorStore(database)
    return Vectors(database, lambda _name: store, ProviderCalls(database, RedisLimits("", {})))


async def _time(
    settings: Settings, corpus: _Corpus, name: str, size: int, clients: int, mode: Mode = "hybrid"
) -> list[Figure]:
    """Time searches with new connections.

    Args:
        settings: Where Postgres is.
        corpus: The agents and questions.
        name: Of the figures.
        size: Which agent is searched.
        clients: How many search at the same time.
        mode: Of the searches.
    """
    async with _Searching(settings, corpus.agents[size], clients) as searching:
        last = corpus.texts.questions[-_WARM_UP:]
        await asyncio.gather(*(searching.ask(last, mode) for _ in range(clients)))
        questions = iter(corpus.texts.questions[:_QUESTIONS])
        own, of_postgres = time.process_time(), read_cpu()[Kind.POSTGRES]
        found = await asyncio.gather(*(searching.ask(questions, mode) for _ in range(clients)))
        cpu = {
            "Python": 1000 * (time.process_time() - own),
            "Postgres": read_cpu()[Kind.POSTGRES] - of_postgres,
        }
    times = [one for some in found for one in some]
    return _summarize(name, times, cpu, _TARGETS[clients] if (size, mode) == (_LARGEST, "hybrid") else None)


async def _time_first(settings: Settings, corpus: _Corpus, question: str) -> float:
    async with _Searching(settings, corpus.agents[_LARGEST], 1) as searching:
        return (await searching.ask([question]))[0]


def _summarize(name: str, times: Sequence[float], cpu: dict[str, float], target: float | None) -> list[Figure]:
    return [
        Figure(f"{name}: p50", percentile(times, 0.5), "ms"),
        Figure(f"{name}: p95", percentile(times, 0.95), "ms", at_most=target),
        *(Figure(f"{name}: CPU, {part}", used / len(times), "ms") for part, used in cpu.items()),
    ]


def _measure_api(settings: Settings, corpus: _Corpus) -> Iterator[Figure]:
    """Measure by HTTP; at the end count the statements of an API whose connections pass a proxy."""
    questions, body = corpus.texts.questions, {"agents": [corpus.agents[_LARGEST]], "top_k": 10}
    with run_program(settings, "main.py", "api"):
        wait_for_workers(settings, 0)
        with _open_client(settings.port, body) as post:
            yield Figure(f"{_LARGEST:,} chunks, by HTTP, first search", post(questions[0]), "ms")
        for clients, target in _TARGETS.items():
            _ask_together(settings.port, body, questions[-_WARM_UP:], clients)
            before, client = read_cpu(), time.process_time()
            times = _ask_together(settings.port, body, questions[:_QUESTIONS], clients)
            after = read_cpu()
            cpu = {kind.value: after[kind] - before[kind] for kind in (Kind.API, Kind.POSTGRES)}
            cpu["client"] = 1000 * (time.process_time() - client)
            yield from _summarize(f"{_LARGEST:,} chunks, HTTP, {clients} clients", times, cpu, target)
    proxy = StatementProxy(settings.database_url or "")
    with proxy.run() as url, run_program(settings.model_copy(update={"database_url": url}), "main.py", "api"):
        wait_for_workers(settings, 0)
        _ask_together(settings.port, body, questions[-_WARM_UP:], 1)
        proxy.reset()
        _ask_together(settings.port, body, questions[:_COUNTED], 1)
        sent = proxy.traffic[Kind.API].statement_count / _COUNTED
    yield Figure(f"{_LARGEST:,} chunks, by HTTP: statements of a search", sent, "", at_most=_STATEMENTS_BY_HTTP)


@contextmanager
def _open_client(port: int, body: dict[str, object]) -> Iterator[Callable[[str], float]]:
    """Connect to the API; yields a function that searches and returns the milliseconds."""
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

    def post(question: str) -> float:
        began = time.perf_counter()
        connection.request("POST", "/api/v1/search", json.dumps(body | {"query": question}), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(content.decode())
        return 1000 * (time.perf_counter() - began)

    try:
        yield post
    finally:
        connection.close()


def _ask_together(port: int, body: dict[str, object], questions: Sequence[str], clients: int) -> list[float]:
    """The milliseconds of each search by HTTP, on as many connections as clients."""
    times, left = list[float](), iter(questions)

    def ask() -> None:
        with _open_client(port, body) as post:
            times.extend(map(post, left))

    threads = [Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times
