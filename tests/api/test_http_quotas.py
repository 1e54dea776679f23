"""Limits over HTTP: set, shown, and the answers of requests that exceed them."""

from collections.abc import Iterator

import pytest

from tests.flows.zips import make_zip
from tests.running import Stack


@pytest.fixture
def limited(shared_stack: Stack) -> Iterator[int]:
    """An agent that may have two documents a month."""
    agent = shared_stack.make_agent()
    answer = shared_stack.client.put(f"/agents/{agent}/limits", json={"documents_per_month": 2})
    assert answer.status_code == 200, answer.text
    yield agent
    shared_stack.client.put(f"/agents/{agent}/limits", json={})


def _upload(stack: Stack, agent: int, *names: str) -> dict[str, object]:
    files = [("files", (name, f"A heron named {name}.".encode())) for name in names]
    answer = stack.client.post(f"/documents/agent/{agent}/batch", files=files)
    return {**answer.json(), "status": answer.status_code}


def test_a_quota_refuses_further_documents_and_says_until_when(shared_stack: Stack, limited: int) -> None:
    first = shared_stack.upload(limited, "a.txt", b"A heron.")
    answer = _upload(shared_stack, limited, "b.txt", "c.txt")
    assert (answer["status"], answer["code"], answer["retryable"]) == (402, "quota_exceeded", False)
    quota = answer["quota"]
    assert isinstance(quota, dict)
    assert (quota["name"], quota["agent_id"], quota["limit"], quota["used"]) == ("documents_per_month", limited, 2, 1)
    shared_stack.finish([str(first["task_id"])])
    assert _upload(shared_stack, limited, "b.txt")["status"] == 202
    refused = shared_stack.client.post(f"/documents/agent/{limited}/upload", files={"file": ("d.txt", b"An egret.")})
    assert refused.status_code == 402
    page = shared_stack.client.post(f"/documents/agent/{limited}/webpage", json={"url": "https://example.com/"})
    assert page.json()["code"] == "quota_exceeded"


def test_reads_and_deletions_are_never_refused(shared_stack: Stack, limited: int) -> None:
    accepted = shared_stack.upload(limited, "a.txt", b"A heron.")
    shared_stack.finish([accepted["task_id"]])
    assert shared_stack.client.put(f"/agents/{limited}/limits", json={"documents_per_month": 0}).status_code == 200
    assert shared_stack.post(f"/agents/{limited}/search", {"query": "heron"})["results"]
    assert shared_stack.client.delete(f"/documents/{accepted['document_id']}").status_code == 202


def test_an_archive_that_exceeds_a_quota_adds_nothing(shared_stack: Stack, limited: int) -> None:
    content = make_zip({f"{name}.txt": f"A heron named {name}.".encode() for name in "abcdef"})
    accepted = shared_stack.upload(limited, "birds.zip", content)
    [task] = shared_stack.finish([accepted["task_id"]])
    assert (task["state"], task["error"]["code"]) == ("FAILURE", "quota_exceeded")
    assert shared_stack.get("/documents", agent_id=limited)["total"] == 1


def test_limits_are_listed_with_what_is_used(shared_stack: Stack, limited: int) -> None:
    shared_stack.upload(limited, "a.txt", b"A heron.")
    found = {(one["name"], one["agent_id"]): one for one in shared_stack.get("/limits", agent_id=limited)["limits"]}
    assert len(found) == 10
    documents = found["documents_per_month", limited]
    assert (documents["limit"], documents["used"], documents["share"]) == ("2", "1", 0.5)
    assert documents["resets_at"].endswith("-01T00:00:00Z")
    assert found["requests_per_minute", limited]["used"] is None
    assert found["stored_bytes", None]["resets_at"] is None


def test_requests_a_minute_are_limited_and_every_response_says_what_is_left(shared_stack: Stack) -> None:
    agent = shared_stack.make_agent()
    shared_stack.client.put(f"/agents/{agent}/limits", json={"requests_per_minute": 3})
    path = f"/agents/{agent}"
    answers = [shared_stack.client.get(path) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"agent";q=3;w=60'}
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0", "r=0"]
    problem, wait = answers[-1].json(), int(answers[-1].headers["Retry-After"])
    assert (problem["code"], problem["retryable"]) == ("rate_limited", True)
    assert 0 < wait <= 60
    assert answers[-1].headers["RateLimit"] == f'"agent";r=0;t={wait}'
    other = shared_stack.client.get("/agents")
    assert other.status_code == 200
    assert "RateLimit" not in other.headers


def test_a_limit_that_is_not_possible_is_refused(shared_stack: Stack, limited: int) -> None:
    for body in ({"documents_per_month": -1}, {"requests_per_minute": 0}, {"documents": 1}, {"amount_per_month": "x"}):
        assert shared_stack.client.put(f"/agents/{limited}/limits", json=body).status_code == 422
    assert shared_stack.client.put("/agents/999999999/limits", json={}).status_code == 404
    assert shared_stack.client.put("/organizations/999999999/limits", json={}).status_code == 404
