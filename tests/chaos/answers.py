"""After a run, the API must return what the database holds."""

from collections.abc import Iterator
from random import Random
from typing import Any

import httpx

from tests.chaos.audit import Fault, Finding
from tests.chaos.clients import make_word
from tests.chaos.evidence import Evidence

_PAGE = 1000
_SEARCHES = 20


def check_answers(http: httpx.Client, evidence: Evidence, random: Random) -> Iterator[Finding]:
    """Compare the lists, and search for some documents by a word that no other document has."""
    tasks = {item["task_id"]: item["state"] for item in _list(http, "/tasks/", "tasks")}
    for task in evidence.tasks.values():
        if (told := tasks.get(task.id)) != task.state:
            yield Finding(Fault.WRONG, task.id, f"it is {task.state} and said to be {told}")
    documents = {item["id"]: item for item in _list(http, "/documents", "documents")}
    for document in evidence.documents.values():
        if (told := documents.get(document.id, {}).get("status")) != document.status:
            yield Finding(Fault.WRONG, f"document {document.id}", f"it is {document.status} and said to be {told}")
    completed = [item for item in documents.values() if item["status"] == "completed"]
    for item in random.sample(completed, min(_SEARCHES, len(completed))):
        yield from _search(http, item)


def _list(http: httpx.Client, path: str, name: str) -> Iterator[dict[str, Any]]:
    after: dict[str, Any] = {}
    while True:
        answer = http.get(path, params={"limit": _PAGE, **after})
        answer.raise_for_status()
        body = answer.json()
        yield from body[name]
        if not body["next"]:
            return
        after = {"after": body["next"]}


def _search(http: httpx.Client, document: dict[str, Any]) -> Iterator[Finding]:
    question = {"query": make_word(document["filename"]), "top_k": 1}
    answer = http.post(f"/agents/{document['agent_id']}/search", json=question)
    answer.raise_for_status()
    if document["id"] not in {hit["document_id"] for hit in answer.json()["results"]}:
        yield Finding(Fault.LOST, f"document {document['id']}", f"a search for {question['query']} does not find it")
