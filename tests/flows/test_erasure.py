"""After a document or an agent is deleted, nothing of its text, name, address or metadata is left anywhere."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from app.adapters.redis.url import redis_client_url
from tests.deadlines import wait_for
from tests.flows.site import html, serve
from tests.flows.zips import make_zip
from tests.running import Stack

CANARY = "quokkazebra"
_TABLES = """
    SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = CAST('public' AS regnamespace)
    ORDER BY relname
"""


def find_canary(stack: Stack) -> list[str]:
    """The tables, files and results of Celery that contain the canary."""
    found = []
    for table in stack.fetch(_TABLES):
        # Bytes appear as hexadecimal digits.
        condition = "lower(r::text) LIKE '%' || $1 || '%' OR lower(r::text) LIKE '%' || $2 || '%'"
        query = f'SELECT r::text AS row FROM "{table["name"]}" AS r WHERE {condition}'
        rows = stack.fetch(query, CANARY, CANARY.encode().hex())
        found += [f"{table['name']}: {row['row'][:500]}" for row in rows]
    assert stack.settings.redis_url
    with Redis.from_url(redis_client_url(stack.settings.redis_url)) as redis:
        keys = list(redis.scan_iter(match="*celery-task-meta-*"))
        found += [str(key) for key in keys if CANARY in str(redis.get(key))]
    folder = stack.settings.data_dir
    for path in folder.rglob("*"):
        if CANARY in path.name or (path.is_file() and CANARY.encode() in path.read_bytes()):
            found.append(str(path))
    return found


def make_book(sentences: int) -> bytes:
    """A text that becomes a large document, with the canary in every sentence."""
    return "".join(f"The {CANARY} {n} of lock {n} keeps count of the boats.\n\n" for n in range(sentences)).encode()


def upload(stack: Stack, agent: int, content: bytes, **fields: str) -> dict[str, Any]:
    """Upload a document whose name and metadata contain the canary, under an idempotency key."""
    data = {"metadata": json.dumps({"owner": CANARY}), **fields}
    response = stack.client.post(
        f"/documents/agent/{agent}/upload",
        files={"file": (f"{CANARY}.txt", content)},
        data=data,
        headers={"Idempotency-Key": f"upload-{agent}-{len(content)}"},
    )
    assert response.status_code == 202, response.text
    body: dict[str, Any] = response.json()
    return body


def delete(stack: Stack, path: str) -> None:
    """Delete a document or an agent, and wait until its task has removed it."""
    [task] = stack.finish([stack.delete(path)["task_id"]])
    assert task["state"] == "SUCCESS", task


@pytest.fixture
def paused(shared_stack: Stack) -> Iterator[Stack]:
    """A stack whose queues of documents and of batches are paused at first."""
    for queue in ("high_priority", "medium_priority"):
        shared_stack.post(f"/queues/{queue}/pause")
    yield shared_stack
    resume(shared_stack)


def resume(stack: Stack, *queues: str) -> None:
    """Resume queues."""
    for queue in queues or ("high_priority", "medium_priority"):
        stack.post(f"/queues/{queue}/resume")


def test_nothing_is_left_of_a_document_that_was_searched_and_quoted(shared_stack: Stack, agent: int) -> None:
    accepted = upload(shared_stack, agent, f"The {CANARY} opens the gate at dawn.".encode())
    shared_stack.finish([accepted["task_id"]])
    key = {"Idempotency-Key": f"search-{agent}"}
    search = f"/agents/{agent}/search"
    found = shared_stack.client.post(search, json={"query": "gate"}, headers=key).json()["results"]
    assert CANARY in found[0]["text"]
    asked = shared_stack.post(f"/agents/{agent}/ask", {"question": "What opens the gate?"})
    [answer] = shared_stack.finish([asked["task_id"]])
    assert CANARY in answer["result"]["answer"]
    delete(shared_stack, f"/documents/{accepted['document_id']}")
    assert find_canary(shared_stack) == []
    answer = shared_stack.get(f"/tasks/{asked['task_id']}")
    assert answer["result"]["references"] == []
    task = shared_stack.get(f"/tasks/{accepted['task_id']}")
    assert (task["state"], task["metadata"]) == ("SUCCESS", {})
    repeated = shared_stack.client.post(search, json={"query": "gate"}, headers=key)
    assert (repeated.status_code, repeated.json()["code"]) == (404, "not_found")


def test_nothing_is_left_of_a_document_that_was_deleted_while_it_waited(paused: Stack, agent: int) -> None:
    accepted = upload(paused, agent, f"The {CANARY} waits.".encode())
    delete(paused, f"/documents/{accepted['document_id']}")
    assert find_canary(paused) == []


def test_nothing_is_left_of_a_document_that_failed(shared_stack: Stack, agent: int) -> None:
    accepted = upload(shared_stack, agent, f"%PDF-1.7\n{CANARY}".encode())
    [task] = shared_stack.finish([accepted["task_id"]])
    assert task["state"] == "FAILURE"
    delete(shared_stack, f"/documents/{accepted['document_id']}")
    assert find_canary(shared_stack) == []
    assert shared_stack.get("/dead-letters", agent_id=agent)["dead_letters"] == []


def test_nothing_is_left_of_a_document_that_was_deleted_amid_its_batches(paused: Stack, agent: int) -> None:
    resume(paused, "high_priority")
    accepted = upload(paused, agent, make_book(1500))
    wait_for(lambda: paused.get(f"/tasks/{accepted['task_id']}")["counts"], "the document to be in batches")
    delete(paused, f"/documents/{accepted['document_id']}")
    assert find_canary(paused) == []


_PROGRESS = "SELECT FROM tasks WHERE id = $1 AND state = 'PROGRESS'"
_STAGED = "SELECT FROM staged_chunks WHERE task_id = $1"


@pytest.mark.parametrize("moment", [_PROGRESS, _STAGED], ids=["begun", "chunks staged"])
def test_nothing_is_left_of_a_document_that_was_deleted_while_it_was_read(
    shared_stack: Stack, agent: int, moment: str
) -> None:
    accepted = upload(shared_stack, agent, make_book(20_000))
    wait_for(lambda: shared_stack.fetch(moment, accepted["task_id"]), "the moment")
    delete(shared_stack, f"/documents/{accepted['document_id']}")
    assert find_canary(shared_stack) == []


def test_a_cancel_while_chunks_are_staged_leaves_the_file_only_and_a_retry_stages_them_again(
    shared_stack: Stack, agent: int
) -> None:
    accepted = upload(shared_stack, agent, make_book(20_000))
    task_id = accepted["task_id"]
    wait_for(lambda: shared_stack.fetch(_STAGED, task_id), "a chunk to be staged")
    shared_stack.delete(f"/tasks/{task_id}")
    [task] = shared_stack.finish([task_id])
    assert task["state"] == "REVOKED"
    assert shared_stack.fetch(_STAGED, task_id) == []
    shared_stack.post(f"/tasks/{task_id}/retry")
    [again] = shared_stack.finish([task_id], 180)
    assert again["state"] == "SUCCESS"
    delete(shared_stack, f"/documents/{accepted['document_id']}")
    assert find_canary(shared_stack) == []


def test_nothing_is_left_of_any_version_of_a_replaced_document(paused: Stack, agent: int) -> None:
    for number in range(3):
        accepted = upload(paused, agent, f"The {CANARY} {number * 'again '}waits.".encode(), on_duplicate="replace")
    resume(paused)
    paused.finish([accepted["task_id"]])
    delete(paused, f"/documents/{accepted['document_id']}")
    assert find_canary(paused) == []


def test_a_deleted_file_of_an_archive_is_not_named_by_the_archive(shared_stack: Stack, agent: int) -> None:
    archive = make_zip({f"{CANARY}.pdf": b"%PDF-1.7\nbroken", "plain.txt": b"The heron waits."})
    accepted = shared_stack.upload(agent, "archive.zip", archive)
    [parent] = shared_stack.finish([accepted["task_id"]])
    [failure] = parent["result"]["failures"]
    assert CANARY in failure["filename"]
    delete(shared_stack, f"/documents/{failure['document_id']}")
    assert [entry["filename"] for entry in shared_stack.get(f"/tasks/{parent['task_id']}")["result"]["failures"]] == [
        None
    ]
    delete(shared_stack, f"/documents/{accepted['document_id']}")
    assert find_canary(shared_stack) == []


def test_nothing_is_left_of_a_page_whose_address_and_text_name_it(shared_stack: Stack, agent: int) -> None:
    page = html(f"<p>The {CANARY} is on this page, and the page is there to be read.</p>", f"<title>{CANARY}</title>")
    with serve(lambda _: page) as site:
        accepted = shared_stack.post(f"/documents/agent/{agent}/webpage", {"url": f"{site.url}/{CANARY}"})
        [task] = shared_stack.finish([accepted["task_id"]])
    assert task["state"] == "SUCCESS", task
    delete(shared_stack, f"/documents/{accepted['document_id']}")
    assert find_canary(shared_stack) == []


def test_nothing_is_left_of_a_deleted_agent(paused: Stack) -> None:
    agent = int(paused.post("/agents", {"name": CANARY})["id"])
    upload(paused, agent, f"The {CANARY} waits.".encode())
    resume(paused, "high_priority")
    done = upload(paused, agent, f"The {CANARY} opens the gate at dawn.".encode())
    paused.finish([done["task_id"]])
    asked = paused.post(f"/agents/{agent}/ask", {"question": f"Does {CANARY} open the gate?"})
    paused.finish([asked["task_id"]])
    book = upload(paused, agent, make_book(1500))
    wait_for(lambda: paused.get(f"/tasks/{book['task_id']}")["counts"], "the document to be in batches")
    delete(paused, f"/agents/{agent}")
    assert find_canary(paused) == []
    assert paused.fetch("SELECT FROM lexemes WHERE agent_id = $1", agent) == []
