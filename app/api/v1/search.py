"""Routes for search."""

import time
from collections.abc import Sequence

from fastapi import APIRouter, Response

from app.api.access import Reader, ServicesOf
from app.api.bodies.search import SearchRequest, SearchResults, SeveralAgentsSearchRequest
from app.api.problems import RESPONSES, document_problems
from app.api.v1.agents import AgentId
from app.bootstrap import Services
from app.domain.errors import (
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderPausedError,
)
from app.domain.identity import Access

_PROVIDERS = (ProviderDownError, ProviderPausedError, ProviderBusyError, ProviderCredentialsError)

router = APIRouter(tags=["search"], responses=RESPONSES)


@router.post("/agents/{agent_id}/search", response_model=SearchResults, responses=document_problems(*_PROVIDERS))
async def search_agent(agent_id: AgentId, body: SearchRequest, identity: Reader, services: ServicesOf) -> Response:
    """Find the chunks that match a query best: by words (`text`), by meaning (`vector`) or by both (`hybrid`)."""
    began = time.perf_counter()
    agent = await services.tenants.agents.get(identity.access, agent_id)
    return await _search(services, identity.access, [agent.id], body, began)


@router.post("/search", response_model=SearchResults, responses=document_problems(*_PROVIDERS))
async def search_agents(body: SeveralAgentsSearchRequest, identity: Reader, services: ServicesOf) -> Response:
    """Find the chunks of several agents that match a query best.

    They have one ranking, as if they belonged to one agent.
    """
    began = time.perf_counter()
    agents = await services.tenants.agents.find_all(identity.access, body.agents)
    return await _search(services, identity.access, [agent.id for agent in agents], body, began)


async def _search(
    services: Services, access: Access, agent_ids: Sequence[int], body: SearchRequest, began: float
) -> Response:
    """Search, and write the response here: FastAPI would check and convert the results once more."""
    found = await services.search.results.find(
        access,
        agent_ids,
        body.query,
        top_k=body.top_k,
        mode=body.mode,
        where=body.where,
        neighbours=body.neighbours,
        explain=body.explain,
    )
    took = round((time.perf_counter() - began) * 1000, 2)
    return Response(SearchResults.of(found, took).model_dump_json(), media_type="application/json")
