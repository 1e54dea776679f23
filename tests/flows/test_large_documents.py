"""A large document is chunked once, embedded in batches by child tasks, and published after the last batch."""

from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem, make_text
from tests.deadlines import wait_for
from tests.running import Stack

SENTENCE = "The keeper of lock {n} wrote down the draught of boat {n} and the toll that it paid.\n\n"


def make_book(chapters: int, word: str = "keeper") -> bytes:
    """A text of about twelve of these sentences a chunk."""
    return "".join(SENTENCE.format(n=n).replace("keeper", word) for n in range(chapters * 12)).encode()


def count_rows(stack: Stack, document_id: int) -> tuple[int, int]:
    """The numbers of a document's chunks and of its staged chunks."""
    [row] = stack.fetch(
        """
        SELECT (SELECT count(*) FROM chunks WHERE document_id = $1) AS chunks,
               (SELECT count(*) FROM staged_chunks AS s JOIN tasks AS t ON t.id = s.task_id
                WHERE t.document_id = $1) AS aside
        """,
        document_id,
    )
    return row["chunks"], row["aside"]


def count_wrong_words(stack: Stack, agent: int) -> int:
    """The words of an agent whose stored count differs from the count in its chunks."""
    query = """
        SELECT count(*) AS n FROM (
            SELECT lexeme, count(*) AS found FROM chunks, unnest(tsvector_to_array(tsv) || ''::text) AS lexeme
            WHERE agent_id = $1 GROUP BY lexeme
        ) AS f FULL JOIN (SELECT lexeme, chunk_count FROM lexemes WHERE agent_id = $1 AND chunk_count <> 0) AS k
            USING (lexeme)
        WHERE found IS DISTINCT FROM chunk_count
    """
    return int(stack.fetch(query, agent)[0]["n"])


def find_words(stack: Stack, agent: int, query: str) -> set[str]:
    """The names of the documents that a text search finds."""
    hits = stack.post(f"/agents/{agent}/search", {"query": query, "mode": "text"})["results"]
    return {hit["text"].split()[1] for hit in hits if hit["score"] > 0}


@pytest.fixture
def held(shared_stack: Stack) -> Any:
    """A stack whose medium queue, where batches are embedded, is paused at first."""
    shared_stack.post("/queues/medium_priority/pause")
    yield shared_stack
    shared_stack.post("/queues/medium_priority/resume")


def wait_for_batches(stack: Stack, task_id: str) -> dict[str, Any]:
    """Wait until the task has batches; returns it."""
    wait_for(lambda: stack.get(f"/tasks/{task_id}")["counts"], "the document to be in batches")
    return stack.get(f"/tasks/{task_id}")


