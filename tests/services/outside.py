"""Fakes: providers with scripted answers, and limiters."""

import asyncio
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from app.db.engine import Database
from app.domain.errors import ProviderDownError
from app.domain.vectors import Account, EmbeddingResult, TextBatch, Vector
from app.services.providers.calls import CircuitPolicy, ProviderCalls, ProviderState
from app.services.providers.embedding import Embedding

PROVIDER = "openai-embeddings"
OUTAGE = "openai-embeddings answered 503: try later"
ACCOUNT = Account(1, 7)
# Long times: tests move them back with ``let_pass`` and do not wait.
PACE = CircuitPolicy(threshold=5, pause=5.0, longest=60.0)
CLAIM_SECONDS = 60.0
# For tests that wait until a claim is renewed.
SHORT_CLAIM_SECONDS = 3.0


class NoLimits:
    """A limiter without limits."""

    async def acquire(self, _provider: str, _tokens: int) -> float:
        """Permit the request at once."""
        return 0.0

    async def close(self) -> None:
        """Nothing to close."""


class Limiter:
    """Returns the given waits, one per request, then permits all; raises those that are errors."""

    def __init__(self, *waits: float | Exception) -> None:
        self.waits = list(waits)
        self.tokens: list[int] = []

    async def acquire(self, _provider: str, tokens: int) -> float:
        """Return the next wait."""
        self.tokens.append(tokens)
        wait = self.waits.pop(0) if self.waits else 0.0
        if isinstance(wait, Exception):
            raise wait
        return wait

    async def close(self) -> None:
        """Nothing to close."""


class Provider:
    """Raises the given errors, one per request, then answers; with ``hang``, only after ``go_on`` is set."""

    def __init__(self, *errors: Exception, hang: bool = False) -> None:
        self.errors = list(errors)
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()
        if not hang:
            self.go_on.set()

    async def request(self) -> str:
        """Handle one request."""
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.began.set()
        try:
            await self.go_on.wait()
            await asyncio.sleep(0)
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self.at_once -= 1
        return "answer"


class PaidEmbedder:
    """A provider's embedder that counts what it is paid for. Vectors have two numbers; each text is one token."""

    model = "paid-2"
    provider = PROVIDER

    def __init__(self, size: int = 10) -> None:
        self.size = size
        self.paid: Counter[str] = Counter()
        self.requests = 0
        self.errors: dict[int, Exception] = {}
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """Split texts into requests of ``size``."""
        return [
            TextBatch(start, min(start + self.size, len(texts)), min(self.size, len(texts) - start))
            for start in range(0, len(texts), self.size)
        ]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Raise the error set for this request, counted from 1, or be paid."""
        assert 0 < len(texts) <= self.size
        self.requests += 1
        error = self.errors.pop(self.requests, None)
        self.began.set()
        await self.go_on.wait()
        await asyncio.sleep(0.001)  # so that other tasks run, as they do during a real request
        if error:
            raise error
        self.paid.update(texts)
        return EmbeddingResult([vector_of(words) for words in texts], len(texts))

    async def close(self) -> None:
        """Nothing to close."""


def vector_of(words: str) -> "array[float]":
    """``PaidEmbedder``'s vector of a text."""
    return array("f", (len(words), sum(words.encode(errors="replace")) % 1000))


async def let_pass(database: Database, seconds: float) -> None:
    """Move the times of all circuits and claims back, as if so many seconds had passed."""
    async with database.transaction() as connection:
        for table, column in (("providers", "ask_at"), ("embedded_texts", "held_until")):
            statement = text(f"UPDATE {table} SET {column} = {column} - make_interval(secs => :seconds)")
            await connection.execute(statement, {"seconds": seconds})


async def fetch(database: Database, query: str, **parameters: Any) -> list[Any]:
    """The rows of a query."""
    async with database.statement() as connection:
        return list((await connection.execute(text(query), parameters)).all())


async def fail(
    providers: ProviderCalls, times: int = 1, *, error: Callable[[], Exception] | None = None
) -> list[Exception]:
    """The errors that a caller receives when the provider fails so many times."""
    made = [error() if error else ProviderDownError(OUTAGE) for _ in range(times)]
    got = []
    for failure in made:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - the test checks which
            await providers.call(PROVIDER, Provider(failure).request)
        got.append(raised.value)
    return got


async def get_state(providers: ProviderCalls) -> ProviderState:
    """The state of the only provider that is open or paused."""
    [state] = await providers.list_states()
    return state


class Steps:
    """Records the progress that a task receives."""

    def __init__(self) -> None:
        self.done: list[int] = []

    async def __call__(self, done: int) -> None:
        """Record it."""
        self.done.append(done)


def write(count: int, first: int = 0) -> list[str]:
    """So many different texts."""
    return [f"text {number}" for number in range(first, first + count)]


def vectors_of(texts: Sequence[str]) -> list[Vector]:
    """``PaidEmbedder``'s vectors of texts."""
    return [vector_of(words) for words in texts]


async def embed(embedding: Embedding, embedder: PaidEmbedder, texts: Sequence[str]) -> list[Vector]:
    """Embed texts for ``ACCOUNT``, ignoring progress."""
    return await embedding.embed(embedder, texts, ACCOUNT, Steps())


async def count_held(database: Database) -> int:
    """The number of claimed texts without a vector."""
    [row] = await fetch(database, "SELECT count(*) AS held FROM embedded_texts WHERE vector IS NULL")
    return int(row.held)
