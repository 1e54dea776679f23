"""A stack whose vectors and answers come from a provider with limits, failures and a price."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app.settings import Settings
from tests.adapters.openai_server import KEY as OPENAI_KEY
from tests.adapters.openai_server import OpenAIServer, run_openai
from tests.api.checks import check_problem
from tests.deadlines import deadline, wait_for
from tests.running import ROOT, Stack

PARAGRAPH = "Paragraph {} tells of lock {} and of the barge that waited there for the water to rise."


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with run_openai() as running:
        yield running


@pytest.fixture
def stack(settings: Settings, server: OpenAIServer) -> Iterator[Stack]:
    """Not started."""
    with Stack(settings) as made:
        made.environment |= {
            "EMBEDDING_PROVIDER": "openai",
            "OPENAI_API_KEY": OPENAI_KEY,
            "OPENAI_BASE_URL": server.url,
            "OPENAI_EMBEDDING_MODEL": "text-embedding-3-small",
            "LARGE_DOCUMENT_CHUNKS": "200",
            "EMBEDDING_BATCH_CHUNKS": "100",
            "TASK_RETRY_BACKOFF": "0.2",
        }
        yield made


def start(stack: Stack) -> int:
    """Start API and workers; returns an agent whose documents have a chunk a paragraph."""
    stack.start_api()
    stack.start_workers()
    return stack.make_agent(chunk_size=100, chunk_overlap=0)


def write(first: int, last: int) -> bytes:
    """A text of one chunk a paragraph, all different."""
    return "\n\n".join(PARAGRAPH.format(number, 3 * number) for number in range(first, last)).encode()


def run_command(stack: Stack, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        env=stack.environment | environment,
        capture_output=True,
        timeout=deadline(120),
        check=False,
    )


def get_readiness(stack: Stack) -> dict[str, Any]:
    answer = stack.client.get(f"http://127.0.0.1:{stack.port}/readyz")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.slow
def test_each_text_is_paid_for_once_though_requests_fail_and_workers_are_killed(
    stack: Stack, server: OpenAIServer
) -> None:
    server.adjust(share_of_429=0.1, share_of_500=0.05, retry_after=0.2, seed=5)
    agent = start(stack)
    uploads = [stack.upload(agent, f"{n}.txt", write(1000 * n, 1000 * n + 450)) for n in range(3)]
    copies = stack.upload(stack.make_agent(chunk_size=100, chunk_overlap=0), "copy.txt", write(0, 450))
    wait_for(lambda: len(server.requests) >= 5, "some requests")
    stack.kill_workers()
    stack.start_workers()
    tasks = stack.finish([upload["task_id"] for upload in [*uploads, copies]], 120)
    assert [(task["state"], task["chunk_count"]) for task in tasks] == [("SUCCESS", 450)] * 4
    question = {"query": PARAGRAPH.format(1007, 3021), "mode": "vector"}
    assert stack.post(f"/agents/{agent}/search", question)["results"][0]["text"] == question["query"]
    assert sum(server.paid.values()) >= 1350
    # A request in progress when the workers were killed may be paid for without an answer: one request a slot.
    in_flight = stack.settings.worker_concurrency_medium * 100
    assert len(server.paid_twice) <= in_flight
    assert max(server.paid_twice.values(), default=1) <= 2


@pytest.mark.slow
def test_work_waits_while_the_provider_is_down_and_goes_on_by_itself(stack: Stack, server: OpenAIServer) -> None:
    agent = start(stack)
    server.adjust(down=True)
    uploads = [stack.upload(agent, f"{n}.txt", write(10 * n, 10 * n + 5)) for n in range(8)]
    wait_for(lambda: get_readiness(stack)["status"] == "degraded", "the outage to be noticed")
    assert get_readiness(stack)["down"] == ["openai-embeddings"]
    [provider] = stack.get("/queues")["providers"]
    assert (provider["name"], provider["state"]) == ("openai-embeddings", "open")
    waiting = wait_for(
        lambda: [
            task
            for task in stack.get("/tasks/", agent_id=agent)["tasks"]
            if task["state"] == "PENDING" and task["status"].startswith("Waiting for provider openai-embeddings")
        ],
        "a task to say what it waits for",
    )
    assert all(task["error"] is None for task in waiting)
    query = stack.client.post(f"/agents/{agent}/search", json={"query": "lock"})
    problem = check_problem(query, 503, "provider_paused")
    assert problem["retryable"] is True
    assert stack.post(f"/agents/{agent}/search", {"query": "lock", "mode": "text"})["results"] == []

    server.adjust(down=False)
    tasks = stack.finish([upload["task_id"] for upload in uploads], 90)
    assert {task["state"] for task in tasks} == {"SUCCESS"}
    assert get_readiness(stack) | {"workers": 0} == get_readiness(stack) | {"workers": 0, "status": "ready", "down": []}
    assert stack.get("/queues")["providers"] == []
    assert stack.get("/dead-letters")["total"] == 0


def test_a_key_that_is_refused_keeps_work_waiting_and_says_so(stack: Stack, server: OpenAIServer) -> None:
    agent = start(stack)
    server.adjust(keys=("another",))
    upload = stack.upload(agent, "a.txt", write(0, 5))
    wait_for(lambda: get_readiness(stack)["down"], "the refusal to be told of")
    text = str(get_readiness(stack))
    assert "openai-embeddings" in text
    assert OPENAI_KEY not in text
    task = stack.get(f"/tasks/{upload['task_id']}")
    assert task["state"] in {"PENDING", "STARTED", "PROGRESS"}, "not failed"
    assert stack.get("/dead-letters")["total"] == 0


@pytest.mark.slow
def test_another_model_is_refused_until_its_index_was_built_beside_the_old_one(
    stack: Stack, server: OpenAIServer
) -> None:
    local = {"EMBEDDING_PROVIDER": "local"}
    openai = {"EMBEDDING_PROVIDER": "openai"}
    stack.environment |= local
    agent = start(stack)
    uploads = [stack.upload(agent, f"{n}.txt", write(1000 * n, 1000 * n + 250)) for n in range(3)]
    stack.finish([upload["task_id"] for upload in uploads])
    for command in (["api"], ["worker", "high"]):
        refused = run_command(stack, *command, **openai, PORT="0")
        assert refused.returncode != 0
        assert (
            b"The documents are indexed with local wordllama (256 dimensions) in pgvector; the settings ask for openai"
            in (refused.stderr)
        ), refused.stderr.decode()
        assert b"./sluice reembed" in refused.stderr

    built = run_command(stack, "reembed", "--wait", **openai)
    assert built.returncode == 0, built.stderr.decode()
    assert sum(server.paid.values()) == 750 + 1, "each chunk once, and a text to try the model out"
    question = {"query": PARAGRAPH.format(1007, 3021), "mode": "vector"}
    assert stack.post(f"/agents/{agent}/search", question)["results"][0]["text"] == question["query"]
    assert server.paid[question["query"]] == 1, "the question is a text that was paid for"
    later = stack.upload(agent, "later.txt", write(5000, 5005))
    stack.finish([later["task_id"]])
    assert server.paid[PARAGRAPH.format(5001, 15003)] == 1, "running workers use the new model"

    assert run_command(stack, "reembed", "--status").returncode == 0
    stack.stop(stack.api)
    refused = run_command(stack, "api", **local, PORT="0")
    assert refused.returncode != 0
    assert b"the settings ask for local wordllama" in refused.stderr
    stack.environment |= openai
    stack.start_api()
    assert stack.post(f"/agents/{agent}/search", question)["results"][0]["text"] == question["query"]


def test_a_model_that_writes_answers_cites_the_passages_it_rests_on(stack: Stack, server: OpenAIServer) -> None:
    stack.environment |= {"EMBEDDING_PROVIDER": "local", "OPENAI_CHAT_MODEL": "gpt-4o-mini"}
    agent = start(stack)
    note = stack.upload(
        agent, "gate.txt", b"The Alder Gate takes barges of up to 2.4 metres of draught. It shuts at dusk."
    )
    stack.finish([note["task_id"]])
    asked = stack.post(f"/agents/{agent}/ask", {"question": "What is the maximum draught at the Alder Gate?"})
    [task] = stack.finish([asked["task_id"]])
    assert task["state"] == "SUCCESS", task
    result = task["result"]
    assert (result["mode"], result["model"]) == ("llm", "gpt-4o-mini")
    assert result["usage"]["input_tokens"] > 0
    [reference] = result["references"]
    assert reference["document_id"] == note["document_id"]
    assert "2.4 metres" in reference["quote"]
    [request] = [asked for asked in server.requests if asked.path.endswith("/chat/completions")]
    assert request.status == 200