def test_a_large_document_becomes_batches_and_one_document_again(shared_stack: Stack, agent: int) -> None:
    accepted = shared_stack.upload(agent, "book.txt", make_book(150))
    [task] = shared_stack.finish([accepted["task_id"]])
    assert (task["state"], task["current"], task["queue"]) == ("SUCCESS", 100, "high_priority")
    result = task["result"]
    assert result["chunk_count"] == task["chunk_count"] > 120
    assert (result["document_id"], result["filename"]) == (accepted["document_id"], "book.txt")
    children = shared_stack.get("/tasks/", parent_id=task["task_id"], limit=100)["tasks"]
    names = [child["task_name"].removeprefix("app.tasks.") for child in children]
    assert names[0] == "vector_tasks.publish_document"
    assert set(names[1:]) == {"embedding_tasks.embed_chunks"}
    assert len(names) - 1 == -(-result["chunk_count"] // 20) == task["counts"]["total"] - 1
    assert {child["queue"] for child in children} == {"medium_priority"}
    document = shared_stack.get(f"/documents/{accepted['document_id']}")
    assert (document["status"], document["chunk_count"]) == ("completed", result["chunk_count"])
    assert count_rows(shared_stack, accepted["document_id"]) == (result["chunk_count"], 0)
    text = shared_stack.client.get(f"/documents/{accepted['document_id']}/content", params={"format": "text"}).text
    assert text.split() == make_book(150).decode().split()
    hits = shared_stack.post(f"/agents/{agent}/search", {"query": "toll of boat 1733"})["results"]
    assert "boat 1733 " in hits[0]["text"]


def test_search_finds_the_old_edition_until_the_new_is_whole(held: Stack, agent: int) -> None:
    small = held.upload(agent, "book.txt", b"The keeper of old.")
    held.finish([small["task_id"]])
    large = held.upload(agent, "book.txt", make_book(100, "warden"), on_duplicate="replace")
    wait_for_batches(held, large["task_id"])
    assert find_words(held, agent, "keeper warden") == {"keeper"}
    held.post("/queues/medium_priority/resume")
    [task] = held.finish([large["task_id"]])
    assert (task["state"], large["document_id"]) == ("SUCCESS", small["document_id"])
    assert find_words(held, agent, "keeper warden") == {"warden"}
    wait_for(
        lambda: count_rows(held, small["document_id"]) == (task["chunk_count"], 0), "the old edition to be removed"
    )
    assert count_wrong_words(held, agent) == 0


def test_a_cancel_amid_the_batches_leaves_nothing_of_them(held: Stack, agent: int) -> None:
    accepted = held.upload(agent, "book.txt", make_book(100))
    task_id = accepted["task_id"]
    wait_for_batches(held, task_id)
    assert count_rows(held, accepted["document_id"])[1] > 60
    assert held.client.delete(f"/tasks/{task_id}").json()["status"] == "cancelled"
    task = held.get(f"/tasks/{task_id}")
    assert (task["state"], task["counts"]["pending"]) == ("REVOKED", 0)
    assert held.get(f"/documents/{accepted['document_id']}")["status"] == "cancelled"
    wait_for(lambda: count_rows(held, accepted["document_id"]) == (0, 0), "the batches to be removed")
    held.post("/queues/medium_priority/resume")
    held.post(f"/tasks/{task_id}/retry")
    [again] = held.finish([task_id])
    assert (again["state"], again["result"]["chunk_count"]) == ("SUCCESS", again["chunk_count"])
    assert count_rows(held, accepted["document_id"]) == (again["chunk_count"], 0)
    assert count_wrong_words(held, agent) == 0


def test_a_batch_that_fails_fails_the_document_and_its_replay_completes_it(held: Stack, agent: int) -> None:
    accepted = held.upload(agent, "book.txt", make_book(100))
    task_id = accepted["task_id"]
    wait_for_batches(held, task_id)
    lost = held.fetch(
        "DELETE FROM staged_chunks AS s WHERE task_id = $1 AND ordinal BETWEEN 20 AND 39 RETURNING s::text AS row",
        task_id,
    )
    held.post("/queues/medium_priority/resume")
    [task] = held.finish([task_id])
    assert (task["state"], task["error"]["code"], task["counts"]["failed"]) == ("FAILURE", "file_missing", 1)
    assert held.get(f"/documents/{accepted['document_id']}")["status"] == "failed"
    assert find_words(held, agent, "keeper") == set()
    [letter] = held.get("/dead-letters", agent_id=agent)["dead_letters"]
    held.fetch(
        "INSERT INTO staged_chunks SELECT (lost::staged_chunks).* FROM unnest($1::text[]) AS lost",
        [record["row"] for record in lost],
    )
    held.post(f"/dead-letters/{letter['task_id']}/replay")
    wait_for(lambda: held.get(f"/tasks/{task_id}")["state"] == "SUCCESS", "the document to be completed")
    attempts = {child["attempt"] for child in held.get("/tasks/", parent_id=task_id, limit=100)["tasks"]}
    assert attempts == {1, 2}
    assert held.get(f"/documents/{accepted['document_id']}")["status"] == "completed"
    assert count_wrong_words(held, agent) == 0


def test_a_deleted_large_document_is_gone_whatever_was_under_way(held: Stack, agent: int) -> None:
    accepted = held.upload(agent, "book.txt", make_book(100))
    wait_for_batches(held, accepted["task_id"])
    response: httpx.Response = held.client.delete(f"/documents/{accepted['document_id']}")
    held.post("/queues/medium_priority/resume")
    [task, book] = held.finish([response.json()["task_id"], accepted["task_id"]])
    assert (task["state"], book["state"]) == ("SUCCESS", "REVOKED")
    wait_for(lambda: count_rows(held, accepted["document_id"]) == (0, 0), "its chunks to be removed")
    assert count_wrong_words(held, agent) == 0


def test_documents_below_the_threshold_stay_one_task(shared_stack: Stack, agent: int) -> None:
    accepted = shared_stack.upload(agent, "small.txt", make_text(40))
    [task] = shared_stack.finish([accepted["task_id"]])
    assert (task["state"], task["counts"]) == ("SUCCESS", None)


def test_a_cancelled_batch_cancels_the_document_and_never_completes_it_in_part(held: Stack, agent: int) -> None:
    accepted = held.upload(agent, "book.txt", make_book(100))
    wait_for_batches(held, accepted["task_id"])
    batch = held.get("/tasks/", parent_id=accepted["task_id"], limit=100)["tasks"][0]["task_id"]
    assert held.client.delete(f"/tasks/{batch}").json()["status"] == "cancelled"
    held.post("/queues/medium_priority/resume")
    [task] = held.finish([accepted["task_id"]])
    assert (task["state"], task["counts"]["revoked"]) == ("REVOKED", 1)
    assert held.get(f"/documents/{accepted['document_id']}")["status"] == "cancelled"
    wait_for(lambda: count_rows(held, accepted["document_id"]) == (0, 0), "the other batches to be removed")


def test_an_old_task_cannot_run_again_amid_a_new_one(held: Stack, agent: int) -> None:
    accepted = held.upload(agent, "book.txt", make_book(100))
    held.post("/queues/medium_priority/resume")
    held.finish([accepted["task_id"]])
    held.post("/queues/medium_priority/pause")
    renewed = held.post(f"/documents/{accepted['document_id']}/reindex")["task_id"]
    wait_for_batches(held, renewed)
    check_problem(held.client.post(f"/tasks/{accepted['task_id']}/retry"), 409, "conflict")
    held.post("/queues/medium_priority/resume")
    [task] = held.finish([renewed])
    assert task["state"] == "SUCCESS"
    wait_for(
        lambda: count_rows(held, accepted["document_id"]) == (task["result"]["chunk_count"], 0),
        "one edition to be left",
    )
