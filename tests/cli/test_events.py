"""``./sluice events`` lists events, and ``--follow`` prints new ones as they come, also after the API was restarted."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import read_json, run_in
from tests.deadlines import within
from tests.running import ROOT, Stack


def follow(stack: Stack, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "events", "--follow", *options],
        env=stack.environment,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_events_are_listed_and_followed(stack: Stack, tmp_path: Path) -> None:
    stack.start_api()
    assert read_json(tmp_path, stack.environment, "events")["events"] == []
    stack.start_workers("high")
    agent = stack.make_agent()
    program = follow(stack, "--json", "--after", "0", "--agent", str(agent), "--type", "task.succeeded")
    try:
        assert program.stdout is not None
        with within(60):
            task_id = stack.upload(agent, "a.txt", b"A heron.")["task_id"]
            first = json.loads(program.stdout.readline())
            assert first["data"]["task_id"] == task_id
            stack.stop(stack.api)
            stack.start_api()
            task_id = stack.upload(agent, "b.txt", b"A weir.")["task_id"]
            second = json.loads(program.stdout.readline())
            assert second["data"]["task_id"] == task_id
            assert second["position"] > first["position"]
    finally:
        program.send_signal(signal.SIGINT)
        program.communicate()
    listed = run_in(tmp_path, stack.environment, "events", "--type", "task.succeeded").stdout
    assert [line.split()[2] for line in listed.splitlines()[1:]] == ["task.succeeded"] * 2
