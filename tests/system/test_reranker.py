"""A stack with a reranker: searches, answers and ``doctor`` use it, and none fails with it."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app.settings import Settings
from tests.adapters.json_listener import Answer, JsonListener, Request
from tests.deadlines import deadline
from tests.running import ROOT, Stack

KEY = "a-key-of-the-reranker"
TEXTS = {"a.txt": b"The heron heron heron of the heron.", "b.txt": b"The heron waits at the Alder Gate until nine."}


class Judge:
    """A server that prefers texts with the word gate."""

    def __init__(self) -> None:
        self.fails = False
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Answer:
        """Answer as Cohere does."""
        self.requests.append(request)
        if self.fails or request.headers.get("authorization") != f"Bearer {KEY}":
            return Answer(500 if self.fails else 401, {"message": KEY})
        documents = request.read()["documents"]
        results = [
            {"index": index, "relevance_score": 0.8 if "Gate" in words else 0.2}
            for index, words in enumerate(documents)
        ]
        return Answer(200, {"results": results})


@pytest.fixture
def judge() -> Judge:
    return Judge()


@pytest.fixture
def stack(settings: Settings, judge: Judge) -> Iterator[Stack]:
    listener = JsonListener(judge)
    try:
        with Stack(settings) as made:
            made.environment |= {
                "RERANK_URL": listener.url,
                "RERANK_API_KEY": KEY,
                "RERANK_MODEL": "judge",
                "RERANK_TIME_LIMIT": "5",
            }
            yield made
    finally:
        listener.stop()


def run_command(stack: Stack, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        env=stack.environment | environment,
        capture_output=True,
        text=True,
        timeout=deadline(120),
        check=False,
    )


def evaluate(stack: Stack, agent: int) -> dict[str, Any]:
    """The report of an evaluation with one question."""
    questions = [{"question": "Where does the heron wait?", "documents": ["b.txt"]}]
    made = stack.post(f"/agents/{agent}/question-sets", {"name": "Gates", "questions": questions})
    accepted = stack.post(f"/agents/{agent}/evaluations", {"question_set": made["id"]})
    stack.finish([accepted["task_id"]])
    report: dict[str, Any] = stack.get(f"/agents/{agent}/evaluations/{accepted['evaluation_id']}")
    return report


def test_a_reranker_orders_searches_and_answers_and_its_failure_stops_neither(stack: Stack, judge: Judge) -> None:
    stack.start_api()
    stack.start_workers()
    agent = stack.make_agent()
    uploads = [stack.upload(agent, name, content) for name, content in TEXTS.items()]
    stack.finish([upload["task_id"] for upload in uploads])

    body = {"query": "heron", "explain": True}
    found = stack.post(f"/agents/{agent}/search", body)
    assert [hit["filename"] for hit in found["results"]] == ["b.txt", "a.txt"]
    assert [hit["score"] for hit in found["results"]] == [0.8, 0.2]
    assert [hit["explanation"]["rerank_score"] for hit in found["results"]] == [0.8, 0.2]
    assert found["warnings"] == []
    assert judge.requests[0].path == "/rerank"

    asked = len(judge.requests)
    task = stack.post(f"/agents/{agent}/ask", {"question": "Where does the heron wait until nine?"})
    [done] = stack.finish([task["task_id"]])
    assert "Alder Gate" in done["result"]["answer"]
    assert len(judge.requests) == asked + 1

    assert evaluate(stack, agent)["reranker"] == {"provider": "rerank", "model": "judge", "candidates": 50}

    healthy = run_command(stack, "doctor")
    assert "ok    reranker" in healthy.stdout
    assert "judge" in healthy.stdout
    wrong = run_command(stack, "doctor", RERANK_API_KEY="another-key-of-the-reranker")
    assert "FAIL  reranker" in wrong.stdout
    assert "docs/reranking.md" in wrong.stdout

    judge.fails = True
    found = stack.post(f"/agents/{agent}/search", body)
    assert [warning["code"] for warning in found["warnings"]] == ["reranking_failed"]
    assert len(found["results"]) == 2
    assert {hit["explanation"]["rerank_score"] for hit in found["results"]} == {None}
    shown = run_command(stack, "search", "heron", "--agent", str(agent), "--explain")
    assert shown.returncode == 0
    assert "The reranker is unavailable." in shown.stderr + shown.stdout
    assert KEY not in shown.stderr + shown.stdout
