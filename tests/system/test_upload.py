"""An upload from outside, through a running Sluice."""

from tests.running import Stack


def test_a_document_goes_in_and_is_found(shared_stack: Stack) -> None:
    agent = shared_stack.make_agent()
    accepted = shared_stack.upload(agent, "note.txt", b"The heron at Coldharbour waits for the evening boat.")
    assert accepted["status"] == "queued"
    [task] = shared_stack.finish([accepted["task_id"]])
    assert (task["state"], task["current"], task["error"]) == ("SUCCESS", 100, None)
    results = shared_stack.post(f"/agents/{agent}/search", {"query": "heron evening boat"})["results"]
    assert results[0]["document_id"] == accepted["document_id"]
    assert "heron" in results[0]["text"]
