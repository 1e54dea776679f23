"""The proxy between a driver and Postgres counts statements and round trips."""

import asyncio
import struct

import asyncpg
import pytest

from app.embedded import EngineUrls
from benchmarks.harness.processes import Kind
from benchmarks.harness.wire import MessageReader, StatementProxy, Traffic

_START = struct.pack("!ii", 8, 3 << 16)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", 4 + len(body)) + body


def test_messages_are_counted_however_the_bytes_arrive() -> None:
    sent = [
        _START,
        message(b"P", b"s1\0SELECT\n   1\0\0\0"),
        message(b"B", b"\0s1\0\0\0"),
        message(b"E", b"\0\0\0\0\0"),
        message(b"S", b""),
        message(b"Q", b"COMMIT;\0"),
    ]
    traffic = Traffic()
    reader = MessageReader(traffic)
    for byte in b"".join(sent):
        reader.feed(bytes([byte]))
    assert traffic.statements == {"SELECT 1": 1, "COMMIT;": 1}
    assert traffic.statement_count == 1, "a COMMIT is a round trip, and no statement"


def test_a_request_for_encryption_precedes_the_start() -> None:
    traffic = Traffic()
    reader = MessageReader(traffic)
    reader.feed(struct.pack("!ii", 8, 80877103))
    reader.feed(_START + message(b"Q", b"SELECT 2\0"))
    assert traffic.statements == {"SELECT 2": 1}


def test_statements_that_are_sent_together_are_one_round_trip() -> None:
    traffic = Traffic()
    reader = MessageReader(traffic)
    query = message(b"Q", b"SELECT 1\0")
    reader.feed(_START + query + query)
    assert (traffic.statement_count, traffic.round_trips) == (2, 1)
    reader.server_answered = True
    reader.feed(query)
    assert traffic.round_trips == 2


def test_a_driver_works_through_the_proxy_and_its_statements_are_counted(servers: EngineUrls) -> None:
    if "host=" not in servers.database_url:
        pytest.skip("the proxy needs a server on a Unix socket")

    async def run(url: str, proxy: StatementProxy) -> None:
        connection = await asyncpg.connect(url)
        await connection.fetchval("SELECT 1 + $1::integer", 1)
        proxy.reset()
        async with connection.transaction():
            assert await connection.fetchval("SELECT 1 + $1::integer", 2) == 3
        await connection.close()

    proxy = StatementProxy(servers.database_url)
    with proxy.run() as url:
        asyncio.run(run(url, proxy))
    traffic = proxy.traffic[Kind.OTHER]
    assert traffic.statements == {"BEGIN;": 1, "SELECT 1 + $1::integer": 1, "COMMIT;": 1}
    assert (traffic.statement_count, traffic.round_trips) == (1, 3)
