"""What keys that must not see an operation's resource receive from it. A new operation needs a line here.

``isolation_world.py`` makes an organization with an agent A, whose documents, tasks and other resources are hidden, and
an agent B. Each line says what two keys of that organization receive when they name the hidden resources:

- ``bound``: a key with the scope ``admin`` that is restricted to agent B,
- ``filtered``: a key with a document filter that the hidden documents do not match. It only reads, so it is None for an
  operation that needs another scope: the answer is 403 ``forbidden``.

Tell apart what the operation is about:

- the whole organization: ``RESTRICTED``, by ``OrganizationReader``, ``OrganizationWriter`` or ``OrganizationAdmin``;
- one hidden resource, by an id in its path or body: ``HIDDEN``;
- what an agent has, without a document for each part: ``RESTRICTED`` for ``filtered``, by ``UnfilteredReader``;
- anything that the key may see of its own: ``OWN``. The response must then say nothing of the hidden resources.

Operations that need the scope ``operator`` have ``OPERATOR``. Keys without that scope receive 403.
"""

from typing import Any, NamedTuple

OWN = "own"
HIDDEN = "not_found"
RESTRICTED = "key_restricted"
OPERATOR = "operator_required"


class Line(NamedTuple):
    """What the two restricted keys receive."""

    bound: str
    filtered: str | None = None


_OF_HIDDEN_AGENT = Line(HIDDEN)
_OF_AGENT_AS_A_WHOLE = Line(HIDDEN, RESTRICTED)
_HIDDEN_FOR_BOTH = Line(HIDDEN, HIDDEN)
_OF_ORGANIZATION = Line(RESTRICTED, RESTRICTED)
_OWN = Line(OWN, OWN)

