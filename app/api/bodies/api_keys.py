"""Bodies of requests and responses on API keys."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field

from app.api.bodies.agents import Name
from app.api.bodies.fields import Next, Total, example
from app.domain.identity import ApiKey, NewKey, Scope

_MAX_AGENTS = 1000
_MAX_OVERLAP, _DAY = 30 * 86_400, 86_400
KEY = {
    "id": 2,
    "name": "CI",
    "prefix": "sk_sluice_x3Vd",
    "scopes": ["read"],
    "agent_ids": [1],
    "filter": {"department": "sales"},
    "created_at": "2026-11-23T09:41:07.120Z",
    "expires_at": "2027-11-23T00:00:00Z",
    "last_used_at": "2026-11-24T08:00:12.400Z",
    "former_expires_at": None,
    "revoked_at": None,
}

ExpiresAt = Annotated[
    AwareDatetime | None,
    Field(description="When the key becomes invalid; null: never, or when the key that creates it expires."),
]


class ApiKeyCreate(BaseModel):
    """A new API key. It grants at most what the key that creates it has."""

    model_config = example(
        {"name": "CI", "scopes": ["read"], "agent_ids": [1], "filter": {"department": "sales"}}, extra="forbid"
    )

    name: Name = Field(description="What the key is for.")
    scopes: list[Scope] | None = Field(
        None,
        min_length=1,
        max_length=len(Scope),
        description=(
            "What the key permits. Each scope includes those before it: read, write, admin, operator. "
            "Default: read and write; with a `filter`, read."
        ),
    )
    agent_ids: list[Annotated[int, Field(ge=1, le=2**63 - 1)]] | None = Field(
        None,
        min_length=1,
        max_length=_MAX_AGENTS,
        description="The agents that the key may use, for which no other agents exist. Default: all.",
    )
    filter: dict[str, Any] | None = Field(
        None,
        description=(
            "A search filter that a document must match to exist for the key: it finds, lists, counts, cites and "
            "downloads no other document. Such a key has only the scope `read`, and may ask questions. Default: none."
        ),
    )
    expires_at: ExpiresAt = None

    def to_domain(self) -> NewKey:
        """The key to create."""
        return NewKey(self.name, self.scopes, self.agent_ids, self.filter, self.expires_at)


class ApiKeyUpdate(BaseModel):
    """Changes to an API key. Omitted fields stay as they are. Scopes and restrictions never change."""

    model_config = example({"name": "CI of the website", "expires_at": "2027-11-23T00:00:00Z"}, extra="forbid")

    name: Name | None = Field(None, description="What the key is for.")
    expires_at: ExpiresAt = None

    def to_changes(self) -> dict[str, Any]:
        """The fields that change. An expiry of null is one; a name of null is not."""
        given = self.model_dump(exclude_unset=True)
        return {field: value for field, value in given.items() if field != "name" or value is not None}


class ApiKeyRotate(BaseModel):
    """How long the present secret stays valid."""

    model_config = example({"overlap_seconds": 3600}, extra="forbid")

    overlap_seconds: int = Field(
        _DAY,
        ge=0,
        le=_MAX_OVERLAP,
        description="How long the present secret stays valid, in seconds; at most 30 days. 0: it is invalid at once.",
    )


class ApiKeyBody(BaseModel):
    """An API key. Of its secret, only the prefix is shown."""

    model_config = example(KEY)

    id: int = Field(description="The key's id, by which it is changed, rotated and revoked.")
    name: str = Field(description="What the key is for.")
    prefix: str = Field(description="The beginning of its secret, by which logs identify it.")
    scopes: list[str] = Field(description="What it permits: read, write, admin or operator.")
    agent_ids: list[int] | None = Field(description="The agents that it may use; null: all.")
    filter: dict[str, Any] | None = Field(
        description="The search filter that documents match for this key; null: it sees all documents."
    )
    created_at: datetime = Field(description="When it was created.")
    expires_at: datetime | None = Field(description="When it becomes invalid; null: never.")
    last_used_at: datetime | None = Field(description="When it was last used, exact to a minute; null: never.")
    former_expires_at: datetime | None = Field(
        description="Until when the secret before the last rotation is valid; null if it was never rotated."
    )
    revoked_at: datetime | None = Field(description="When it was revoked; null if it is valid.")

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyBody":
        """Convert a record."""
        names = cls.model_fields.keys() - {"filter"}
        return cls.model_validate({name: getattr(key, name) for name in names} | {"filter": key.document_filter})


class ApiKeyCreated(ApiKeyBody):
    """An API key with its new secret, which is shown only once."""

    model_config = example({**KEY, "secret": "sk_sluice_x3Vd…"})

    secret: str = Field(description="The key itself, for the header `Authorization`. It is shown only now.")

    @classmethod
    def of_new(cls, key: ApiKey, secret: str) -> "ApiKeyCreated":
        """Convert a record and its secret."""
        return cls(**ApiKeyBody.of(key).model_dump(), secret=secret)


class ApiKeyList(BaseModel):
    """API keys, the newest first."""

    model_config = example({"api_keys": [KEY], "total": 1, "next": None})

    api_keys: list[ApiKeyBody] = Field(description="The keys of this page, also those that were revoked.")
    total: Total
    next: Next
