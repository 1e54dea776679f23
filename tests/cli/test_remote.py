"""The commands over HTTP: what they print is what the API answers, and bad usage is refused."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.cli.output import print_fields, say
from tests.cli.commands import read_json, run_in
from tests.running import Stack


@pytest.fixture(scope="module")
def weirs(shared_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An agent with a document, made by commands in the folder of its file."""
    folder = tmp_path_factory.mktemp("a folder")
    (folder / "the weir.txt").write_text("The weir at Coldharbour was built in 1884.")
    agent = read_json(folder, shared_stack.environment, "agents", "create", "Weirs", "--set", "chunk_size=400")
    upload = ("upload", "the weir.txt", "--agent", "weirs", "--metadata", '{"river": "Reach"}', "--wait")
    [document] = read_json(folder, shared_stack.environment, *upload)
    return {"folder": folder, "agent": agent, "document": document}


def test_json_of_a_command_is_the_answer_of_the_api(shared_stack: Stack, weirs: dict[str, Any]) -> None:
    agent, document, task = weirs["agent"]["id"], weirs["document"]["document_id"], weirs["document"]["task_id"]
    cases = {
        "agents list": "/agents",
        f"agents show {agent}": f"/agents/{agent}",
        "agents show weirs": f"/agents/{agent}",
        "documents list --agent weirs": f"/documents?agent_id={agent}",
        f"documents show {document}": f"/documents/{document}",
        f"documents chunks {document}": f"/documents/{document}/chunks",
        "tasks list --agent weirs --status SUCCESS": f"/tasks/?agent_id={agent}&status=SUCCESS",
        f"tasks show {task}": f"/tasks/{task}",
        "dead-letters list": "/dead-letters",
        "keys list": "/api-keys",
    }

    def check(command: str) -> None:
        shown = read_json(weirs["folder"], shared_stack.environment, *command.split())
        assert shown == shared_stack.get(cases[command]), command

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(check, cases))
    assert weirs["agent"]["settings"]["chunk_size"] == 400
    assert shared_stack.get(f"/documents/{document}")["metadata"]["river"] == "Reach"


def test_documents_are_read_reindexed_retried_and_deleted(shared_stack: Stack, weirs: dict[str, Any]) -> None:
    folder, environment = weirs["folder"], shared_stack.environment
    (folder / "sluice.txt").write_text("The sluice opens at dawn.")
    (folder / "lock.txt").write_text("The lock opens at noon.")
    batch = read_json(folder, environment, "batch", "sluice.txt", "lock.txt", "--agent", "weirs", "--wait")
    assert (batch["state"], batch["counts"]["succeeded"]) == ("SUCCESS", 2)
    listed = read_json(folder, environment, "documents", "list", "--agent", "weirs", "--status", "completed")
    [document] = [one["id"] for one in listed["documents"] if one["filename"] == "sluice.txt"]
    assert run_in(folder, environment, "documents", "text", str(document)).stdout == "The sluice opens at dawn."
    run_in(folder, environment, "documents", "download", str(document), "-o", "copy.txt")
    assert (folder / "copy.txt").read_text() == "The sluice opens at dawn."
    task = read_json(folder, environment, "documents", "reindex", str(document), "--wait")
    assert task["state"] == "SUCCESS"
    assert read_json(folder, environment, "tasks", "retry", task["task_id"], "--wait")["state"] == "SUCCESS"
    assert "SUCCESS" in run_in(folder, environment, "documents", "delete", str(document), "--wait").stdout
    assert "not_found" in run_in(folder, environment, "documents", "show", str(document), code=1).stderr


def test_an_agent_is_updated_and_deleted(shared_stack: Stack, weirs: dict[str, Any]) -> None:
    folder, environment = weirs["folder"], shared_stack.environment
    read_json(folder, environment, "agents", "create", "Short-lived")
    updated = read_json(folder, environment, "agents", "update", "short-lived", "--slug", "brief", "--set", "weight=2")
    assert (updated["slug"], updated["settings"]["weight"]) == ("brief", 2)
    assert read_json(folder, environment, "agents", "delete", "brief", "--wait")["state"] == "SUCCESS"
    gone = run_in(folder, environment, "agents", "show", "brief", code=1).stderr
    assert gone == (
        "Not found. Agent 'brief' does not exist. "
        "`./sluice agents list` shows all, `./sluice agents create NAME` creates one.\n"
    )


def test_web_pages_are_added_by_commands(shared_stack: Stack, weirs: dict[str, Any]) -> None:
    folder, environment = weirs["folder"], shared_stack.environment
    refused = run_in(folder, environment, "webpage", "http://127.0.0.1/", "--agent", "weirs", code=1).stderr
    assert "url_not_allowed" in refused
    task = read_json(folder, environment, "crawl", "https://weir.invalid/", "--max-pages", "1", "--agent", "weirs")
    assert task["counts"]
    run_in(folder, environment, "tasks", "cancel", task["task_id"])


def test_a_page_of_a_list_names_the_next_one(shared_stack: Stack, weirs: dict[str, Any]) -> None:
    folder, environment = weirs["folder"], shared_stack.environment
    first = run_in(folder, environment, "tasks", "list", "--limit", "1")
    after = first.stderr.split("--after ")[1].strip()
    [second] = read_json(folder, environment, "tasks", "list", "--limit", "1", "--after", after)["tasks"]
    assert second["task_id"] not in first.stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("tasks list --status BOGUS", "REVOKED"),
        ("tasks list --queue bogus", "low_priority"),
        ("tasks list --limit 0", "equal to 1"),
        ("documents list --status bogus", "completed"),
        ("documents show nine", "document_id"),
        ("dead-letters list --queue bogus", "low_priority"),
        ("keys create robot --scope bogus", "admin"),
        ("worker bogus", "default"),
        ("search boat --mode magic --agent weirs", "hybrid"),
        ("agents update weirs", "--set"),
        ("agents create a --set chunk_size", "chunk_size=500"),
        ("crawl https://a.example/ --agent weirs --max-depth 99", "50"),
        ("webpage https://a.example/ --agent weirs --metadata x", "JSON object"),
        ("agents create a --slug A/B", "slug"),
        ("--url ftp://host tasks list", "http://"),
    ],
)
def test_a_bad_value_is_bad_usage_and_the_allowed_values_are_named(
    command: str, said: str, shared_stack: Stack, weirs: dict[str, Any]
) -> None:
    stderr = run_in(weirs["folder"], shared_stack.environment, *command.split(), code=2).stderr
    assert said in " ".join(stderr.split())
    assert "Value error" not in stderr


@pytest.mark.parametrize(
    "command",
    [("agents", "create", " "), ("search", "", "-a", "weirs"), ("ask", " ", "-a", "weirs"), ("keys", "create", "")],
)
def test_empty_names_and_queries_are_bad_usage(
    command: tuple[str, ...], shared_stack: Stack, weirs: dict[str, Any]
) -> None:
    assert "must not be empty" in run_in(weirs["folder"], shared_stack.environment, *command, code=2).stderr


def test_names_of_documents_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"filename": "a\x1b[2J.pdf", "counts": {"b": 1}})
    say("a\x1b]0;title\x07.pdf")
    captured = capsys.readouterr()
    assert captured.out == 'filename  a[2J.pdf\ncounts    {"b": 1}\n'
    assert captured.err == "a]0;title.pdf\n"


def test_a_file_that_does_not_exist_is_bad_usage(shared_stack: Stack, tmp_path: Path) -> None:
    run_in(tmp_path, shared_stack.environment, "upload", "nothing.txt", "--agent", "1", code=2)
