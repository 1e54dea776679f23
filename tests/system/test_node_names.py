"""Several workers of one queue on one host: each has a Celery node name of its own."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from app.tasks.node_names import choose_node_name
from tests.deadlines import deadline, wait_for
from tests.running import Stack, list_family
from tests.system.test_brokers import inspect
from tests.system.test_killed_processes import make_text


def list_workers(stack: Stack) -> dict[str, int]:
    """The main process of each worker, by the part of its node name before the host."""
    return {worker["name"].partition("@")[0]: worker["pid"] for worker in stack.get("/workers")["workers"]}


def kill(program: "subprocess.Popen[bytes]") -> None:
    """SIGKILL a program with all its processes."""
    for process in list_family(program.pid):
        process.kill()
    program.wait(deadline(30))


@pytest.mark.slow
def test_a_second_worker_of_a_queue_has_its_own_name_and_its_restart_does_not_disturb_the_first(stack: Stack) -> None:
    stack.environment["WORKER_LEASE_SECONDS"] = "2"
    stack.start_api()
    stack.start_workers("high")
    first = list_workers(stack)
    assert list(first) == ["high"]
    second = stack.start("worker", "high")
    try:
        wait_for(lambda: set(list_workers(stack)) == {"high", "high-2"}, "both workers to register")
        wait_for(lambda: "2 nodes online" in (said := inspect(stack, "ping")) and "high-2@" in said, "both to answer")
        kill(second)
        wait_for(lambda: list_workers(stack) == first, "the lease of the killed worker to end")
        second = stack.start("worker", "high")
        wait_for(lambda: set(list_workers(stack)) == {"high", "high-2"}, "the same name to be used again")
        wait_for(lambda: "2 nodes online" in inspect(stack, "active_queues"), "both to answer")
        assert list_workers(stack)["high"] == first["high"]
        upload = stack.upload(stack.make_agent(), "note.txt", make_text(1))
        assert stack.finish([upload["task_id"]])[0]["state"] == "SUCCESS"
    finally:
        stack.stop(second, signal.SIGTERM)


def test_names_are_counted_for_each_installation_and_are_free_when_the_process_ends(tmp_path: Path) -> None:
    own, other = str(tmp_path), str(tmp_path / "other")
    assert choose_node_name("high", own) == "high@%h"
    assert [choose_node_name(name, own) for name in ("high", "low")] == ["high-2@%h", "low@%h"]
    assert choose_node_name("high", other) == "high@%h"
    if (pid := os.fork()) == 0:
        os._exit(0 if choose_node_name("high", own) == "high-3@%h" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert choose_node_name("high", own) == "high-3@%h"
