"""Bodies of requests and responses on agents."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.api.bodies.fields import AgentId, Next, Total, example
from app.domain.agents import (
    CHUNK_OVERLAPS,
    CHUNK_SIZES,
    NAME_CHARACTERS,
    SLUG_CHARACTERS,
    SLUG_PATTERN,
    TASKS_IN_FLIGHT,
    WEIGHTS,
)
from app.domain.records import Agent

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_CHARACTERS)]
Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=SLUG_CHARACTERS)]

_SETTINGS = {"chunk_size": 1000, "chunk_overlap": 200, "chunker": "sentence", "weight": 1, "max_in_flight": None}
_AGENT = {
    "id": 1,
    "name": "Support agent",
    "slug": "support",
    "settings": _SETTINGS,
    "created_at": "2026-11-23T09:41:07.120Z",
    "updated_at": "2026-11-23T09:41:07.120Z",
}


class AgentSettingsBody(BaseModel):
    """How an agent's documents are chunked, and its share of the workers. An update keeps omitted fields."""

    model_config = example(_SETTINGS, extra="forbid")

    chunk_size: int = Field(
        1000, ge=CHUNK_SIZES.least, le=CHUNK_SIZES.most, description="Maximum size of a chunk, in characters."
    )
    chunk_overlap: int = Field(
        200,
        ge=CHUNK_OVERLAPS.least,
        le=CHUNK_OVERLAPS.most,
        description="Characters repeated from the previous chunk; at most half of `chunk_size`.",
    )
    chunker: Literal["sentence"] = Field("sentence", description="How text is cut: at the ends of sentences.")
    weight: int = Field(
        1, ge=WEIGHTS.least, le=WEIGHTS.most, description="The agent's share of a queue relative to other agents."
    )
    max_in_flight: int | None = Field(
        None,
        ge=TASKS_IN_FLIGHT.least,
        description="Maximum number of the agent's tasks that run at the same time; null for no limit.",
    )


class AgentCreate(BaseModel):
    """A new agent."""

    model_config = example({"name": "Support agent", "slug": "support"}, extra="forbid")

    name: Name = Field(description="The agent's name, for people.")
    slug: Slug | None = Field(None, description="The agent's name in paths. Default: derived from `name`.")
    settings: AgentSettingsBody = Field(AgentSettingsBody(), description="How its documents are processed.")


class AgentUpdate(BaseModel):
    """Changes to an agent. Omitted fields stay as they are."""

    model_config = example({"settings": {"chunk_size": 800}}, extra="forbid")

    name: Name | None = Field(None, description="The new name, for people.")
    slug: Slug | None = Field(None, description="The new name in paths.")
    settings: AgentSettingsBody = Field(
        AgentSettingsBody(), description="New settings, for documents that are processed afterwards."
    )


class AgentBody(BaseModel):
    """An agent: the documents that are searched together, and how they are processed."""

    model_config = example(_AGENT)

    id: AgentId
    name: str = Field(description="Its name, for people.")
    slug: str = Field(description="Its name in paths and as a collection, unique within the organization.")
    settings: AgentSettingsBody = Field(description="How its documents are processed.")
    created_at: datetime = Field(description="When it was created.")
    updated_at: datetime = Field(description="When it was last changed.")

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

    model_config = example({"agents": [_AGENT], "total": 1, "next": None})

    agents: list[AgentBody] = Field(description="The agents of this page.")
    total: Total
    next: Next
