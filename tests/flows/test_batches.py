"""Many files in one request are one task for the client."""

from typing import Any

import httpx

from tests.api.checks import check_problem
from tests.flows.zips import make_zip
from tests.running import Stack


def post_batch(stack: Stack, agent: int, files: dict[str, bytes], **fields: str) -> httpx.Response:
    """Send files in one request."""
    parts = [("files", (name, content)) for name, content in files.items()]
    return stack.client.post(f"/documents/agent/{agent}/batch", files=parts, data=fields)


def finish(stack: Stack, response: httpx.Response) -> tuple[dict[str, Any], dict[str, Any]]:
    """The response, and the parent in its final state."""
    assert response.status_code == 202, response.text
    [parent] = stack.finish([response.json()["task_id"]])
    return response.json(), parent


def test_a_batch_answers_with_every_file_and_counts_them_to_the_end(shared_stack: Stack, agent: int) -> None:
    files = {f"{n}.txt": f"The heron number {n}.".encode() for n in range(20)}
    response = post_batch(shared_stack, agent, files, metadata='{"year": 2026}')
    answer, parent = finish(shared_stack, response)
    assert response.headers["location"] == f"/api/v1/tasks/{answer['task_id']}"
    assert answer["message"] == "20 files accepted"
    assert (answer["counts"]["total"], [file["filename"] for file in answer["files"]]) == (20, list(files))
    assert (parent["task_name"], parent["queue"]) == ("app.tasks.document_tasks.process_batch", "low_priority")
    assert (parent["state"], parent["counts"]["succeeded"]) == ("SUCCESS", 20)
    document = shared_stack.get(f"/documents/{answer['files'][7]['document_id']}")
    assert (document["status"], document["filename"], document["metadata"]["year"]) == ("completed", "7.txt", 2026)
    assert shared_stack.get(f"/tasks/{answer['files'][7]['task_id']}")["parent_id"] == answer["task_id"]


