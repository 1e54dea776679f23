"""Routes for agents."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from app.api.access import OrganizationWriter, Reader, ServicesOf, Writer
from app.api.bodies.agents import AgentBody, AgentCreate, AgentList, AgentUpdate
from app.api.bodies.tasks import TaskAccepted
from app.api.paging import AfterId, Limit
from app.api.problems import RESPONSES, document_problems
from app.domain.errors import SlugTakenError

router = APIRouter(prefix="/agents", tags=["agents"], responses=RESPONSES)

AgentId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The agent's id.")]


@router.post("", status_code=201, responses=document_problems(SlugTakenError))
async def create_agent(
    body: AgentCreate, identity: OrganizationWriter, services: ServicesOf, response: Response
) -> AgentBody:
    """Create an agent. Without a slug, it is derived from the name."""
    settings = body.settings.model_dump()
    agent = await services.tenants.agents.create(identity.organization_id, body.name, body.slug, settings)
    response.headers["Location"] = f"/api/v1/agents/{agent.id}"
    return AgentBody.of(agent)


@router.get("")
async def list_agents(
    identity: Reader,
    services: ServicesOf,
    slug: Annotated[str | None, Query(max_length=100, description="Only the agent with this slug.")] = None,
    limit: Limit = 100,
    after: AfterId = None,
) -> AgentList:
    """List agents, newest first."""
    listing = await services.tenants.agents.list(identity.access, slug, limit=limit, after=after)
    return AgentList(agents=[AgentBody.of(agent) for agent in listing.items], total=listing.total, next=listing.next)


@router.get("/{agent_id}")
async def get_agent(agent_id: AgentId, identity: Reader, services: ServicesOf) -> AgentBody:
    """Show an agent."""
    return AgentBody.of(await services.tenants.agents.get(identity.access, agent_id))


@router.patch("/{agent_id}", responses=document_problems(SlugTakenError))
async def update_agent(agent_id: AgentId, body: AgentUpdate, identity: Writer, services: ServicesOf) -> AgentBody:
    """Update an agent. New chunk settings apply to documents that are uploaded or reindexed afterwards.

    A key that is restricted to agents cannot change a slug.
    """
    agent = await services.tenants.agents.update(
        identity.access,
        agent_id,
        name=body.name,
        slug=body.slug,
        settings=body.settings.model_dump(exclude_unset=True),
    )
    return AgentBody.of(agent)


@router.delete("/{agent_id}", status_code=202)
async def delete_agent(agent_id: AgentId, identity: Writer, services: ServicesOf) -> TaskAccepted:
    """Delete an agent and all its documents. They are hidden at once and removed by a task."""
    task = await services.tenants.agents.delete(identity.access, agent_id)
    return TaskAccepted.of(task, "Agent hidden and queued for removal")
