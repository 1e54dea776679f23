"""``./sluice webhooks``: registration, the log, and events forwarded to a program on this machine."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.commands import read_json, run_in
from tests.deadlines import deadline, wait_for
from tests.running import KEY, ROOT, Stack
from tests.webhooks.receiver import Message, receive


@pytest.fixture
def environment(shared_stack: Stack) -> dict[str, str]:
    """What a client elsewhere has."""
    return {"SLUICE_URL": f"http://127.0.0.1:{shared_stack.port}", "SLUICE_API_KEY": KEY, "PATH": "/usr/bin:/bin"}


def test_a_webhook_is_created_tested_disabled_enabled_and_deleted(environment: dict[str, str], tmp_path: Path) -> None:
    made = read_json(tmp_path, environment, "webhooks", "create", "https://hooks.invalid/", "--event", "webhook.test")
    webhook = str(made["id"])
    assert made["secret"].startswith("whsec_")
    sent = read_json(tmp_path, environment, "webhooks", "test", webhook)
    [listed] = read_json(tmp_path, environment, "webhooks", "deliveries", webhook)["deliveries"]
    assert listed["id"] == sent["id"]
    assert "webhook.test" in run_in(tmp_path, environment, "webhooks", "show", webhook, str(sent["id"])).stdout
    run_in(tmp_path, environment, "webhooks", "disable", webhook)
    assert "held" in run_in(tmp_path, environment, "webhooks", "enable", webhook).stderr
    counted = read_json(tmp_path, environment, "webhooks", "replay", webhook, "--status", "held", "--dry-run")
    assert counted == {"dry_run": True, "matched": 1, "replayed": 0}
    run_in(tmp_path, environment, "webhooks", "replay", webhook, code=2)
    assert "former_expires_at" in run_in(tmp_path, environment, "webhooks", "rotate", webhook).stdout
    assert "whsec_" in run_in(tmp_path, environment, "webhooks", "callback-secret").stdout
    run_in(tmp_path, environment, "webhooks", "delete", webhook)
    assert webhook not in [str(one["id"]) for one in read_json(tmp_path, environment, "webhooks", "list")["webhooks"]]


def test_listen_prints_events_and_forwards_them_signed(
    shared_stack: Stack, environment: dict[str, str], tmp_path: Path
) -> None:
    agent = shared_stack.make_agent()
    shared_stack.get("/events")  # from here on, events are recorded
    with receive() as receiver:
        listening = subprocess.Popen(
            [ROOT / "sluice", "webhooks", "listen", "--forward", receiver.url("/hook"), "--event", "task.*"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert listening.stderr
        secret = listening.stderr.readline().rsplit(" ", 1)[1].strip()
        uploads = iter(range(1000))

        def arrived() -> list[Message]:
            # The stream begins with the next event: one that is not seen was before it.
            shared_stack.upload(agent, "a.txt", f"Heron {next(uploads)}.".encode())
            return receiver.messages

        message = wait_for(arrived, "an event to be forwarded", 60)[0]
        listening.send_signal(signal.SIGINT)
        printed, _ = listening.communicate(timeout=deadline(30))
    assert message.path == "/hook"
    assert message.verify(secret)["type"] == "task.succeeded"
    assert f"{message.event['position']}  " in printed
    assert "→ 200" in printed
    assert "document.completed" not in printed
