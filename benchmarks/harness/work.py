"""Submits work and reads its rows."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, islice

import asyncpg
import httpx

from app.domain.states import FINAL
from app.settings import Settings
from benchmarks.harness.mixed import Document, make_documents
from benchmarks.harness.stack import wait_for

_ENDED = "SELECT count(*) FROM tasks WHERE completed_at IS NOT NULL"
_UPLOAD_CLIENTS, _LIMIT_SECONDS = 4, 120.0

_numbers = count(1)


def fetch(settings: Settings, query: str, *arguments: object) -> list[asyncpg.Record]:
    """Run a query on a new connection; returns its rows."""

    async def run() -> list[asyncpg.Record]:
        database = await asyncpg.connect(settings.database_url, command_timeout=600)
        try:
            return await database.fetch(query, *arguments)
        finally:
            await database.close()

    return asyncio.run(run())


@contextmanager
def open_counter(settings: Settings, query: str) -> Iterator[Callable[[], int]]:
    """Yields a function that runs a query for a number, on one connection: a new one costs more than many tasks."""
    loop = asyncio.new_event_loop()
    database = loop.run_until_complete(asyncpg.connect(settings.database_url))
    try:
        yield lambda: int(loop.run_until_complete(database.fetchval(query)))
    finally:
        loop.run_until_complete(database.close())
        loop.close()


def make_agents(settings: Settings, number: int) -> list[int]:
    """Insert agents; returns their ids."""
    query = """
        INSERT INTO agents (organization_id, name, slug)
        SELECT (SELECT min(id) FROM organizations), 'Benchmark', gen_random_uuid() FROM generate_series(1, $1::integer)
        RETURNING id
    """
    return [row["id"] for row in fetch(settings, query, number)]


def make_text(lines: int) -> str:
    """A unique text of lines of about 60 characters."""
    number = next(_numbers)
    entries = (f"Entry {line} of book {number}: the keeper wrote the draught of each boat." for line in count())
    return "\n".join(islice(entries, lines))


def upload(client: httpx.Client, agent_id: int, filename: str, content: str, priority: str = "high") -> str:
    """Upload a document; returns the id of its task."""
    answer = client.post(
        f"/api/v1/documents/agent/{agent_id}/upload",
        files={"file": (filename, content.encode())},
        data={"priority": priority},
    )
    return str(answer.raise_for_status().json()["task_id"])


def make_uploader(client: httpx.Client, agent_id: int, kinds: Sequence[str], first: int = 0) -> Callable[[int], None]:
    """A function that uploads a number of documents of these kinds over several connections, different ones each time.

    ``first`` is the number of the first document.
    """
    numbers = count(first)

    def upload_all(wanted: int) -> None:
        documents = make_documents(wanted, first=next(numbers), kinds=kinds)
        for _ in range(wanted - 1):
            next(numbers)
        send_documents(client, f"/api/v1/documents/agent/{agent_id}/upload", documents)

    return upload_all


def send_documents(client: httpx.Client, path: str, documents: Sequence[Document]) -> None:
    """Upload documents over several connections."""

    def send(document: Document) -> None:
        client.post(path, files={"file": (document.filename, document.content)}).raise_for_status()

    with ThreadPoolExecutor(_UPLOAD_CLIENTS) as threads:
        list(threads.map(send, documents))


def run_tasks(
    settings: Settings,
    submit: Callable[[int], None],
    tasks: int,
    together: int | None = None,
    *,
    ended: str = _ENDED,
) -> None:
    """Submit tasks, each time after the end of the former ones.

    Args:
        settings: Those of the system.
        submit: Submits a number of tasks.
        tasks: How many to submit.
        together: How many at a time; None for all.
        ended: The query that counts the ended tasks.
    """
    asyncio.run(_run_tasks(settings, submit, tasks, together or tasks, ended))


async def _run_tasks(settings: Settings, submit: Callable[[int], None], tasks: int, together: int, query: str) -> None:
    # One connection for all polls: a new one costs the server more than a task.
    database = await asyncpg.connect(settings.database_url)
    try:
        ended = await database.fetchval(query)
        for wanted in range(ended + together, ended + tasks + 1, together):
            await asyncio.to_thread(submit, together)
            deadline = time.monotonic() + _LIMIT_SECONDS
            while await database.fetchval(query) < wanted:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not within {_LIMIT_SECONDS:g} s: the end of {wanted} tasks")
                await asyncio.sleep(0.01 if together == 1 else 0.05)
    finally:
        await database.close()


def wait_for_end(client: httpx.Client, task_id: str, seconds: float = 120.0) -> None:
    """Wait until a task has ended, by long polls: frequent polls would disturb the measurement."""

    def has_ended() -> bool:
        answer = client.get(f"/api/v1/tasks/{task_id}", params={"wait": 30})
        return answer.raise_for_status().json()["state"] in FINAL

    wait_for(has_ended, "a task to end", seconds=seconds, pause=0)
