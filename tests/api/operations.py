"""Every operation of the API with the scope that it requires and a valid request."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx


class Operation(NamedTuple):
    """The required scope, and the arguments of a valid request."""

    scope: str
    arguments: Mapping[str, Any] = {}


_FILE = {"files": {"file": ("a.txt", b"A heron.")}}
_ADDRESS = {"json": {"url": "https://example.com/"}}
_QUESTIONS = {"questions": [{"question": "Why?", "documents": ["a.txt"]}]}

OPERATIONS = {
    "GET /agents": Operation("read"),
    "POST /agents": Operation("write", {"json": {"name": "A"}}),
    "POST /agents/bulk": Operation("write", {"json": [{"name": "A"}]}),
    "GET /agents/bulk/{import_id}": Operation("read"),
    "GET /agents/bulk/{import_id}/rows": Operation("read"),
    "GET /agents/{agent_id}": Operation("read"),
    "PATCH /agents/{agent_id}": Operation("write", {"json": {"name": "A"}}),
    "DELETE /agents/{agent_id}": Operation("write"),
    "POST /agents/{agent_id}/search": Operation("read", {"json": {"query": "heron"}}),
    "POST /search": Operation("read", {"json": {"agents": [1], "query": "heron"}}),
    "POST /agents/{agent_id}/ask": Operation("write", {"json": {"question": "Why?"}}),
    "POST /agents/{agent_id}/specs": Operation("write", {"json": {"url": "https://example.com/weir.zip"}}),
    "POST /agents/{agent_id}/question-sets": Operation("write", {"json": _QUESTIONS}),
    "GET /agents/{agent_id}/question-sets": Operation("read"),
    "GET /agents/{agent_id}/question-sets/{set_id}": Operation("read"),
    "DELETE /agents/{agent_id}/question-sets/{set_id}": Operation("write"),
    "POST /agents/{agent_id}/evaluations": Operation("write", {"json": {"question_set": 1}}),
    "GET /agents/{agent_id}/evaluations": Operation("read"),
    "GET /agents/{agent_id}/evaluations/{evaluation_id}": Operation("read"),
    "DELETE /agents/{agent_id}/evaluations/{evaluation_id}": Operation("write"),
    "POST /agents/{agent_id}/profiles": Operation("write", {"json": {"name": "Weir Works"}}),
    "GET /agents/{agent_id}/profiles": Operation("read"),
    "POST /agents/{agent_id}/profiles/import": Operation("write", {"json": [{"name": "Weir Works"}]}),
    "POST /agents/{agent_id}/profiles/enrich": Operation("write"),
    "GET /profiles/{profile_id}": Operation("read"),
    "PATCH /profiles/{profile_id}": Operation("write", {"json": {"name": "Weir Works"}}),
    "DELETE /profiles/{profile_id}": Operation("write"),
    "POST /profiles/{profile_id}/enrich": Operation("write", {"json": {"source": "documents"}}),
    "POST /documents/upload": Operation("write", _FILE),
    "POST /documents/agent/{agent_id}/upload": Operation("write", _FILE),
    "POST /documents/agent/{agent_id}/batch": Operation("write", {"files": {"files": ("a.txt", b"A heron.")}}),
    "POST /documents/agent/{agent_id}/webpage": Operation("write", _ADDRESS),
    "POST /documents/agent/{agent_id}/crawl": Operation("write", _ADDRESS),
    "GET /documents": Operation("read"),
    "GET /documents/{document_id}": Operation("read"),
    "DELETE /documents/{document_id}": Operation("write"),
    "GET /documents/{document_id}/status": Operation("read"),
    "GET /documents/{document_id}/chunks": Operation("read"),
    "GET /documents/{document_id}/text": Operation("read"),
    "GET /documents/{document_id}/content": Operation("read"),
    "POST /documents/{document_id}/reindex": Operation("write"),
    "GET /analytics/usage": Operation("read"),
    "GET /analytics/tasks": Operation("read"),
    "GET /tasks/": Operation("read"),
    "GET /tasks/{task_id}": Operation("read"),
    "DELETE /tasks/{task_id}": Operation("write"),
    "GET /tasks/{task_id}/events": Operation("read"),
    "POST /tasks/{task_id}/revoke": Operation("write"),
    "POST /tasks/{task_id}/retry": Operation("write"),
    "GET /dead-letters": Operation("read"),
    "POST /dead-letters/replay": Operation("write", {"json": {"filter": {}, "dry_run": True}}),
    "GET /dead-letters/{task_id}": Operation("read"),
    "DELETE /dead-letters/{task_id}": Operation("write"),
    "POST /dead-letters/{task_id}/replay": Operation("write"),
    "GET /events": Operation("read"),
    "GET /queues": Operation("read"),
    "POST /queues/{name}/pause": Operation("operator"),
    "POST /queues/{name}/resume": Operation("operator"),
    "GET /workers": Operation("read"),
    "GET /audit": Operation("admin"),
    "GET /upkeep": Operation("admin"),
    "POST /upkeep/{name}/run": Operation("operator"),
    "GET /organizations/{organization_id}/retention": Operation("admin"),
    "GET /organizations/{organization_id}/alerts": Operation("admin"),
    "PUT /organizations/{organization_id}/alerts": Operation("admin", {"json": {"emails": []}}),
    "PUT /organizations/{organization_id}/retention": Operation("admin", {"json": {"tasks": 30}}),
    "GET /api-keys": Operation("admin"),
    "POST /api-keys": Operation("admin", {"json": {"name": "A", "scopes": ["read"]}}),
    "GET /api-keys/{key_id}": Operation("admin"),
    "PATCH /api-keys/{key_id}": Operation("admin", {"json": {"name": "A"}}),
    "POST /api-keys/{key_id}/rotate": Operation("admin", {"json": {"overlap_seconds": 0}}),
    "DELETE /api-keys/{key_id}": Operation("admin"),
    "GET /analytics/billing": Operation("read"),
    "GET /prices": Operation("read"),
    "GET /limits": Operation("read"),
    "GET /reports": Operation("read"),
    "PUT /reports/schedule": Operation("admin", {"json": {"frequency": None}}),
    "PUT /organizations/{organization_id}/limits": Operation("operator", {"json": {}}),
    "PUT /agents/{agent_id}/limits": Operation("admin", {"json": {}}),
    "PUT /organizations/{organization_id}/prices": Operation("operator", {"json": {"versions": []}}),
    "POST /webhooks": Operation("admin", {"json": {"url": "https://example.com/hook"}}),
    "GET /webhooks": Operation("read"),
    "GET /webhooks/callbacks/secret": Operation("admin"),
    "POST /webhooks/callbacks/secret/rotate": Operation("admin", {"json": {}}),
    "GET /webhooks/{webhook_id}": Operation("read"),
    "PATCH /webhooks/{webhook_id}": Operation("admin", {"json": {"description": "A"}}),
    "DELETE /webhooks/{webhook_id}": Operation("admin"),
    "POST /webhooks/{webhook_id}/secret/rotate": Operation("admin", {"json": {}}),
    "POST /webhooks/{webhook_id}/test": Operation("write"),
    "GET /webhooks/{webhook_id}/deliveries": Operation("read"),
    "POST /webhooks/{webhook_id}/deliveries/replay": Operation("write", {"json": {"filter": {}, "dry_run": True}}),
    "GET /webhooks/{webhook_id}/deliveries/{delivery_id}": Operation("read"),
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/replay": Operation("write"),
    "POST /organizations": Operation("operator", {"json": {"name": "A"}}),
    "POST /organizations/{organization_id}/api-keys": Operation("operator", {"json": {"name": "A"}}),
    "GET /organizations": Operation("admin"),
    "GET /organizations/{organization_id}": Operation("admin"),
    "PATCH /organizations/{organization_id}": Operation("admin", {"json": {"name": "A"}}),
}


class PathIds(dict[str, Any]):
    """Path parameters, 1 where none is given."""

    def __missing__(self, _name: str) -> int:
        return 1


def write_path(path: str, ids: Mapping[str, Any]) -> str:
    """The path of an operation with these parameters. An import is named by its task."""
    return path.format_map(PathIds({"import_id": ids.get("task_id"), **ids}))


def send(
    client: httpx.Client, name: str, ids: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Send the operation's request; ``ids`` are the path parameters."""
    method, path = name.split()
    return client.request(method, write_path(path, ids), headers=headers, **OPERATIONS[name].arguments)
