"""The command line with a running Sluice, as an operator uses it."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from tests.database import fetch
from tests.deadlines import deadline
from tests.running import ROOT, Stack

Completed = subprocess.CompletedProcess[str]


def run(stack: Stack, *arguments: str, code: int = 0) -> Completed:
    done = subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=deadline(60),
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def run_json(stack: Stack, *arguments: str, code: int = 0) -> Any:
    return json.loads(run(stack, *arguments, "--json", code=code).stdout)


@pytest.fixture(scope="module")
def herons(shared_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An agent and a document, created by commands."""
    agent = run_json(shared_stack, "agents", "create", "Herons", "--slug", "herons")
    path = tmp_path_factory.mktemp("files") / "herons.txt"
    path.write_text("The heron at Coldharbour waits for the evening boat. The gate opens at nine.")
    blank = path.with_name("blank.txt")
    blank.write_text(" \n")
    done = run(shared_stack, "upload", str(path), "--agent", "herons", "--wait", "--json")
    [upload] = json.loads(done.stdout)
    assert "100%" in done.stderr
    return {"agent": agent, "upload": upload, "path": path, "blank": blank}


def test_an_uploaded_document_is_followed_found_and_quoted(shared_stack: Stack, herons: dict[str, Any]) -> None:
    upload = herons["upload"]
    assert (upload["filename"], upload["state"], upload["chunk_count"]) == ("herons.txt", "SUCCESS", 1)
    assert shared_stack.get(f"/documents/{upload['document_id']}")["agent_id"] == herons["agent"]["id"]
    found = run_json(shared_stack, "search", "evening boat", "--agent", "herons", "--mode", "text")
    assert found["results"][0]["document_id"] == upload["document_id"]
    assert found["took_ms"] > 0
    answer = run_json(shared_stack, "ask", "Who waits for the evening boat?", "--agent", str(herons["agent"]["id"]))
    assert "heron" in answer["answer"]
    assert answer["references"][0]["filename"] == "herons.txt"


def test_a_search_explains_its_results_and_covers_several_agents(shared_stack: Stack, herons: dict[str, Any]) -> None:
    run(shared_stack, "agents", "create", "Weirs", "--slug", "weirs-of-search")
    query = ("search", "evening boat", "--mode", "text", "--agent", "herons")
    shown = run(shared_stack, *query, "--explain").stdout
    assert re.search(r"words 1\.000 \(.*boat \d.*share 1\.00\) \+ meaning 0\.000 \(not compared\)", shown), shown
    found = run_json(shared_stack, *query, "--agent", "weirs-of-search", "--neighbours", "1")
    assert [hit["agent_id"] for hit in found["results"]] == [herons["agent"]["id"]]
    assert found["results"][0]["before"] == []


def test_a_failed_document_fails_the_command_but_not_the_others(shared_stack: Stack, herons: dict[str, Any]) -> None:
    files = (str(herons["blank"]), str(herons["path"]))
    results = run_json(shared_stack, "upload", *files, "--agent", "herons", "--wait", code=1)
    assert [result["state"] for result in results] == ["FAILURE", "SUCCESS"]


def test_a_duplicate_whose_task_was_forgotten_counts_as_done(shared_stack: Stack, herons: dict[str, Any]) -> None:
    path = herons["path"].with_name("weir.txt")
    path.write_text("The weir at Coldharbour was built before the gate.")
    [first] = run_json(shared_stack, "upload", str(path), "--agent", "herons", "--wait")
    fetch(shared_stack.settings.database_url or "", "DELETE FROM tasks WHERE id = $1", first["task_id"])
    [again] = run_json(shared_stack, "upload", str(path), "--agent", "herons", "--wait")
    assert (again["document_id"], again["task_id"], again["state"]) == (first["document_id"], None, "SUCCESS")


