"""Submits work and reads its rows."""

import asyncio
from itertools import count, islice

import asyncpg
import httpx

from app.domain.states import FINAL
from app.settings import Settings
from benchmarks.stack import wait_for

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


def wait_for_end(client: httpx.Client, task_id: str, seconds: float = 120.0) -> None:
    """Wait until a task has ended, by long polls: frequent polls would disturb the measurement."""

    def has_ended() -> bool:
        answer = client.get(f"/api/v1/tasks/{task_id}", params={"wait": 30})
        return answer.raise_for_status().json()["state"] in FINAL

    wait_for(has_ended, "a task to end", seconds=seconds, pause=0)