def test_a_file_that_cannot_be_read_fails_alone_and_says_so_at_once(shared_stack: Stack, agent: int) -> None:
    files = {"good.txt": b"A heron.", "empty.txt": b"", "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(64)}
    answer, parent = finish(shared_stack, post_batch(shared_stack, agent, files))
    assert answer["message"] == "1 of 3 files accepted; `error` of the others says why"
    errors = {file["filename"]: file["error"] for file in answer["files"]}
    assert "The file is a PNG image." in errors["picture.png"]["message"]
    codes = {filename: error and error["code"] for filename, error in errors.items()}
    assert codes == {"good.txt": None, "empty.txt": "empty_file", "picture.png": "unsupported_type"}
    assert (parent["state"], parent["counts"]["succeeded"], parent["counts"]["failed"]) == ("SUCCESS", 1, 2)


def test_a_batch_of_nothing_new_ends_at_once(shared_stack: Stack, agent: int) -> None:
    files = {"a.txt": b"The heron.", "b.txt": b"The weir."}
    first, _ = finish(shared_stack, post_batch(shared_stack, agent, files))
    answer, parent = finish(shared_stack, post_batch(shared_stack, agent, {**files, "c.txt": b"The weir."}))
    known = [file["document_id"] for file in first["files"]]
    assert [file["duplicate_of"] for file in answer["files"]] == [*known, known[1]]
    assert (parent["state"], parent["counts"]["succeeded"]) == ("SUCCESS", 3)
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 2


def test_an_archive_in_a_batch_is_a_parent_in_turn(shared_stack: Stack, agent: int) -> None:
    files = {"a.txt": b"The heron.", "inner.zip": make_zip({"b.txt": b"The weir.", "c.pdf": b"%PDF-1.7\nbroken"})}
    answer, parent = finish(shared_stack, post_batch(shared_stack, agent, files))
    assert (parent["state"], parent["counts"]["succeeded"]) == ("SUCCESS", 2)
    archive = shared_stack.get(f"/tasks/{answer['files'][1]['task_id']}")
    assert (archive["state"], archive["counts"]["succeeded"], archive["counts"]["failed"]) == ("SUCCESS", 1, 1)


def test_a_cancelled_batch_takes_archives_and_their_members_with_it(shared_stack: Stack, agent: int) -> None:
    shared_stack.post("/queues/low_priority/pause")
    try:
        files = {"a.txt": b"The heron.", "inner.zip": make_zip({"b.txt": b"The weir."})}
        answer = post_batch(shared_stack, agent, files).json()
        assert shared_stack.client.delete(f"/tasks/{answer['task_id']}").json()["status"] == "cancelled"
    finally:
        shared_stack.post("/queues/low_priority/resume")
    states = {shared_stack.get(f"/tasks/{file['task_id']}")["state"] for file in answer["files"]}
    assert states == {"REVOKED"}
    assert shared_stack.get(f"/tasks/{answer['task_id']}")["state"] == "REVOKED"


def test_a_batch_has_bounds(shared_stack: Stack, agent: int) -> None:
    many = {f"{n}.txt": b"x" for n in range(31)}
    check_problem(post_batch(shared_stack, agent, many), 422, "too_many_files")
    large = {"a.txt": b"small", "b.txt": bytes(2 * 1024 * 1024 + 1)}
    check_problem(post_batch(shared_stack, agent, large), 413, "payload_too_large")
    check_problem(post_batch(shared_stack, 999_999_999, {"a.txt": b"x"}), 404, "not_found")
    response = shared_stack.client.post(f"/documents/agent/{agent}/batch", data={"metadata": "{}"})
    check_problem(response, 422, "missing_file")
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 0


def test_a_parent_left_open_is_ended_by_the_sweep(shared_stack: Stack, agent: int) -> None:
    files = {"a.txt": b"The heron.", "b.png": b"\x89PNG\r\n\x1a\n" + bytes(64)}
    _, parent = finish(shared_stack, post_batch(shared_stack, agent, files))
    forget_the_end = "UPDATE tasks SET state = 'EXPANDED', completed_at = NULL, result = NULL WHERE id = $1"
    shared_stack.fetch(forget_the_end, parent["task_id"])
    [again] = shared_stack.finish([parent["task_id"]])
    assert (again["state"], again["result"]) == (parent["state"], parent["result"])


def test_a_cancel_that_did_not_reach_the_children_is_handed_on_by_the_sweep(shared_stack: Stack, agent: int) -> None:
    shared_stack.post("/queues/low_priority/pause")
    try:
        answer = post_batch(shared_stack, agent, {"a.txt": b"The heron.", "b.txt": b"The weir."}).json()
        shared_stack.fetch("UPDATE tasks SET cancel_requested_at = now() WHERE id = $1", answer["task_id"])
        [parent] = shared_stack.finish([answer["task_id"]])
    finally:
        shared_stack.post("/queues/low_priority/resume")
    assert (parent["state"], parent["counts"]["revoked"]) == ("REVOKED", 2)


def test_a_batch_is_run_again_what_failed_of_it_or_else_all_or_else_not(shared_stack: Stack, agent: int) -> None:
    answer, _ = finish(shared_stack, post_batch(shared_stack, agent, {"a.txt": b"The heron.", "b.txt": b"The weir."}))
    shared_stack.post(f"/tasks/{answer['task_id']}/retry")
    [again] = shared_stack.finish([answer["task_id"]])
    attempts = {shared_stack.get(f"/tasks/{file['task_id']}")["attempt"] for file in answer["files"]}
    assert (again["state"], again["counts"]["succeeded"], attempts) == ("SUCCESS", 2, {2})
    answer, parent = finish(shared_stack, post_batch(shared_stack, agent, {"empty.txt": b""}))
    assert parent["state"] == "FAILURE"
    check_problem(shared_stack.client.post(f"/tasks/{answer['task_id']}/retry"), 409, "conflict")
