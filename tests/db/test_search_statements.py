"""A search in an agent with word segments runs few statements, whose plans Postgres keeps."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import text

from app.db.engine import create_engine
from app.db.search import word_index
from app.db.search.word_index import WordIndex
from app.db.search.word_segments import maintain_word_segments
from app.domain.errors import DatabaseUnavailableError
from app.domain.vectors import Account, VectorIndex
from app.services.search.search import Mode, Search
from app.settings import Settings
from benchmarks.harness.processes import Kind
from benchmarks.harness.wire import StatementProxy
from tests.db.library import Library
from tests.db.segments import add_corpus, segment
from tests.running import Stack

WORDS = "word1 word70"


@pytest.fixture
def proxy(settings: Settings) -> StatementProxy:
    """Counts the statements on connections that pass it."""
    assert settings.database_url
    if "host=" not in settings.database_url:
        pytest.skip("the proxy needs a server on a Unix socket")
    return StatementProxy(settings.database_url)


@pytest.fixture
def proxied(proxy: StatementProxy) -> Iterator[str]:
    """The address of the database through the proxy."""
    with proxy.run() as url:
        yield url


@pytest.fixture
async def counted(library: Library, proxied: str) -> AsyncIterator[tuple[Search, Account]]:
    """A search service on one connection through the proxy, and an agent with segments that it has searched."""
    account = Account(1, await add_corpus(library))
    await segment(library)
    engine = create_engine(proxied, pool_size=1)
    through = Library(engine)
    search = Search(through.database, through.indexing, through.vectors)
    await search.find(account, WORDS, top_k=5)
    yield search, account
    await engine.dispose()


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
async def test_a_search_runs_three_statements(
    counted: tuple[Search, Account], proxy: StatementProxy, mode: Mode
) -> None:
    search, account = counted
    proxy.reset()
    assert await search.find(account, WORDS, top_k=5, mode=mode)
    statements = {kind: traffic.statements for kind, traffic in proxy.traffic.items()}
    assert sum(traffic.statement_count for traffic in proxy.traffic.values()) == 3, statements


async def test_a_misspelled_word_takes_one_statement_more(
    library: Library, counted: tuple[Search, Account], proxy: StatementProxy
) -> None:
    search, account = counted
    await library.add_document(account.agent_id, "The heron waits at the harbour.")
    proxy.reset()
    hits = await search.find(account, "harborr heron", top_k=1, mode="hybrid")
    assert "harbour" in hits[0].text
    assert sum(traffic.statement_count for traffic in proxy.traffic.values()) == 4


async def test_a_process_that_has_prepared_reads_nothing_more_in_its_first_search(
    library: Library, proxy: StatementProxy, proxied: str
) -> None:
    account = Account(1, await add_corpus(library))
    await segment(library)
    engine = create_engine(proxied, pool_size=1)
    through = Library(engine)
    search = Search(through.database, through.indexing, through.vectors)
    await search.prepare()
    proxy.reset()
    assert await search.find(account, WORDS, top_k=5)
    await engine.dispose()
    extra = "SELECT agent_id, words, doubt FROM calibrations"  # which each agent has of its own
    sent = [text for traffic in proxy.traffic.values() for text in traffic.statements if not text.startswith(extra)]
    assert len(sent) == 3, sent


async def test_a_process_prepares_the_largest_agents(library: Library) -> None:
    small, large = await library.add_agent(), await add_corpus(library)
    await library.add_document(small, "The heron waits at the alder gate.")
    await segment(library)
    index = WordIndex(library.database)
    assert await index.list_largest(1) == [large]
    assert await index.list_largest(5) == [large, small]


async def test_a_process_that_has_prepared_has_the_keys_of_the_largest_agents(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(1, await add_corpus(library))
    await segment(library)
    search = Search(library.database, library.indexing, library.vectors)
    await search.prepare()
    monkeypatch.delattr(word_index, "Chunks")  # reads the keys of a segment
    assert await search.find(account, WORDS, top_k=5)


async def test_a_process_whose_search_cannot_be_prepared_goes_on(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> VectorIndex:
        raise DatabaseUnavailableError(retry_after=1)

    search = Search(library.database, library.indexing, library.vectors)
    monkeypatch.setattr(library.vectors, "choose", fail)
    await search.prepare()


async def test_postgres_keeps_the_plans_of_the_statements(settings: Settings, library: Library) -> None:
    account = Account(1, await add_corpus(library))
    await segment(library)
    engine = create_engine(settings.database_url or "", pool_size=1)
    search = Search(Library(engine).database, library.indexing, Library(engine).vectors)
    for number in range(20):
        await search.find(account, f"word{number} international wonderful{number} words", top_k=5)
    async with engine.connect() as connection:
        kept = await connection.execute(
            text("""
                SELECT generic_plans FROM pg_prepared_statements
                WHERE generic_plans + custom_plans >= 20 AND statement LIKE '%unnest%'
            """)
        )
        plans = list(kept.scalars())
    await engine.dispose()
    assert len(plans) == 3
    assert min(plans) > 10


def test_a_search_by_http_runs_five_statements(
    settings: Settings, stack: Stack, proxy: StatementProxy, proxied: str
) -> None:
    stack.start_api()
    stack.start_workers("high")
    agent = stack.make_agent()
    stack.finish([stack.upload(agent, "a.txt", b"The heron waits at the alder gate.")["task_id"]])

    async def build_segments() -> None:
        engine = create_engine(settings.database_url or "", pool_size=1)
        await maintain_word_segments(Library(engine).database, large=1)
        await engine.dispose()

    asyncio.run(build_segments())
    body, counts = {"agents": [agent], "query": "heron gate"}, []
    with Stack(settings.model_copy(update={"database_url": proxied})) as through:
        through.start_api()
        for _ in range(5):
            proxy.reset()
            assert through.post("/search", body)["results"]
            counts.append(proxy.traffic[Kind.API].statement_count)
    assert min(counts) == 5, "the key, the agents, and the three of the search"
