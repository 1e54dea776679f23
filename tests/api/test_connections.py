"""Connections are closed when their clients are too slow or too many, and only then."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.api.server.limits import ClientAddresses
from tests.api.served import Client, Served, serve
from tests.deadlines import wait_until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"


def count_closed(logs: list[Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in logs:
        if line["event"] == "http_connections_closed":
            for reason, number in line.items():
                if isinstance(number, int) and reason != "open":
                    counts[reason] = counts.get(reason, 0) + number
    return counts


async def test_a_request_is_answered_and_its_connection_stays_open() -> None:
    async with serve() as served:
        client = await served.connect()
        for _ in range(3):
            await client.send(GET)
            assert (await client.read_until(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await client.send(GET * 3)  # pipelined
        for _ in range(3):
            await client.read_until(b"size=0\r\n0\r\n\r\n")


async def test_half_sent_headers_end_with_408_and_a_line_in_the_log() -> None:
    with capture_logs() as logs:
        async with serve() as served:
            clients = [await (await served.connect()).send(GET[:20]) for _ in range(5)]
            for client in clients:
                answer = await client.read_all()
                assert answer.startswith(b"HTTP/1.1 408")
                assert b'"code": "request_timeout"' in answer
            await wait_until(lambda: count_closed(logs), "the line")
    [line] = [line for line in logs if line["event"] == "http_connections_closed"]
    assert (line["headers_slow"], line["log_level"]) == (5, "warning")


async def test_headers_that_trickle_end_with_408() -> None:
    async def trickle(client: Client) -> None:
        for _ in range(1000):
            await client.send(b"X-A: b\r\n")
            await asyncio.sleep(0.02)

    async with serve() as served:
        client = await served.connect()
        await client.send(GET[:-2])
        trickling = asyncio.create_task(trickle(client))
        assert (await client.read_until(b"\r\n")).startswith(b"HTTP/1.1 408")
        trickling.cancel()


async def test_a_connection_on_which_nothing_arrives_is_closed_without_a_response() -> None:
    async with serve() as served:
        client = await served.connect()
        assert await client.read_all() == b""


async def test_a_connection_without_a_next_request_is_closed_after_the_idle_time() -> None:
    async with serve(idle_time=0.2) as served:
        client = await (await served.connect()).send(GET)
        assert (await client.read_all()).endswith(b"size=0\r\n0\r\n\r\n")


async def test_line_breaks_between_requests_do_not_keep_a_connection_open() -> None:
    async with serve() as served:
        client = await (await served.connect()).send(GET)
        await client.read_until(b"0\r\n\r\n")
        await client.send(b"\r\n")
        assert (await client.read_all()).startswith(b"HTTP/1.1 408")


async def test_a_body_that_arrives_too_slowly_ends_with_408() -> None:
    async with serve() as served:
        client = await (await served.connect()).send(POST + b"abc")
        assert (await client.read_all()).startswith(b"HTTP/1.1 408")
        await wait_until(lambda: served.app.sizes, "the application to notice")
        assert served.app.sizes == [None]


async def test_a_slow_body_above_the_minimum_is_read() -> None:
    async with serve(body_rate=1000) as served:
        client = await (await served.connect()).send(POST)
        for _ in range(20):
            await client.send(b"x" * 5000)
            await asyncio.sleep(0.05)
        assert b"size=100000" in await client.read_until(b"0\r\n\r\n")


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
async def test_a_client_does_not_time_out_while_the_application_does_not_read(expect: bytes) -> None:
    head = b"POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n" + expect + b"\r\n"
    async with serve() as served:
        client = await (await served.connect()).send(head)
        sending = asyncio.create_task(client.send(b"x" * 1_000_000 if not expect else b""))
        await asyncio.sleep(1)  # more than three windows
        served.app.release.set()
        if expect:
            await client.read_until(b"100 Continue\r\n\r\n")
            sending = asyncio.create_task(client.send(b"x" * 1_000_000))
        assert b"size=1000000" in await client.read_until(b"0\r\n\r\n")
        await sending


async def test_a_long_response_is_not_limited() -> None:
    async with serve() as served:
        client = await (await served.connect()).send(GET.replace(b"/", b"/stream", 1))
        await client.read_until(b"first")
        await asyncio.sleep(1)
        served.app.release.set()
        await client.read_until(b"size=0\r\n0\r\n\r\n")


async def test_a_response_that_the_client_does_not_read_is_aborted() -> None:
    with capture_logs() as logs:
        async with serve(send_time=0.3) as served:
            client = await (await served.connect()).send(GET.replace(b"/", b"/large", 1))
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await wait_until(lambda: count_closed(logs), "the connection to be closed")
    assert count_closed(logs) == {"response_unread": 1}


async def test_the_rest_of_a_body_after_its_response_is_discarded_for_a_limited_time() -> None:
    async with serve() as served:
        client = await (await served.connect()).send(POST.replace(b"/", b"/early", 1) + b"abc")
        await client.read_until(b"size=None\r\n0\r\n\r\n")
        assert await client.read_all() == b""


async def test_headers_without_end_are_answered_with_431() -> None:
    async with serve(header_time=60) as served:
        client = await (await served.connect()).send(GET[:-2] + b"X-A: b\r\n" * 100_000)
        assert (await client.read_until(b"\r\n")).startswith(b"HTTP/1.1 431")


CHUNKED = b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("start", [b"3\r\nabc\r\n0\r\n", b"3\r\nabc\r\n0\r\nX-A: ", b"3;a=", b"0"])
async def test_trailers_and_chunk_extensions_without_end_are_answered_with_431(start: bytes) -> None:
    more = b"X-A: b\r\n" if start.endswith(b"\n") else b"00000000"
    async with serve(header_time=60, body_window=60) as served:
        client = await (await served.connect()).send(CHUNKED % b"/" + start + more * 50_000)
        assert (await client.read_until(b"\r\n")).startswith(b"HTTP/1.1 431")


async def test_trailers_do_not_change_the_headers_of_a_request() -> None:
    async with serve() as served:
        client = await (await served.connect()).send(CHUNKED % b"/" + b"3\r\nabc\r\n0\r\nX-Trailer: b\r\n\r\n" + GET)
        await client.read_until(b"size=3\r\n0\r\n\r\n")
        await client.read_until(b"size=0\r\n0\r\n\r\n")
        assert [name for names in served.app.headers for name in names if name == b"x-trailer"] == []


async def test_a_long_body_in_small_chunks_is_read() -> None:
    async with serve() as served:
        body = b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n"
        client = await (await served.connect()).send(CHUNKED % b"/" + body)
        await client.read_until(b"size=100000\r\n0\r\n\r\n")


async def open_many(served: Served, number: int) -> list[Client]:
    clients = [await (await served.connect()).send(GET) for _ in range(number)]
    for client in clients:
        await client.read_until(b"0\r\n\r\n")
    return clients


async def test_an_address_with_too_many_connections_is_answered_with_429() -> None:
    async with serve(per_client=3) as served:
        first, *_ = await open_many(served, 3)
        refused = await (await served.connect()).read_all()
        assert refused.startswith(b"HTTP/1.1 429")
        assert b"retry-after: 5" in refused
        assert b'"code": "too_many_connections"' in refused
        first.writer.close()
        await first.writer.wait_closed()
        await open_many(served, 1)


async def test_a_trusted_proxy_is_not_limited_as_one_client() -> None:
    async with serve("127.0.0.0/8", per_client=3) as served:
        await open_many(served, 10)


async def test_at_the_limit_the_connection_that_has_waited_longest_makes_way() -> None:
    with capture_logs() as logs:
        async with serve(total=3, header_time=60) as served:
            busy = await (await served.connect()).send(GET.replace(b"/", b"/stream", 1))
            await busy.read_until(b"first")
            half = await (await served.connect()).send(GET[:10])
            await open_many(served, 1)
            await open_many(served, 1)
            assert await half.read_all() == b""
            served.app.release.set()
            await busy.read_until(b"size=0\r\n0\r\n\r\n")
            await wait_until(lambda: "http_connections_near_limit" in str(logs), "the line")
    assert count_closed(logs)["evicted"] >= 1


async def test_at_the_limit_a_connection_is_refused_if_every_other_one_is_busy() -> None:
    async with serve(total=2) as served:
        for _ in range(2):
            busy = await (await served.connect()).send(GET.replace(b"/", b"/stream", 1))
            await busy.read_until(b"first")
        assert (await (await served.connect()).read_all()).startswith(b"HTTP/1.1 503")


def test_connections_are_counted_by_address_and_ipv6_network() -> None:
    addresses = ClientAddresses("10.0.0.7, 192.168.0.0/16,2001:db8::/32")
    assert addresses.find_client("203.0.113.9") == "203.0.113.9"
    assert addresses.find_client("::ffff:203.0.113.9") == "203.0.113.9"
    assert addresses.find_client("2a00::1:2:3:4") == addresses.find_client("2a00::9:8:7:6") == "2a00::/64"
    for proxy in ("10.0.0.7", "::ffff:10.0.0.7", "192.168.3.4", "2001:db8::5", None, "/run/socket"):
        assert addresses.find_client(proxy) is None
    assert ClientAddresses("*").find_client("203.0.113.9") is None
