"""A full disk is an answer of 507 with one log line. Nothing is left behind, and work goes on when there is space."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from app.adapters.redis.url import redis_client_url
from app.settings import Settings
from tests.api.checks import check_problem
from tests.deadlines import wait_for
from tests.flows.site import html, serve
from tests.flows.zips import make_zip
from tests.running import ROOT, Stack
from tests.system.small_disks import MEGABYTE, SmallDisk, make_small_disk

TOO_LARGE = b"The heron waits at the weir.\n" * (6 * MEGABYTE // 29)
Send = Callable[[Stack, int, bytes], httpx.Response]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with make_small_disk(tmp_path / "small") as disk:
        yield disk


class LoggedStack(Stack):
    """A stack whose programs write their log to a file."""

    @property
    def log(self) -> Path:
        return self.settings.data_dir / "log"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            program = [sys.executable, "main.py", *arguments]
            return subprocess.Popen(program, cwd=ROOT, env=self.environment, stderr=log)

    def list_lines(self, word: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if word in line]


@pytest.fixture
def stack(settings: Settings, disk: SmallDisk) -> Iterator[LoggedStack]:
    """A stack whose files are on the small disk."""
    with LoggedStack(settings) as stack:
        stack.environment |= {
            "STORAGE_URL": f"file://{disk.folder}/blobs",
            "ACCESS_LOG": "false",
            "TASK_RETRY_BACKOFF": "0.2",
            "WEB_ALLOWED_HOSTS": "127.0.0.1",
        }
        stack.start_api()
        assert stack.api
        disk.limit(stack.api.pid)
        yield stack


def upload(stack: Stack, agent: int, content: bytes) -> httpx.Response:
    return stack.client.post(f"/documents/agent/{agent}/upload", files={"file": ("large.txt", content)})


def upload_to_collection(stack: Stack, _agent: int, content: bytes) -> httpx.Response:
    return stack.client.post("/documents/upload", files={"file": ("large.txt", content)}, data={"collection": "all"})


def upload_batch(stack: Stack, agent: int, content: bytes) -> httpx.Response:
    files = [("files", ("small.txt", b"A heron.")), ("files", ("large.txt", content))]
    return stack.client.post(f"/documents/agent/{agent}/batch", files=files)


def list_files(disk: SmallDisk) -> list[Path]:
    return [path for path in (disk.folder / "blobs").rglob("*") if path.is_file()]


def check_full(stack: LoggedStack, response: httpx.Response) -> None:
    """The answer is 507, and the log has one line about the request."""
    check_problem(response, 507, "storage_full")
    assert response.json()["retryable"]
    request_id = response.headers["x-request-id"]
    [line] = wait_for(lambda: stack.list_lines(request_id), "the log line")
    assert "storage_full" in line
    assert stack.list_lines("Traceback") == []


@pytest.mark.parametrize("send", [upload, upload_to_collection, upload_batch])
def test_a_file_that_the_disk_cannot_hold_is_refused_with_507_and_leaves_nothing_behind(
    stack: LoggedStack, disk: SmallDisk, send: Send
) -> None:
    agent = stack.make_agent()
    check_full(stack, send(stack, agent, TOO_LARGE))
    assert list_files(disk) == []
    assert stack.get("/documents")["total"] == 0
    assert send(stack, agent, b"The weir is open.").status_code == 202


def test_a_small_file_is_refused_with_507_while_the_disk_is_full(stack: LoggedStack, disk: SmallDisk) -> None:
    agent = stack.make_agent()
    with disk.filled():
        for send in (upload, upload_to_collection, upload_batch):
            check_full(stack, send(stack, agent, b"A small heron."))
        assert list_files(disk) == []
    assert upload(stack, agent, b"A small heron.").status_code == 202


def test_tasks_that_store_files_wait_for_space_and_then_succeed(stack: LoggedStack, disk: SmallDisk) -> None:
    agent = stack.make_agent()
    archive = make_zip({f"{n}.txt": f"The heron number {n}.".encode() * 100 for n in range(3)})
    stack.start_workers("high", "low")
    with serve({"/page": html("<p>The heron waits at the weir.</p>")}.get) as site:
        stack.post("/queues/low_priority/pause")
        packed = stack.client.post(f"/documents/agent/{agent}/upload", files={"file": ("a.zip", archive)}).json()
        with disk.filled():
            page = stack.post(f"/documents/agent/{agent}/webpage", {"url": f"{site.url}/page"})
            stack.post("/queues/low_priority/resume")
            for task_id in (page["task_id"], packed["task_id"]):
                wait_for(lambda task_id=task_id: read_code(stack, task_id) == "storage_full", "the task to fail")  # type: ignore[misc]
        ended = [stack.get(f"/tasks/{task_id}") for task_id in (page["task_id"], packed["task_id"])]
        assert all(task["error"] is None or task["error"]["retryable"] for task in ended)
        for task in ended:
            if task["state"] == "FAILURE":  # all its retries fell into the time without space
                stack.post(f"/tasks/{task['task_id']}/retry")
        assert {task["state"] for task in stack.finish([page["task_id"], packed["task_id"]])} == {"SUCCESS"}


def read_code(stack: Stack, task_id: str) -> str | None:
    error: dict[str, str] | None = stack.get(f"/tasks/{task_id}")["error"]
    return error["code"] if error else None


REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


def test_a_full_disk_of_the_database_is_507_for_the_api_and_makes_a_worker_wait(
    stack: LoggedStack, disk: SmallDisk
) -> None:
    agent = stack.make_agent()
    stack.fetch(REFUSE)
    for table in ("documents", "agents"):
        stack.fetch(f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION refuse()")
    for send in (upload, upload_batch):
        check_full(stack, send(stack, agent, b"A heron."))
    check_full(stack, stack.client.post("/agents", json={"name": "New"}))
    check_full(stack, stack.client.post(f"/documents/agent/{agent}/webpage", json={"url": "http://127.0.0.1/"}))
    assert list_files(disk) == []
    for table in ("documents", "agents"):
        stack.fetch(f"DROP TRIGGER full_disk ON {table}")
    stack.fetch("CREATE TRIGGER full_disk BEFORE INSERT ON chunks EXECUTE FUNCTION refuse()")
    stack.start_workers("high")
    task_id = upload(stack, agent, b"A heron.").json()["task_id"]
    wait_for(lambda: stack.list_lines("attempt_end_not_written"), "the worker to try")
    stack.fetch("DROP TRIGGER full_disk ON chunks")
    [task] = stack.finish([task_id])
    assert (task["state"], task["attempt"], task["crashes"]) == ("SUCCESS", 1, 0)


def test_uploads_are_accepted_while_valkey_has_no_memory_left_and_processed_afterwards(stack: Stack) -> None:
    agent = stack.make_agent()
    stack.start_workers("high")
    with Redis.from_url(redis_client_url(stack.settings.redis_url or "")) as valkey:
        limit = valkey.config_get("maxmemory")["maxmemory"]
        valkey.config_set("maxmemory", "1")
        try:
            accepted = [upload(stack, agent, f"Heron {n}.".encode()) for n in range(3)]
        finally:
            valkey.config_set("maxmemory", limit)
    assert [answer.status_code for answer in accepted] == [202] * 3
    tasks = stack.finish([answer.json()["task_id"] for answer in accepted])
    assert {task["state"] for task in tasks} == {"SUCCESS"}
