"""A write that is sent again with its key is not carried out again."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.api.checks import check_problem
from tests.deadlines import deadline, wait_for
from tests.running import KEY, Stack

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
AGED = "UPDATE idempotency_keys SET renewed_at = now() - interval '61 seconds' WHERE key = $1"


def find(stack: Stack, key: str) -> asyncpg.Record | None:
    """The row of a key."""
    return next(iter(stack.fetch("SELECT * FROM idempotency_keys WHERE key = $1", key)), None)


def count_documents(stack: Stack, agent: int) -> int:
    return int(stack.get("/documents", agent_id=agent)["total"])


def upload(client: httpx.Client, agent: int, key: str, content: bytes = b"A heron.", **fields: str) -> httpx.Response:
    """Upload with a key; the client chooses a new boundary each time."""
    path = f"/documents/agent/{agent}/upload"
    return client.post(path, files={"file": ("a.txt", content)}, data=fields, headers={"Idempotency-Key": key})


def make(client: httpx.Client, key: str, name: str = "Heron", **headers: str) -> httpx.Response:
    """Create an agent with a key."""
    return client.post("/agents", json={"name": name}, headers={"Idempotency-Key": key, **headers})


def check_replay(first: httpx.Response, second: httpx.Response) -> None:
    """Whether the second response repeats the first, with the header that says so."""
    assert first.is_success, first.text
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert (second.status_code, second.content) == (first.status_code, first.content)
    for name in ("content-type", "content-length", "location"):
        assert second.headers.get(name) == first.headers.get(name)
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


@contextmanager
def unfinished_upload(stack: Stack, agent: int, key: str) -> Iterator[socket.socket]:
    """An upload that is incomplete during the block; its connection closes at the end of the block."""
    head = (
        f"POST /api/v1/documents/agent/{agent}/upload HTTP/1.1\r\nHost: sluice\r\nAuthorization: Bearer {KEY}\r\n"
        f"Idempotency-Key: {key}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", stack.port)) as connection:
        connection.sendall(head.encode() + HEAD)
        wait_for(lambda: find(stack, key), "the upload to take its key")
        yield connection


@pytest.fixture
def key() -> str:
    return str(uuid4())


def test_an_upload_sent_again_is_the_same_task_and_one_document(shared_stack: Stack, agent: int, key: str) -> None:
    content = b"The heron waits.\r\n--x\r\n" * 40_000
    first = upload(shared_stack.client, agent, key, content, metadata='{"year": 2026}')
    second = upload(shared_stack.client, agent, key, content, metadata='{"year": 2026}')
    assert first.request.headers["content-type"] != second.request.headers["content-type"]
    check_replay(first, second)
    assert second.headers["location"] == f"/api/v1/tasks/{first.json()['task_id']}"
    assert count_documents(shared_stack, agent) == 1


def test_another_request_under_a_key_that_was_used_is_refused(shared_stack: Stack, agent: int, key: str) -> None:
    assert upload(shared_stack.client, agent, key).status_code == 202
    for other in (
        upload(shared_stack.client, agent, key, b"A hero.."),
        upload(shared_stack.client, agent, key, metadata='{"year": 2026}'),
        upload(shared_stack.client, agent + 1, key),
        make(shared_stack.client, key),
        shared_stack.client.delete(f"/agents/{agent}", headers={"Idempotency-Key": key}),
    ):
        assert not check_problem(other, 422, "idempotency_key_reused")["retryable"]
    assert count_documents(shared_stack, agent) == 1


def test_a_file_larger_than_the_kept_one_could_be_is_still_another(shared_stack: Stack, agent: int, key: str) -> None:
    assert upload(shared_stack.client, agent, key).status_code == 202
    large = upload(shared_stack.client, agent, key, bytes(shared_stack.settings.max_upload_bytes + 9 * 1024 * 1024))
    check_problem(large, 422, "idempotency_key_reused")


def test_writes_of_json_and_writes_without_a_body_are_replayed(shared_stack: Stack, agent: int) -> None:
    client = shared_stack.client
    check_replay(make(client, f"made-{agent}"), make(client, f"made-{agent}"))
    task_id = upload(shared_stack.client, agent, f"up-{agent}").json()["task_id"]
    made = client.post("/api-keys", json={"name": "short-lived", "scopes": ["read"]}).json()
    for method, path, body in (
        ("PATCH", f"/agents/{agent}", {"name": "Grey heron"}),
        ("POST", f"/documents/{shared_stack.get(f'/tasks/{task_id}')['document_id']}/reindex", None),
        ("DELETE", f"/api-keys/{made['id']}", None),
        ("DELETE", f"/agents/{agent}", None),
    ):
        headers = {"Idempotency-Key": f"{method}-{path}"}
        shared_stack.finish([task_id])
        first = client.request(method, path, json=body, headers=headers)
        check_replay(first, client.request(method, path, json=body, headers=headers))


def test_a_cancel_is_replayed_where_a_second_one_would_be_refused(stack: Stack) -> None:
    stack.start_api()
    task_id = stack.upload(stack.make_agent(), "a.txt", b"A heron.")["task_id"]

    def cancel(key: str) -> httpx.Response:
        return stack.client.delete(f"/tasks/{task_id}", headers={"Idempotency-Key": key})

    first = cancel("once")
    assert first.json()["status"] == "cancelled"
    check_replay(first, cancel("once"))
    refused = check_problem(cancel("twice"), 409, "task_finished")
    again = cancel("twice")
    assert (again.json(), again.headers["idempotent-replayed"]) == (refused, "true")


def test_of_twenty_requests_at_once_one_is_carried_out(shared_stack: Stack, agent: int, key: str) -> None:
    start = Barrier(20)

    def send(_: int) -> httpx.Response:
        with httpx.Client(
            base_url=shared_stack.client.base_url,
            headers=shared_stack.client.headers,
            timeout=deadline(60),
            trust_env=False,
        ) as client:
            start.wait(deadline(30))
            return upload(client, agent, key)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    done = [answer for answer in answers if answer.status_code == 202]
    assert sum("idempotent-replayed" not in answer.headers for answer in done) == 1
    assert len({answer.content for answer in done}) == 1
    for answer in answers:
        if answer not in done:
            check_problem(answer, 409, "idempotency_in_progress")
    assert count_documents(shared_stack, agent) == 1


def test_a_request_that_still_runs_says_so_and_one_that_breaks_off_frees_its_key(
    shared_stack: Stack, agent: int, key: str
) -> None:
    with unfinished_upload(shared_stack, agent, key):
        answer = upload(shared_stack.client, agent, key)
        problem = check_problem(answer, 409, "idempotency_in_progress")
        assert (problem["retryable"], answer.headers["retry-after"]) == (True, "1")
        check_problem(make(shared_stack.client, key), 422, "idempotency_key_reused")
    wait_for(lambda: find(shared_stack, key) is None, "the broken upload to free its key")
    assert upload(shared_stack.client, agent, key).status_code == 202
    assert count_documents(shared_stack, agent) == 1


def test_a_killed_api_blocks_its_keys_for_a_minute_and_no_longer(stack: Stack, key: str) -> None:
    stack.start_api()
    agent = stack.make_agent()
    with unfinished_upload(stack, agent, key):
        assert stack.api
        stack.api.kill()
        stack.api.wait(deadline(30))
    stack.start_api()
    check_problem(upload(stack.client, agent, key), 409, "idempotency_in_progress")
    stack.fetch(AGED, key)
    first = upload(stack.client, agent, key)
    check_replay(first, upload(stack.client, agent, key))
    assert count_documents(stack, agent) == 1


def test_only_one_of_many_takes_over_what_a_killed_process_left(shared_stack: Stack, key: str) -> None:
    insert = "INSERT INTO idempotency_keys (organization_id, key, holder, target) VALUES (1, $1, $2, '')"
    shared_stack.fetch(insert, key, uuid4())
    shared_stack.fetch(AGED, key)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: make(shared_stack.client, key), range(10)))
    assert sum(answer.status_code == 201 and "idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}


def test_organizations_do_not_share_keys(shared_stack: Stack, foreigner: httpx.Client, key: str) -> None:
    ours, theirs = make(shared_stack.client, key, "Ours"), make(foreigner, key, "Theirs")
    assert (ours.status_code, theirs.status_code) == (201, 201)
    assert ours.json()["id"] != theirs.json()["id"]
    check_replay(theirs, make(foreigner, key, "Theirs"))
    foreigner.delete(f"/agents/{theirs.json()['id']}").raise_for_status()


@contextmanager
def refusal(stack: Stack, event: str, condition: str, state: str) -> Iterator[None]:
    """Within the block, Postgres rejects this event on such rows with this SQLSTATE."""
    stack.fetch(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END $$",
    )
    stack.fetch(f"CREATE TRIGGER refuse BEFORE {event} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()")
    try:
        yield
    finally:
        stack.fetch(f"DROP TRIGGER refuse {event[event.index('ON') :]}")


@pytest.mark.parametrize(("state", "status"), [("P0001", 500), ("57P01", 503)])
@pytest.mark.parametrize(("table", "column"), [("agents", "name"), ("idempotency_keys", "key")])
def test_a_request_that_failed_is_carried_out_when_it_is_tried_again(
    shared_stack: Stack, key: str, table: str, column: str, state: str, status: int
) -> None:
    with refusal(shared_stack, f"INSERT ON {table}", f"new.{column} = '{key}'", state):
        code = "internal_error" if status == 500 else "database_unavailable"
        answer = make(shared_stack.client, key, key)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert ("retry-after" in answer.headers) == (status == 503)
    assert find(shared_stack, key) is None
    first = make(shared_stack.client, key, key)
    check_replay(first, make(shared_stack.client, key, key))


def test_an_answer_that_cannot_be_stored_is_given_all_the_same(shared_stack: Stack, key: str) -> None:
    with refusal(shared_stack, "UPDATE ON idempotency_keys", f"new.key = '{key}'", "57P01"):
        assert make(shared_stack.client, key).status_code == 201
    check_problem(make(shared_stack.client, key), 409, "idempotency_in_progress")


@pytest.mark.parametrize("bad", [[b""], [b"a b"], ["ä".encode()], [b"k" * 256], [b"a\tb"], [b"a", b"b"]])
def test_a_key_that_is_none_is_refused_and_so_are_two(shared_stack: Stack, bad: list[bytes]) -> None:
    headers = [(b"Idempotency-Key", key) for key in bad]
    answer = shared_stack.client.post("/agents", json={"name": "A"}, headers=headers)
    check_problem(answer, 422, "invalid_idempotency_key")


def test_who_may_not_write_leaves_nothing_behind(shared_stack: Stack, key: str) -> None:
    made = shared_stack.post("/api-keys", {"name": "reader", "scopes": ["read"]})
    for bearer, status, code in ((made["secret"], 403, "forbidden"), ("wrong", 401, "unauthorized")):
        answer = make(shared_stack.client, key, Authorization=f"Bearer {bearer}")
        check_problem(answer, status, code)
        assert find(shared_stack, key) is None
    check_problem(make(shared_stack.client, key, Authorization="Basic abc"), 401, "unauthorized")
    assert make(shared_stack.client, key).status_code == 201


def test_a_replay_shows_an_api_keys_secret_to_its_creator_only(shared_stack: Stack, key: str) -> None:
    def create(**headers: str) -> httpx.Response:
        body = {"name": "worker", "scopes": ["read"]}
        return shared_stack.client.post("/api-keys", json=body, headers={"Idempotency-Key": key, **headers})

    other = shared_stack.post("/api-keys", {"name": "admin", "scopes": ["admin"]})["secret"]
    first = create()
    check_replay(first, create())
    row = find(shared_stack, key)
    assert row
    assert b"sk_sluice_" not in row["body"]
    check_problem(create(Authorization=f"Bearer {other}"), 422, "idempotency_key_reused")


def test_what_was_too_large_is_not_kept(shared_stack: Stack, agent: int, key: str) -> None:
    check_problem(upload(shared_stack.client, agent, key, metadata=" " * 70_000), 413, "payload_too_large")
    assert upload(shared_stack.client, agent, key).status_code == 202


def test_reads_ignore_the_header(shared_stack: Stack, key: str) -> None:
    assert shared_stack.client.get("/agents", headers={"Idempotency-Key": f"{key} is no key"}).status_code == 200
    assert find(shared_stack, key) is None


def test_a_key_is_new_again_after_a_day_and_its_row_is_forgotten(shared_stack: Stack, key: str) -> None:
    keys = [f"{key}-{number}" for number in range(3)]
    names = [make(shared_stack.client, one).json()["id"] for one in keys]
    aged = "UPDATE idempotency_keys SET created_at = now() - make_interval(hours => $2) WHERE key = ANY($1)"
    shared_stack.fetch(aged, keys[:2], 25)
    shared_stack.fetch(aged, keys[2:], 23)
    assert make(shared_stack.client, keys[0]).json()["id"] != names[0]
    shared_stack.fetch("UPDATE chores SET due_at = now() WHERE name = 'forget'")
    wait_for(lambda: find(shared_stack, keys[1]) is None, "the key to be forgotten")
    assert make(shared_stack.client, keys[2]).json()["id"] == names[2]
