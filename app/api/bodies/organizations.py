"""Bodies of requests and responses on organizations."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.bodies.agents import Name
from app.api.bodies.api_keys import KEY, ApiKeyCreated
from app.api.bodies.fields import Next, Total, example
from app.domain.identity import Organization

_ORGANIZATION = {"id": 2, "name": "Harbour office", "created_at": "2026-11-23T09:41:07.120Z"}
_ADMIN_KEY = {**KEY, "name": "admin", "scopes": ["admin"], "agent_ids": None, "filter": None, "expires_at": None}


class OrganizationCreate(BaseModel):
    """A new organization."""

    model_config = example({"name": "Harbour office"}, extra="forbid")

    name: Name = Field(description="The organization's name, for people.")
    key_name: Name = Field("admin", description="The name of its first API key.")


class OrganizationKeyCreate(BaseModel):
    """A new admin key of an organization."""

    model_config = example({"name": "admin"}, extra="forbid")

    name: Name = Field("admin", description="The key's name, for people.")


class OrganizationUpdate(BaseModel):
    """Changes to an organization."""

    model_config = example({"name": "Harbour and customs"}, extra="forbid")

    name: Name = Field(description="The new name.")


class OrganizationBody(BaseModel):
    """An organization: it has agents, documents, tasks and API keys, and sees nothing of others."""

    model_config = example(_ORGANIZATION)

    id: int = Field(description="The organization's id.")
    name: str = Field(description="Its name, for people.")
    created_at: datetime = Field(description="When it was created.")

    @classmethod
    def of(cls, organization: Organization) -> "OrganizationBody":
        """Convert a record."""
        return cls.model_validate(organization, from_attributes=True)


class OrganizationCreated(OrganizationBody):
    """A new organization with its first API key."""

    model_config = example({**_ORGANIZATION, "api_key": {**_ADMIN_KEY, "secret": "sk_sluice_x3Vd…"}})

    api_key: ApiKeyCreated = Field(description="Its first API key, with the scope `admin` and its secret.")


class OrganizationList(BaseModel):
    """Organizations, the newest first."""

    model_config = example({"organizations": [_ORGANIZATION], "total": 1, "next": None})

    organizations: list[OrganizationBody] = Field(description="The organizations of this page.")
    total: Total
    next: Next
