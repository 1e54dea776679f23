"""Bodies of responses on the audit log."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.bodies.fields import Next, Total, example

_ENTRY = {
    "id": 4711,
    "occurred_at": "2026-11-30T09:41:07.120Z",
    "organization_id": 1,
    "key_id": 2,
    "actor": "sk_sluice_x3Vd",
    "action": "upload_document",
    "method": "POST",
    "path": "/api/v1/documents/agent/{agent_id}/upload",
    "targets": ["agent:1", "document:123", "task:01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e"],
    "fields": [],
    "status": 202,
    "request_id": "9f86d081884c7d65",
    "client_address": None,
}


class AuditEntryBody(BaseModel):
    """A write that succeeded, or was refused because the key may not do it."""

    model_config = example(_ENTRY)

    id: int = Field(description="The entry's number.")
    occurred_at: datetime = Field(description="When it was written, just before the response was sent.")
    organization_id: int = Field(
        description="The organization of the key; the first organization for a command on the server's machine."
    )
    key_id: int | None = Field(description="The API key; null for a command on the server's machine.")
    actor: str = Field(description="The key's prefix, or the operating system's user who ran the command.")
    action: str = Field(description="The operation's `operationId` in the OpenAPI document, or the command.")
    method: str | None = Field(description="The HTTP method; null for a command.")
    path: str | None = Field(description="The path's template, without the ids; null for a command.")
    targets: list[str] = Field(description="What was written, and what was created, each as `kind:id`.")
    fields: list[str] = Field(
        description="The names of the fields that the request gave, such as `settings.weight`. Values are not recorded."
    )
    status: int | None = Field(description="The HTTP status: below 400, or 403 for a refusal; null for a command.")
    request_id: str | None = Field(description="The request's id, as in the header `X-Request-ID`; null for a command.")
    client_address: str | None = Field(
        description="The client's address, if the server's setting `AUDIT_CLIENT_ADDRESSES` is on; otherwise null."
    )


class AuditList(BaseModel):
    """Entries of the audit log, the newest first."""

    model_config = example({"entries": [_ENTRY], "total": 1, "next": None})

    entries: list[AuditEntryBody] = Field(description="The entries of this page.")
    total: Total
    next: Next