def test_lists_are_for_people_and_for_programs(shared_stack: Stack, herons: dict[str, Any]) -> None:
    listed = run_json(shared_stack, "agents", "list")
    assert herons["agent"]["id"] in {agent["id"] for agent in listed["agents"]}
    tasks = run_json(shared_stack, "tasks", "list", "--status", "SUCCESS")
    assert herons["upload"]["task_id"] in {str(task.get("task_id", task.get("id"))) for task in tasks["tasks"]}
    queues = run_json(shared_stack, "queues")["queues"]
    assert {"high_priority", "default"} <= {queue["name"] for queue in queues}
    assert herons["upload"]["task_id"] in run(shared_stack, "tasks", "show", herons["upload"]["task_id"]).stdout


def test_a_key_works_until_it_is_revoked(shared_stack: Stack) -> None:
    made = run_json(shared_stack, "keys", "create", "robot", "--scope", "read")
    listed = run_json(shared_stack, "keys", "list")
    [key] = [key for key in listed["api_keys"] if key["id"] == made["id"]]
    assert "secret" not in key

    def ask() -> httpx.Response:
        return shared_stack.client.get("/agents", headers={"Authorization": f"Bearer {made['secret']}"})

    assert ask().status_code == 200
    run(shared_stack, "keys", "revoke", str(made["id"]))
    assert ask().status_code == 401


@pytest.mark.usefixtures("herons")
def test_a_restricted_key_is_created_and_rotated(shared_stack: Stack) -> None:
    options = ("--agent", "herons", "--filter", "team=east", "--expires", "2100-01-01")
    made = run_json(shared_stack, "keys", "create", "reader", *options)
    assert (made["scopes"], made["filter"]) == (["read"], {"type": "eq", "key": "team", "value": "east"})
    assert made["expires_at"] == "2100-01-01T00:00:00Z"

    def ask(secret: str) -> httpx.Response:
        return shared_stack.client.get("/agents", headers={"Authorization": f"Bearer {secret}"})

    assert [agent["id"] for agent in ask(made["secret"]).json()["agents"]] == made["agent_ids"]
    rotated = run_json(shared_stack, "keys", "rotate", str(made["id"]), "--overlap", "0")
    assert [ask(key["secret"]).status_code for key in (made, rotated)] == [401, 200]


def test_an_organization_is_created_with_a_key_and_listed(shared_stack: Stack) -> None:
    made = run_json(shared_stack, "organizations", "create", "Locks", "--key-name", "first")
    listed = run_json(shared_stack, "organizations", "list")["organizations"]
    assert {"id": made["id"], "name": "Locks"}.items() <= listed[0].items()
    assert made["api_key"]["name"] == "first"


def test_a_finished_task_cannot_be_cancelled(shared_stack: Stack, herons: dict[str, Any]) -> None:
    done = run(shared_stack, "tasks", "cancel", herons["upload"]["task_id"], code=1)
    assert "already finished" in done.stderr
    assert "Traceback" not in done.stderr
    unknown = "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e"
    assert "does not exist" in run(shared_stack, "tasks", "show", unknown, code=1).stderr


def test_a_dead_letter_is_found_told_replayed_and_discarded(shared_stack: Stack, herons: dict[str, Any]) -> None:
    [failed] = run_json(shared_stack, "upload", str(herons["blank"]), "--agent", "herons", "--wait", code=1)
    task_id = failed["task_id"]
    listed = run_json(shared_stack, "dead-letters", "list", "--code", "no_extractable_text")
    assert task_id in {letter["task_id"] for letter in listed["dead_letters"]}
    shown = run(shared_stack, "dead-letters", "show", task_id).stdout
    assert "no_extractable_text" in shown
    assert "NoExtractableTextError" in shown
    counted = run_json(shared_stack, "dead-letters", "replay", "--code", "no_extractable_text", "--dry-run")
    assert counted == {"dry_run": True, "matched": listed["total"], "replayed": 0}
    run(shared_stack, "dead-letters", "replay", code=2)
    assert "1 replayed" in run(shared_stack, "dead-letters", "replay", task_id).stderr
    shared_stack.finish([task_id])
    run(shared_stack, "dead-letters", "discard", task_id)
    assert "does not exist" in run(shared_stack, "dead-letters", "show", task_id, code=1).stderr


