"""Routes for organizations."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.api.access import Operator, OrganizationAdmin, ServicesOf
from app.api.bodies.api_keys import ApiKeyCreated
from app.api.bodies.organizations import (
    OrganizationBody,
    OrganizationCreate,
    OrganizationCreated,
    OrganizationKeyCreate,
    OrganizationList,
    OrganizationUpdate,
)
from app.api.paging import AfterId, Limit
from app.api.problems import RESPONSES, document_problems
from app.domain.errors import OperatorRequiredError, RestrictedKeyError

router = APIRouter(prefix="/organizations", tags=["organizations"], responses=RESPONSES)

OrganizationId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The organization's id.")]


@router.post("", status_code=201, responses=document_problems(OperatorRequiredError))
async def create_organization(
    body: OrganizationCreate, identity: Operator, services: ServicesOf, response: Response
) -> OrganizationCreated:
    """Create an organization with its first API key. The key's secret is in this response only.

    This needs the scope `operator`. With the key, which has the scope `admin`, the organization creates its others. It
    expires when the caller's does.
    """
    organization, key, secret = await services.tenants.organizations.create(identity, body.name, body.key_name)
    response.headers["Location"] = f"/api/v1/organizations/{organization.id}"
    shown = OrganizationBody.of(organization).model_dump()
    return OrganizationCreated(**shown, api_key=ApiKeyCreated.of_new(key, secret))


@router.post("/{organization_id}/api-keys", status_code=201, responses=document_problems(OperatorRequiredError))
async def create_organization_key(
    organization_id: OrganizationId, body: OrganizationKeyCreate, identity: Operator, services: ServicesOf
) -> ApiKeyCreated:
    """Create an admin key for an organization that has lost its own. Its secret is in this response only.

    This needs the scope `operator`. The key expires when the caller's does.
    """
    return ApiKeyCreated.of_new(*await services.tenants.organizations.create_key(identity, organization_id, body.name))


@router.get("", responses=document_problems(RestrictedKeyError))
async def list_organizations(
    identity: OrganizationAdmin, services: ServicesOf, limit: Limit = 100, after: AfterId = None
) -> OrganizationList:
    """List organizations, newest first. An admin sees its own, an operator all."""
    listing = await services.tenants.organizations.list(identity, limit=limit, after=after)
    shown = [OrganizationBody.of(organization) for organization in listing.items]
    return OrganizationList(organizations=shown, total=listing.total, next=listing.next)


@router.get("/{organization_id}", responses=document_problems(RestrictedKeyError))
async def get_organization(
    organization_id: OrganizationId, identity: OrganizationAdmin, services: ServicesOf
) -> OrganizationBody:
    """Show an organization. An admin sees its own, an operator all."""
    return OrganizationBody.of(await services.tenants.organizations.get(identity, organization_id))


@router.patch("/{organization_id}", responses=document_problems(RestrictedKeyError))
async def update_organization(
    organization_id: OrganizationId, body: OrganizationUpdate, identity: OrganizationAdmin, services: ServicesOf
) -> OrganizationBody:
    """Rename an organization. An admin renames its own, an operator any."""
    return OrganizationBody.of(await services.tenants.organizations.rename(identity, organization_id, body.name))
