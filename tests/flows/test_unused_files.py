"""Uploads leave no file behind that no document will ever have."""

from tests.deadlines import wait_for
from tests.flows.test_duplicates import list_blobs
from tests.running import Stack


def test_of_several_queued_replacements_only_the_last_keeps_its_file(shared_stack: Stack, agent: int) -> None:
    first = shared_stack.upload(agent, "plan.txt", b"The first plan.")
    shared_stack.finish([first["task_id"]])
    stored = list_blobs(shared_stack)
    shared_stack.post("/queues/high_priority/pause")
    replaced = [shared_stack.upload(agent, "plan.txt", f"Plan {n}.".encode(), on_duplicate="replace") for n in range(3)]
    assert len(list_blobs(shared_stack) - stored) == 3
    shared_stack.fetch("UPDATE chores SET due_at = now() WHERE name = 'files'")
    wait_for(lambda: len(list_blobs(shared_stack) - stored) == 1, "the files of overtaken uploads to be deleted")
    shared_stack.post("/queues/high_priority/resume")
    [task] = shared_stack.finish([replaced[-1]["task_id"]])
    assert task["state"] == "SUCCESS"
    content = shared_stack.client.get(f"/documents/{first['document_id']}/content")
    assert content.text == "Plan 2."


def test_a_deleted_document_that_no_task_erases_is_erased_by_upkeep(shared_stack: Stack, agent: int) -> None:
    accepted = shared_stack.upload(agent, "plan.txt", b"The plan.")
    shared_stack.finish([accepted["task_id"]])
    shared_stack.fetch(
        "UPDATE documents SET deleted_at = now() - interval '1 hour' WHERE id = $1", accepted["document_id"]
    )
    shared_stack.fetch("UPDATE chores SET due_at = now() WHERE name = 'erase'")
    erased = "SELECT FROM documents WHERE id = $1 AND erased_at IS NOT NULL AND filename = ''"
    wait_for(lambda: shared_stack.fetch(erased, accepted["document_id"]), "the document to be erased")
    assert shared_stack.fetch("SELECT FROM chunks WHERE document_id = $1", accepted["document_id"]) == []
