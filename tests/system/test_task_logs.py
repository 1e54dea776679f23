"""What code logs while it runs for a task carries the task's id."""

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from tests.deadlines import wait_for
from tests.running import ROOT, Stack


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_log_lines_of_a_task_carry_its_id_and_others_carry_none(stack: Stack, tmp_path: Path, pool: str) -> None:
    stack.environment["LOG_FORMAT"] = "json"
    stack.start_api()
    agent = stack.make_agent()
    tasks = {stack.upload(agent, f"{n}.txt", f"Gate number {n}.".encode())["task_id"] for n in range(3)}
    log = tmp_path / "worker.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "tests.system.logging_worker", pool]
        worker = subprocess.Popen(command, cwd=ROOT, env=stack.environment, stderr=file, stdout=file)
    try:
        stack.finish(list(tasks))
        # A slot continues with further tasks, whose ends Celery does not log: only that of the task of a message.
        numbers = count(3)

        def is_logged() -> bool:
            upload = stack.upload(agent, "note.txt", f"Gate number {next(numbers)}.".encode())
            tasks.add(upload["task_id"])
            stack.finish([upload["task_id"]])
            return " succeeded in " in log.read_text()

        wait_for(is_logged, "Celery to log a success")
    finally:
        stack.stop(worker)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    inside = [line for line in lines if line["event"] == "inside"]
    assert {line["of"] for line in inside} == tasks
    assert all(line["task_id"] == line["of"] for line in inside)
    in_threads = [line for line in lines if line["event"].startswith("inside a thread of ")]
    assert len(in_threads) == len(inside)
    assert all(line["event"].endswith(line["task_id"]) for line in in_threads)
    outside = [line for line in lines if line["event"] == "outside"]
    assert {line["of"] for line in outside} & tasks
    succeeded = [line["event"] for line in lines if " succeeded in " in line["event"]]
    assert succeeded
    assert all(event.endswith("s") for event in succeeded), "the result, which may quote documents, is not logged"
    assert not any("task_id" in line for line in outside), "the context is cleared when the task has ended"
