"""An organization with hidden resources, and the keys that must not see them.

Everything that is hidden contains a marker, which no response to these keys may contain. A resource with a new path
parameter is made in ``_hide_resources``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.deadlines import deadline
from tests.running import Stack

OF_ORGANIZATION = "zqorganization"
OF_AGENT = "zqagent"
OF_DOCUMENT = "zqdocument"
MARKS = {
    "foreign": (OF_ORGANIZATION, OF_AGENT, OF_DOCUMENT),
    "bound": (OF_ORGANIZATION, OF_AGENT),
    "filtered": (OF_ORGANIZATION, OF_DOCUMENT),
}
"""The markers that responses to each kind of key must not contain."""

_BROKEN_PDF = b"%PDF-1.7\nnothing that follows is an object\n%%EOF"


@dataclass(frozen=True)
class World:
    """The organization.

    Attributes:
        owner: A client with its first key, which sees everything.
        ids: The path parameters of the hidden resources.
        keys: The headers of the keys, by kind.
        open_agent: The agent B. It has a document that matches the filter, and one that does not.
        open_documents: The documents that match the filter, by agent.
    """

    owner: httpx.Client
    ids: Mapping[str, Any]
    keys: Mapping[str, Mapping[str, str]]
    open_agent: int
    open_documents: Mapping[int, int]


def make_world(stack: Stack) -> World:
    """Make the organization, its resources and the keys; wait until its documents are processed."""
    created = stack.post("/organizations", {"name": OF_ORGANIZATION})
    owner = open_client(stack, _use(created["api_key"]["secret"]))
    hidden_agent = int(_post(owner, "/agents", {"name": OF_AGENT, "slug": OF_AGENT})["id"])
    open_agent = int(_post(owner, "/agents", {"name": "Open", "slug": "open"})["id"])
    east, west = '{"team": "east"}', f'{{"team": "{OF_DOCUMENT}"}}'
    opened = [
        upload(owner, hidden_agent, "east.txt", f"A heron of {OF_AGENT} waits at dawn.".encode(), east),
        upload(owner, open_agent, "open.txt", b"A heron waits at dawn.", east),
    ]
    hidden = [
        upload(
            owner,
            hidden_agent,
            f"{OF_AGENT} {OF_DOCUMENT}.txt",
            f"A heron of {OF_AGENT}, {OF_DOCUMENT}.".encode(),
            west,
        ),
        upload(owner, hidden_agent, f"{OF_AGENT} {OF_DOCUMENT}.pdf", _BROKEN_PDF, west),
        upload(owner, open_agent, f"{OF_DOCUMENT}.txt", f"A heron at dawn, {OF_DOCUMENT}.".encode(), west),
    ]
    states = [finish(owner, one["task_id"])["state"] for one in (*opened, *hidden)]
    assert states == ["SUCCESS", "SUCCESS", "SUCCESS", "FAILURE", "SUCCESS"]
    ids = {
        "organization_id": created["id"],
        "agent_id": hidden_agent,
        "document_id": hidden[0]["document_id"],
        "task_id": hidden[1]["task_id"],
        "name": "low_priority",
        **_hide_resources(owner, hidden_agent),
    }
    documents = {hidden_agent: opened[0]["document_id"], open_agent: opened[1]["document_id"]}
    return World(owner, ids, _make_keys(stack, owner, open_agent), open_agent, documents)


def _hide_resources(owner: httpx.Client, agent: int) -> dict[str, Any]:
    """Make the other resources, of the hidden agent and of the organization; returns their path parameters."""
    mark = f"{OF_AGENT} {OF_DOCUMENT}"
    questions = [{"question": f"What is {mark}?", "documents": [f"{mark}.txt"]}]
    set_id = _post(owner, f"/agents/{agent}/question-sets", {"name": mark, "questions": questions})["id"]
    evaluation = _post(owner, f"/agents/{agent}/evaluations", {"question_set": set_id})
    webhook = {"url": "https://hooks.example.com/", "events": ["webhook.test"], "description": mark}
    webhook_id = _post(owner, "/webhooks", webhook)["id"]
    return {
        "set_id": set_id,
        "evaluation_id": evaluation["evaluation_id"],
        "import_id": _post(owner, "/agents/bulk", {"agents": [{"name": mark}], "dry_run": True})["task_id"],
        "profile_id": _post(owner, f"/agents/{agent}/profiles", {"name": mark})["id"],
        "webhook_id": webhook_id,
        "delivery_id": _post(owner, f"/webhooks/{webhook_id}/test", None)["id"],
        "key_id": _post(owner, "/api-keys", {"name": mark})["id"],
    }


def _make_keys(stack: Stack, owner: httpx.Client, open_agent: int) -> dict[str, Mapping[str, str]]:
    def make(**wanted: Any) -> dict[str, Any]:
        return _post(owner, "/api-keys", {"name": "Test", **wanted})

    foreign = stack.post("/organizations", {"name": "Foreign"})["api_key"]
    revoked, expired = make(scopes=["admin"]), make(scopes=["admin"], expires_at="2100-01-01T00:00:00Z")
    owner.delete(f"/api-keys/{revoked['id']}").raise_for_status()
    stack.fetch("UPDATE api_keys SET expires_at = now() WHERE id = $1", expired["id"])
    made = {
        "foreign": foreign,
        "revoked": revoked,
        "expired": expired,
        "read": make(scopes=["read"]),
        "write": make(scopes=["write"]),
        "admin": make(scopes=["admin"]),
        "bound": make(scopes=["admin"], agent_ids=[open_agent]),
        "filtered": make(filter={"team": "east"}),
    }
    return {"none": {}, **{kind: _use(key["secret"]) for kind, key in made.items()}}


def open_client(stack: Stack, headers: Mapping[str, str]) -> httpx.Client:
    """A client of the running API."""
    return httpx.Client(
        base_url=stack.client.base_url, headers=headers, timeout=deadline(60), trust_env=False, follow_redirects=False
    )


def upload(client: httpx.Client, agent: int, name: str, content: bytes, metadata: str) -> dict[str, Any]:
    """Upload a document."""
    form: dict[str, Any] = {"files": {"file": (name, content)}, "data": {"metadata": metadata}}
    return _read(client.post(f"/documents/agent/{agent}/upload", **form))


def finish(client: httpx.Client, task_id: str) -> dict[str, Any]:
    """Wait for the end of a task; returns it."""
    while True:
        task = _read(client.get(f"/tasks/{task_id}", params={"wait": 20, "until": "end"}))
        if task["state"] in {"SUCCESS", "FAILURE", "REVOKED"}:
            return task


def _use(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def _post(client: httpx.Client, path: str, body: Any) -> dict[str, Any]:
    return _read(client.post(path, json=body) if body is not None else client.post(path))


def _read(response: httpx.Response) -> dict[str, Any]:
    assert response.is_success, response.text
    found: dict[str, Any] = response.json()
    return found
