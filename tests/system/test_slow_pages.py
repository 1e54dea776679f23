"""Servers that do not answer delay only those who read their pages."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from app.settings import load_settings
from tests.deadlines import wait_for
from tests.running import Stack
from tests.web_server import WebServer, answer, serve, stall

_LIMITS = {"web_allowed_hosts": "127.0.0.1", "crawl_delay_seconds": "0.01"}
_PAGES = 60
_SAMPLES = 8
_MACHINE_SECONDS = 0.15
"""What other load on this machine may add to a median."""


@pytest.fixture(scope="module")
def stack(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with make_database() as (database_url, redis_url):
        folder = tmp_path_factory.mktemp("data")
        settings = load_settings(database_url=database_url, redis_url=redis_url, data_dir=folder, **_LIMITS)
        with Stack(settings) as running:
            running.environment |= {name.upper(): value for name, value in _LIMITS.items()}
            running.start_api()
            running.start_workers()
            yield running


@pytest.fixture(scope="module")
def fast() -> Iterator[WebServer]:
    with serve() as server:
        server.pages |= {
            f"/{number}": answer(f"<p>Page {number} on herons.</p>".encode(), content_type="text/html")
            for number in range(10 * _SAMPLES)
        }
        yield server


def upload(stack: Stack, agent: int, number: int) -> str:
    files = {"file": (f"{number}.txt", f"Upload {number} at {time.monotonic_ns()} on barges.".encode())}
    return str(stack.client.post(f"/documents/agent/{agent}/upload", files=files).json()["task_id"])


def read_page(stack: Stack, agent: int, url: str) -> str:
    return str(stack.client.post(f"/documents/agent/{agent}/webpage", json={"url": url}).json()["task_id"])


def measure(stack: Stack, submit: Callable[[int], str]) -> float:
    """The median of the seconds from a submission to its success, one submission after the other."""
    seconds = []
    for number in range(_SAMPLES):
        [task] = stack.finish([submit(number)])
        assert task["state"] == "SUCCESS", task
        [row] = stack.fetch("SELECT completed_at - created_at AS took FROM tasks WHERE id = $1", task["task_id"])
        seconds.append(float(row["took"].total_seconds()))
    return statistics.median(seconds)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("agents", "hosts", "crawls", "held"),
    [(1, 1, False, 8), (20, 1, False, 8), (1, 20, False, 20), (20, 20, False, 50), (20, 20, True, 50)],
    ids=["one agent", "many agents", "many hosts", "many agents and hosts", "crawls"],
)
def test_pages_of_silent_servers_do_not_delay_other_agents(
    stack: Stack, fast: WebServer, agents: int, hosts: int, crawls: bool, held: int
) -> None:
    other, paths = stack.make_agent(), iter(range(10 * _SAMPLES))
    idle_upload = measure(stack, lambda number: upload(stack, other, number))
    idle_page = measure(stack, lambda _: read_page(stack, other, fast.url(f"/{next(paths)}")))
    with ExitStack() as opened:
        servers = [opened.enter_context(serve()) for _ in range(hosts)]
        for server in servers:
            server.pages |= {f"/{number}": stall for number in range(_PAGES)} | {"/robots.txt": answer(b"")}
        slow_agents = [stack.make_agent() for _ in range(agents)]
        slow = [_submit(stack, slow_agents, servers, number, crawls) for number in range(_PAGES)]
        wait_for(lambda: _count_held(stack) >= held, "the silent servers to hold as many requests as they may")
        busy_upload = measure(stack, lambda number: upload(stack, other, number))
        busy_page = measure(stack, lambda _: read_page(stack, other, fast.url(f"/{next(paths)}")))
        for task_id in slow:
            stack.delete(f"/tasks/{task_id}")
        stack.finish(slow)
    times = f"uploads {idle_upload:.3f} s and {busy_upload:.3f} s, pages {idle_page:.3f} s and {busy_page:.3f} s"
    assert busy_upload <= 1.5 * idle_upload + _MACHINE_SECONDS, times
    assert busy_page <= 1.5 * idle_page + _MACHINE_SECONDS, times


def _submit(stack: Stack, agents: list[int], servers: list[WebServer], number: int, crawls: bool) -> str:
    agent, url = agents[number % len(agents)], servers[number % len(servers)].url(f"/{number}")
    if not crawls:
        return read_page(stack, agent, url)
    body: dict[str, Any] = {"url": url}
    return str(stack.client.post(f"/documents/agent/{agent}/crawl", json=body).json()["task_id"])


@pytest.mark.slow
@pytest.mark.parametrize("crawls", [False, True], ids=["pages", "crawl"])
def test_pages_are_read_once_more_when_all_workers_are_killed_while_they_wait(stack: Stack, crawls: bool) -> None:
    agent = stack.make_agent()
    with serve() as server:
        server.pages |= {f"/{number}": stall for number in range(4)} | {"/robots.txt": answer(b"")}
        tasks = [_submit(stack, [agent], [server], number, crawls) for number in range(4)]
        wait_for(lambda: _count_requests(server) == 4, "all pages to be requested")
        stack.kill_workers()
        page = answer(b"<p>A page on weirs, at last.</p>", content_type="text/html")
        server.pages |= {f"/{number}": page for number in range(4)}
        stack.start_workers()
        ended = stack.finish(tasks)
        assert [task["state"] for task in ended] == ["SUCCESS"] * 4
        assert _count_requests(server) == 8
    documents = stack.get("/documents", agent_id=agent)["documents"]
    assert [(document["status"], document["chunk_count"]) for document in documents] == [("completed", 1)] * 4


@pytest.mark.slow
def test_a_worker_that_stops_returns_the_pages_that_it_waits_for(stack: Stack) -> None:
    agent = stack.make_agent()
    with serve() as server:
        server.pages["/0"] = stall
        task_id = read_page(stack, agent, server.url("/0"))
        wait_for(lambda: server.requests, "the page to be requested")
        stack.stop(stack.workers)
        task = stack.get(f"/tasks/{task_id}")
        assert (task["state"], task["crashes"]) == ("PENDING", 0)
        server.pages["/0"] = answer(b"<p>A page on weirs.</p>", content_type="text/html")
        stack.start_workers()
        [task] = stack.finish([task_id])
    assert (task["state"], task["crashes"]) == ("SUCCESS", 0)


@pytest.mark.slow
def test_pages_are_read_where_each_process_runs_a_single_task(stack: Stack, fast: WebServer) -> None:
    agent = stack.make_agent()
    stack.stop(stack.workers)
    try:
        stack.environment["CELERY_WORKER_MAX_TASKS_PER_CHILD"] = "1"
        stack.start_workers("high")
        [task] = stack.finish([read_page(stack, agent, fast.url("/0"))])
    finally:
        del stack.environment["CELERY_WORKER_MAX_TASKS_PER_CHILD"]
        stack.stop(stack.workers)
        stack.start_workers()
    assert (task["state"], task["crashes"]) == ("SUCCESS", 0)


def _count_held(stack: Stack) -> int:
    query = "SELECT count(*) AS held FROM tasks WHERE arguments ? 'fetch_host' AND state = 'PROGRESS'"
    return int(stack.fetch(query)[0]["held"])


def _count_requests(server: WebServer) -> int:
    return sum("robots.txt" not in request for request in server.requests)
