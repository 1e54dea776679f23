"""What this machine can do at most: Postgres, Valkey, the disk, PDFium and the embedding model, each on its own.

The loops are those of ``pgbench -S`` and ``pgbench -N`` (a read by key; a write and its commit) and of
``valkey-benchmark`` (PING and LPUSH), one client that waits for each answer, and four.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pypdfium2
from redis.asyncio import Redis

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.adapters.redis.url import redis_client_url
from app.settings import Settings
from benchmarks.harness.mixed import make_documents
from benchmarks.harness.stack import run_servers
from benchmarks.report.figures import Figure

_SECONDS, _CLIENTS = 2.0, (1, 4)
_PDFS, _CHUNK_CHARACTERS = 5, 1000


def measure() -> list[Figure]:
    """Run each loop for two seconds."""
    with run_servers() as settings:
        return [
            *asyncio.run(_measure_postgres(settings)),
            *asyncio.run(_measure_valkey(settings)),
            Figure("write of 4 KB and fsync", _measure_disk(settings.data_dir), "/s"),
            Figure("PDFium: pages, text only", _measure_pdfium(), "/s"),
            Figure("model: chunks of 1,000 characters", asyncio.run(_measure_model()), "/s"),
        ]


async def _measure_postgres(settings: Settings) -> list[Figure]:
    connections = [await asyncpg.connect(settings.database_url) for _ in range(max(_CLIENTS))]
    await connections[0].execute("CREATE TABLE pairs (id integer PRIMARY KEY, value integer NOT NULL)")
    await connections[0].execute("INSERT INTO pairs SELECT n, n FROM generate_series(1, 10000) AS n")
    statements = {
        "Postgres: reads by key": "SELECT value FROM pairs WHERE id = $1",
        "Postgres: commits of one row": "UPDATE pairs SET value = value + 1 WHERE id = $1",
    }
    figures = []
    for name, statement in statements.items():
        for clients in _CLIENTS:
            loops = [_bind(connection, statement, number) for number, connection in enumerate(connections[:clients])]
            figures.append(Figure(f"{name}, {clients} at a time", await _count(loops), "/s"))
    for connection in connections:
        await connection.close()
    return figures


def _bind(connection: asyncpg.Connection, statement: str, number: int) -> Callable[[], Awaitable[object]]:
    return lambda: connection.fetchval(statement, number + 1)


async def _measure_valkey(settings: Settings) -> list[Figure]:
    async with Redis.from_url(redis_client_url(settings.redis_url or "")) as redis:
        loops: dict[str, Callable[[], Awaitable[object]]] = {
            "PING": redis.ping,
            "LPUSH": lambda: redis.execute_command("LPUSH", "benchmark", "x" * 100),
        }
        return [
            Figure(f"Valkey: {name}, {clients} at a time", await _count([loop] * clients), "/s")
            for name, loop in loops.items()
            for clients in _CLIENTS
        ]


async def _count(operations: list[Callable[[], Awaitable[object]]]) -> float:
    """Repetitions a second of all operations, which run at the same time."""
    end = time.monotonic() + _SECONDS

    async def repeat(operate: Callable[[], Awaitable[object]]) -> int:
        done = 0
        while time.monotonic() < end:
            await operate()
            done += 1
        return done

    return sum(await asyncio.gather(*map(repeat, operations))) / _SECONDS


def _measure_disk(folder: Path) -> float:
    done, end = 0, time.monotonic() + _SECONDS
    with (folder / "disk").open("wb") as file:
        while time.monotonic() < end:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            done += 1
    return done / _SECONDS


def _measure_pdfium() -> float:
    documents = [document.content for document in make_documents(_PDFS, kinds=("pdf",))]
    pages, end = 0, time.monotonic() + _SECONDS
    while time.monotonic() < end:
        for content in documents:
            for page in pypdfium2.PdfDocument(content):
                page.get_textpage().get_text_range()
                pages += 1
    return pages / (time.monotonic() - end + _SECONDS)


async def _measure_model() -> float:
    embedder = WordLlamaEmbedder()
    [document] = make_documents(1, kinds=("txt",))
    text = document.content.decode()
    chunks = [text[start : start + _CHUNK_CHARACTERS] for start in range(0, 6000, 100)]
    done, end = 0, time.monotonic() + _SECONDS
    while time.monotonic() < end:
        await embedder.embed(chunks)
        done += len(chunks)
    return done / (time.monotonic() - end + _SECONDS)