def test_a_queue_is_paused_and_resumed(shared_stack: Stack) -> None:
    run(shared_stack, "queues", "pause", "low_priority")
    [low] = [queue for queue in run_json(shared_stack, "queues")["queues"] if queue["name"] == "low_priority"]
    assert low["paused"]
    run(shared_stack, "queues", "resume", "low_priority")
    assert "does not exist" in run(shared_stack, "queues", "pause", "no_such_queue", code=1).stderr


def test_the_doctor_finds_a_running_sluice_well_and_the_schema_is_the_codes(shared_stack: Stack) -> None:
    checks = run_json(shared_stack, "doctor")
    assert {"python", "database", "broker", "storage", "embeddings", "workers"} <= {check["name"] for check in checks}
    assert all(check["ok"] for check in checks)
    [files] = [check["detail"] for check in checks if check["name"] == "files"]
    assert files.endswith(", 0 without a row")
    assert "up to date" in run(shared_stack, "migrate").stderr


def test_the_check_of_the_migrations_uses_no_database_of_the_settings(settings: Settings, tmp_path: Path) -> None:
    unused = Stack(settings)
    del unused.environment["DATABASE_URL"], unused.environment["REDIS_URL"]
    unused.environment["DATA_DIR"] = str(tmp_path / "var")
    assert "agree" in run(unused, "migrate", "--check").stderr
    assert not (tmp_path / "var").exists()
    unused.environment["DATABASE_URL"] = "postgresql://sluice@127.0.0.1:1/sluice"
    assert "agree" in run(unused, "migrate", "--check").stderr


def test_the_doctor_says_how_to_fix_what_is_wrong(shared_stack: Stack) -> None:
    ill = Stack(shared_stack.settings)
    ill.environment["CELERY_BROKER_URL"] = "redis://127.0.0.1:1/0"
    checks = {check["name"]: check for check in run_json(ill, "doctor", code=1)}
    assert (checks["broker"]["ok"], checks["database"]["ok"]) == (False, True)
    assert checks["broker"]["remedy"]
    ill.client.close()


def test_bad_usage_is_exit_code_2(shared_stack: Stack) -> None:
    usages = [
        "no-such-command",
        "upload main.py",
        "search boat --agent herons --mode magic",
        "tasks show no-uuid",
    ]
    with ThreadPoolExecutor(3) as threads:
        for done in threads.map(lambda usage: run(shared_stack, *usage.split(), code=2), usages):
            assert done.stderr
            assert "Traceback" not in done.stderr


def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(shared_stack: Stack) -> None:
    def start(name: str, value: str) -> None:
        bad = Stack(shared_stack.settings)
        bad.environment[name] = value
        bad.client.close()
        stderr = run(bad, "api", code=1).stderr
        assert len(stderr.strip().splitlines()) == 1
        assert name in stderr

    with ThreadPoolExecutor(3) as threads:
        names = ("PORT", "DATABASE_URL", "WORKER_CONCURRENCY_HIGH")
        assert list(threads.map(start, names, ("abc", "mysql://x", "0"))) == [None] * 3


def test_the_demo_shows_everything_and_leaves_nothing(shared_stack: Stack, tmp_path: Path) -> None:
    for name in ("heron", "gate"):
        (tmp_path / f"{name}.txt").write_text(f"The {name} at Coldharbour waits for the evening boat.")
    (tmp_path / "x.bin").write_bytes(bytes(range(256)))
    own = {
        "DATABASE_URL",
        "REDIS_URL",
        "CELERY_BROKER_URL",
        "DATA_DIR",
        "PORT",
        "BOOTSTRAP_API_KEY",
    }  # the demo sets these itself
    environment = {name: value for name, value in shared_stack.environment.items() if name not in own}
    done = subprocess.run(
        [ROOT / "sluice", "demo", "--files=heron.txt x.bin gate.txt", "--ask", "Who waits for the boat?"],
        cwd=tmp_path,
        env=environment | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=deadline(120),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    for name in ("heron.txt", "gate.txt", "question"):
        assert any(line.startswith(name) and "100%" in line for line in lines), done.stderr
    assert "x.bin was refused and is left out: " in done.stderr
    assert "[1] heron.txt" in done.stdout
    assert not list(tmp_path.glob("sluice-demo-*"))
