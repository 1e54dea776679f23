"""Limits over HTTP: set, shown, and the answers of requests that exceed them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.deadlines import wait_for
from tests.flows.mails import make_mail
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


def test_a_request_counts_for_its_agent_however_the_number_is_written(shared_stack: Stack) -> None:
    agent = shared_stack.make_agent()
    shared_stack.client.put(f"/agents/{agent}/limits", json={"requests_per_minute": 100})
    for number, written in enumerate((f"{agent}", f"+{agent}", f"0{agent}", f"{agent}.0"), 1):
        answer = shared_stack.client.get(f"/agents/{written}")
        assert (answer.status_code, f'"agent";r={100 - number};' in answer.headers["RateLimit"]) == (200, True)
    shared_stack.client.put(f"/agents/{agent}/limits", json={})


def test_a_limit_that_is_not_possible_is_refused(shared_stack: Stack, limited: int) -> None:
    for body in ({"documents_per_month": -1}, {"requests_per_minute": 0}, {"documents": 1}, {"amount_per_month": "x"}):
        assert shared_stack.client.put(f"/agents/{limited}/limits", json=body).status_code == 422
    assert shared_stack.client.put("/agents/999999999/limits", json={}).status_code == 404
    assert shared_stack.client.put("/organizations/999999999/limits", json={}).status_code == 404


def test_work_is_not_done_again_when_the_tokens_of_the_month_are_used_up(shared_stack: Stack, limited: int) -> None:
    accepted = shared_stack.upload(limited, "a.txt", b"A heron.")
    shared_stack.finish([accepted["task_id"]])
    client = shared_stack.client
    assert client.put(f"/agents/{limited}/limits", json={"tokens_per_month": 0}).status_code == 200
    for path in (f"/documents/{accepted['document_id']}/reindex", f"/tasks/{accepted['task_id']}/retry"):
        refused = client.post(path)
        assert (refused.status_code, refused.json()["code"]) == (402, "quota_exceeded")
    deleted = client.delete(f"/documents/{accepted['document_id']}").json()
    shared_stack.finish([deleted["task_id"]])
    assert client.post(f"/tasks/{deleted['task_id']}/retry").json().get("code") != "quota_exceeded"


def test_a_document_that_failed_is_a_new_one_when_it_is_tried_again(shared_stack: Stack, limited: int) -> None:
    failed = shared_stack.upload(limited, "broken.pdf", b"%PDF-1.7 nothing more")
    [task] = shared_stack.finish([failed["task_id"]])
    assert task["state"] == "FAILURE"
    shared_stack.finish(
        [str(shared_stack.upload(limited, name, name.encode())["task_id"]) for name in ("a.txt", "b.txt")]
    )
    for path in (f"/tasks/{failed['task_id']}/retry", f"/dead-letters/{failed['task_id']}/replay"):
        refused = shared_stack.client.post(path)
        assert (refused.status_code, refused.json()["code"]) == (402, "quota_exceeded")


def test_the_web_pages_of_a_list_of_agents_count_towards_the_limit(shared_stack: Stack) -> None:
    made, client = shared_stack.post("/organizations", {"name": "Limited"}), shared_stack.client
    [organization_id] = shared_stack.fetch("SELECT max(id) FROM organizations")[0]
    answer = client.put(f"/organizations/{organization_id}/limits", json={"documents_per_month": 3})
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {made['api_key']['secret']}"}
    urls = [f"https://page-{number}.example/" for number in range(4)]
    sent = client.post("/agents/bulk", json=[{"name": "A", "slug": "a", "documents": urls}], headers=headers).json()

    def read_end() -> dict[str, Any] | None:
        task: dict[str, Any] = client.get(f"/tasks/{sent['task_id']}", headers=headers).json()
        return task if task["state"] in {"SUCCESS", "FAILURE"} else None

    assert (wait_for(read_end, "the end of the list") or {})["result"]["not_attempted"] == 1
    assert client.get("/agents", headers=headers).json()["total"] == 0
    assert client.get("/documents", headers=headers).json()["total"] == 0
    client.put(f"/organizations/{organization_id}/limits", json={"tokens_per_month": 0})
    refused = client.post("/agents/bulk", json=[{"name": "B"}], headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (402, "quota_exceeded")


def test_the_attachments_of_a_mail_that_exceed_a_quota_are_failures_of_its_result(
    shared_stack: Stack, limited: int
) -> None:
    mail = make_mail("A heron.", {f"{name}.txt": f"An egret {name}.".encode() for name in "abc"})
    [task] = shared_stack.finish([shared_stack.upload(limited, "birds.eml", mail)["task_id"]])
    assert task["state"] == "SUCCESS"
    assert {failure["code"] for failure in task["result"]["failures"]} == {"quota_exceeded"}
    assert shared_stack.get("/documents", agent_id=limited)["total"] == 1
    shared_stack.client.put(f"/agents/{limited}/limits", json={})
    again = shared_stack.post(f"/documents/{task['result']['document_id']}/reindex")
    shared_stack.finish([again["task_id"]])
    assert shared_stack.get("/documents", agent_id=limited)["total"] == 4
