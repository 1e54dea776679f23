"""Bodies of requests and responses on agents."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.domain.records import Agent

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
SLUG_PATTERN = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"
Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)]


class AgentSettingsBody(BaseModel):
    """How an agent's documents are chunked, and its share of the workers. An update keeps omitted fields."""

    model_config = ConfigDict(extra="forbid")

    chunk_size: int = Field(1000, ge=100, le=10_000, description="Maximum size of a chunk, in characters.")
    chunk_overlap: int = Field(200, ge=0, le=5_000, description="Characters repeated from the previous chunk.")
    chunker: Literal["sentence"] = "sentence"
    weight: int = Field(1, ge=1, le=100, description="The agent's share of a queue relative to other agents.")
    max_in_flight: int | None = Field(
        None, ge=1, description="Maximum number of the agent's tasks that run at the same time."
    )


class AgentCreate(BaseModel):
    """A new agent."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Support agent", "slug": "support"}}
    )

    name: Name
    slug: Slug | None = None
    settings: AgentSettingsBody = AgentSettingsBody()


class AgentUpdate(BaseModel):
    """Changes to an agent. Omitted fields stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"settings": {"chunk_size": 800}}})

    name: Name | None = None
    slug: Slug | None = None
    settings: AgentSettingsBody = AgentSettingsBody()


class AgentBody(BaseModel):
    """An agent."""

    id: int
    name: str
    slug: str
    settings: AgentSettingsBody
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, agent: Agent) -> "AgentBody":
        """Convert a record."""
        settings = AgentSettingsBody.model_validate(agent.settings, from_attributes=True)
        return cls(
            id=agent.id,
            name=agent.name,
            slug=agent.slug,
            settings=settings,
            created_at=agent.created_at,
            updated_at=agent.updated_at,
        )


class AgentList(BaseModel):
    """Agents, the newest first."""

    agents: list[AgentBody]
    total: int
    next: str | None