TABLE = {
    "GET /agents": _OWN,
    "POST /agents": Line(RESTRICTED),
    "POST /agents/bulk": Line(RESTRICTED),
    "GET /agents/bulk/{import_id}": _OF_ORGANIZATION,
    "GET /agents/bulk/{import_id}/rows": _OF_ORGANIZATION,
    "GET /agents/{agent_id}": Line(HIDDEN, OWN),
    "PATCH /agents/{agent_id}": _OF_HIDDEN_AGENT,
    "DELETE /agents/{agent_id}": _OF_HIDDEN_AGENT,
    "POST /agents/{agent_id}/search": Line(HIDDEN, OWN),
    "POST /search": Line(HIDDEN, OWN),
    "POST /agents/{agent_id}/ask": Line(HIDDEN, OWN),
    "POST /agents/{agent_id}/specs": _OF_HIDDEN_AGENT,
    "POST /agents/{agent_id}/question-sets": _OF_HIDDEN_AGENT,
    "GET /agents/{agent_id}/question-sets": _OF_AGENT_AS_A_WHOLE,
    "GET /agents/{agent_id}/question-sets/{set_id}": _OF_AGENT_AS_A_WHOLE,
    "DELETE /agents/{agent_id}/question-sets/{set_id}": _OF_HIDDEN_AGENT,
    "POST /agents/{agent_id}/evaluations": _OF_HIDDEN_AGENT,
    "GET /agents/{agent_id}/evaluations": _OF_AGENT_AS_A_WHOLE,
    "GET /agents/{agent_id}/evaluations/{evaluation_id}": _OF_AGENT_AS_A_WHOLE,
    "DELETE /agents/{agent_id}/evaluations/{evaluation_id}": _OF_HIDDEN_AGENT,
    "POST /agents/{agent_id}/profiles": _OF_HIDDEN_AGENT,
    "GET /agents/{agent_id}/profiles": _OF_AGENT_AS_A_WHOLE,
    "POST /agents/{agent_id}/profiles/import": _OF_HIDDEN_AGENT,
    "POST /agents/{agent_id}/profiles/enrich": _OF_HIDDEN_AGENT,
    "GET /profiles/{profile_id}": _OF_AGENT_AS_A_WHOLE,
    "PATCH /profiles/{profile_id}": _OF_HIDDEN_AGENT,
    "DELETE /profiles/{profile_id}": _OF_HIDDEN_AGENT,
    "POST /profiles/{profile_id}/enrich": _OF_HIDDEN_AGENT,
    "POST /documents/upload": Line(HIDDEN),
    "POST /documents/agent/{agent_id}/upload": _OF_HIDDEN_AGENT,
    "POST /documents/agent/{agent_id}/batch": _OF_HIDDEN_AGENT,
    "POST /documents/agent/{agent_id}/webpage": _OF_HIDDEN_AGENT,
    "POST /documents/agent/{agent_id}/crawl": _OF_HIDDEN_AGENT,
    "GET /documents": _OWN,
    "GET /documents/{document_id}": _HIDDEN_FOR_BOTH,
    "DELETE /documents/{document_id}": Line(HIDDEN),
    "GET /documents/{document_id}/status": _HIDDEN_FOR_BOTH,
    "GET /documents/{document_id}/chunks": _HIDDEN_FOR_BOTH,
    "GET /documents/{document_id}/text": _HIDDEN_FOR_BOTH,
    "GET /documents/{document_id}/content": _HIDDEN_FOR_BOTH,
    "POST /documents/{document_id}/reindex": Line(HIDDEN),
    "GET /analytics/usage": _OF_ORGANIZATION,
    "GET /analytics/tasks": _OF_ORGANIZATION,
    "GET /tasks/": _OWN,
    "GET /tasks/{task_id}": _HIDDEN_FOR_BOTH,
    "DELETE /tasks/{task_id}": Line(HIDDEN),
    "GET /tasks/{task_id}/events": _HIDDEN_FOR_BOTH,
    "POST /tasks/{task_id}/revoke": Line(HIDDEN),
    "POST /tasks/{task_id}/retry": Line(HIDDEN),
    "GET /dead-letters": _OWN,
    "POST /dead-letters/replay": Line(OWN),
    "GET /dead-letters/{task_id}": _HIDDEN_FOR_BOTH,
    "DELETE /dead-letters/{task_id}": Line(HIDDEN),
    "POST /dead-letters/{task_id}/replay": Line(HIDDEN),
    "GET /events": _OF_ORGANIZATION,
    "GET /queues": _OWN,
    "POST /queues/{name}/pause": Line(OPERATOR),
    "POST /queues/{name}/resume": Line(OPERATOR),
    "GET /workers": _OWN,
    "GET /audit": Line(RESTRICTED),
    "GET /api-keys": Line(OWN),
    "POST /api-keys": Line(RESTRICTED),
    "GET /api-keys/{key_id}": Line(HIDDEN),
    "PATCH /api-keys/{key_id}": Line(HIDDEN),
    "POST /api-keys/{key_id}/rotate": Line(HIDDEN),
    "DELETE /api-keys/{key_id}": Line(HIDDEN),
    "GET /analytics/billing": _OF_ORGANIZATION,
    "GET /prices": _OF_ORGANIZATION,
    "GET /limits": _OF_ORGANIZATION,
    "GET /reports": _OF_ORGANIZATION,
    "PUT /reports/schedule": Line(RESTRICTED),
    "PUT /organizations/{organization_id}/limits": Line(OPERATOR),
    "PUT /agents/{agent_id}/limits": _OF_HIDDEN_AGENT,
    "PUT /organizations/{organization_id}/prices": Line(OPERATOR),
    "POST /webhooks": Line(RESTRICTED),
    "GET /webhooks": _OF_ORGANIZATION,
    "GET /webhooks/callbacks/secret": Line(RESTRICTED),
    "POST /webhooks/callbacks/secret/rotate": Line(RESTRICTED),
    "GET /webhooks/{webhook_id}": _OF_ORGANIZATION,
    "PATCH /webhooks/{webhook_id}": Line(RESTRICTED),
    "DELETE /webhooks/{webhook_id}": Line(RESTRICTED),
    "POST /webhooks/{webhook_id}/secret/rotate": Line(RESTRICTED),
    "POST /webhooks/{webhook_id}/test": Line(RESTRICTED),
    "GET /webhooks/{webhook_id}/deliveries": _OF_ORGANIZATION,
    "POST /webhooks/{webhook_id}/deliveries/replay": Line(RESTRICTED),
    "GET /webhooks/{webhook_id}/deliveries/{delivery_id}": _OF_ORGANIZATION,
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/replay": Line(RESTRICTED),
    "GET /upkeep": Line(RESTRICTED),
    "POST /upkeep/{name}/run": Line(OPERATOR),
    "GET /organizations/{organization_id}/retention": Line(RESTRICTED),
    "PUT /organizations/{organization_id}/retention": Line(RESTRICTED),
    "GET /organizations/{organization_id}/alerts": Line(RESTRICTED),
    "PUT /organizations/{organization_id}/alerts": Line(RESTRICTED),
    "POST /organizations": Line(OPERATOR),
    "POST /organizations/{organization_id}/api-keys": Line(OPERATOR),
    "GET /organizations": Line(RESTRICTED),
    "GET /organizations/{organization_id}": Line(RESTRICTED),
    "PATCH /organizations/{organization_id}": Line(RESTRICTED),
}

NAMED_IN_BODY: dict[str, Any] = {"POST /search": {"agents": ["{agent_id}"], "query": "heron"}}
"""The bodies of operations that name hidden resources there, by operation. A text in braces is an id of the world."""
