"""Routes for limits."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.access import Operator, OrganizationAdmin, OrganizationReader, ServicesOf
from app.api.bodies.limits import LimitList, LimitsBody, LimitsUpdate
from app.api.problems import RESPONSES, document_problems
from app.api.v1.agents import AgentId
from app.domain.errors import OperatorRequiredError, RestrictedKeyError
from app.domain.limits import ORGANIZATION

router = APIRouter(tags=["billing"], responses=RESPONSES)


@router.get("/limits")
async def list_limits(
    identity: OrganizationReader,
    services: ServicesOf,
    agent_id: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Also list the limits of this agent.")
    ] = None,
) -> LimitList:
    """List the limits of your organization, and what is used of each.

    Documents and bytes include those that were accepted and are not finished.
    """
    if agent_id is not None:
        await services.tenants.agents.get(identity.access, agent_id)
    states = await services.billing.limit_report.list(identity.organization_id, agent_id or ORGANIZATION)
    prices = await services.billing.prices.get(identity.organization_id)
    return LimitList.of(states, prices.currency)


@router.put("/organizations/{organization_id}/limits", responses=document_problems(OperatorRequiredError))
async def set_organization_limits(
    organization_id: Annotated[int, Path(ge=1, le=2**63 - 1, description="The organization's id.")],
    body: LimitsUpdate,
    _identity: Operator,
    services: ServicesOf,
) -> LimitsBody:
    """Set the limits of an organization, in place of the former ones. This needs the scope `operator`.

    A limit that is null or left out is that of the installation, if it has one.
    """
    await services.billing.limits.set(organization_id, ORGANIZATION, limits := body.read())
    return LimitsBody.of(limits)


@router.put("/agents/{agent_id}/limits", responses=document_problems(RestrictedKeyError))
async def set_agent_limits(
    agent_id: AgentId, body: LimitsUpdate, identity: OrganizationAdmin, services: ServicesOf
) -> LimitsBody:
    """Set the limits of an agent, in place of the former ones. They hold in addition to those of the organization.

    A key that is restricted to the agent cannot change them.
    """
    await services.billing.limits.set(identity.organization_id, agent_id, limits := body.read())
    return LimitsBody.of(limits)
