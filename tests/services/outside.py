"""Stand-ins for what is outside: providers that do as they are told, and a limiter that has no limits."""

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import text

from app.db.engine import Database
from app.domain.vectors import Embedded, TextBatch
from app.services.providers import Pace

PROVIDER = "openai-embeddings"
# Circuits whose times a test does not wait for, but moves: see ``let_pass``.
PACE = Pace(threshold=5, pause=5.0, longest=60.0)
# Claims that run out soon after the process that held them was killed, and are renewed until then.
PROBE_SECONDS = 1.0
HOLD_SECONDS = 1.0


class NoLimits:
    """Room for everybody."""

    async def acquire(self, _provider: str, _tokens: int) -> float:
        """At once."""
        return 0.0

    async def close(self) -> None:
        """Nothing to let go of."""


class Provider:
    """Fails with the errors it is given, one a request, then answers; with ``hang``, not before it is let go on."""

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
        """One request."""
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
    """An embedder behind a provider, of two numbers a vector, which counts what it is paid for. A token a text."""

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
        """So many texts a request."""
        return [
            TextBatch(start, min(start + self.size, len(texts)), min(self.size, len(texts) - start))
            for start in range(0, len(texts), self.size)
        ]

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Raise the error of this request, the first of which is 1, or be paid."""
        assert 0 < len(texts) <= self.size
        self.requests += 1
        error = self.errors.pop(self.requests, None)
        self.began.set()
        await self.go_on.wait()
        await asyncio.sleep(0.001)  # so that others have their turn, as they have during a request
        if error:
            raise error
        self.paid.update(texts)
        return Embedded([vector_of(words) for words in texts], len(texts))

    async def close(self) -> None:
        """Nothing to let go of."""


def vector_of(words: str) -> "array[float]":
    """What ``PaidEmbedder`` makes of a text."""
    return array("f", (len(words), sum(words.encode(errors="replace")) % 1000))


async def let_pass(database: Database, seconds: float) -> None:
    """Move the times of all circuits back, as if so many seconds had passed."""
    statement = text("UPDATE providers SET ask_at = ask_at - make_interval(secs => :seconds)")
    async with database.statement() as connection:
        await connection.execute(statement, {"seconds": seconds})


async def fetch(database: Database, query: str, **parameters: Any) -> list[Any]:
    """The rows of a query."""
    async with database.statement() as connection:
        return list((await connection.execute(text(query), parameters)).all())


async def wait_until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Let others run until ``condition`` is true; fails with ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)
