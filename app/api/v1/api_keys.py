"""Routes for the API keys of the caller's organization."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.api.access import Admin, ServicesOf
from app.api.bodies.operations import ApiKeyBody, ApiKeyCreate, ApiKeyCreated, ApiKeyList
from app.api.paging import AfterId, Limit
from app.api.problems import RESPONSES, document_problems
from app.domain.errors import OperatorRequiredError
from app.domain.identity import Scope

router = APIRouter(prefix="/api-keys", tags=["api keys"], responses=RESPONSES)


@router.post("", status_code=201, responses=document_problems(OperatorRequiredError))
async def create_api_key(body: ApiKeyCreate, identity: Admin, services: ServicesOf) -> ApiKeyCreated:
    """Create an API key. Its secret is in this response only. Only an operator may grant the scope `operator`."""
    if not all(map(identity.allows, body.scopes)):
        raise OperatorRequiredError
    scopes = [scope.value for scope in body.scopes]
    key, secret = await services.tenants.identities.create_key(identity.organization_id, body.name, scopes)
    return ApiKeyCreated(**ApiKeyBody.of(key).model_dump(), secret=secret)


@router.get("")
async def list_api_keys(identity: Admin, services: ServicesOf, limit: Limit = 100, after: AfterId = None) -> ApiKeyList:
    """List API keys, newest first."""
    listing = await services.tenants.identities.list_keys(identity.organization_id, limit=limit, after=after)
    return ApiKeyList(api_keys=[ApiKeyBody.of(key) for key in listing.items], total=listing.total, next=listing.next)


@router.delete(
    "/{key_id}",
    status_code=204,
    response_description="The key is revoked.",
    responses=document_problems(OperatorRequiredError),
)
async def revoke_api_key(
    key_id: Annotated[int, Path(ge=1, le=2**63 - 1, description="The key's id.")], identity: Admin, services: ServicesOf
) -> None:
    """Revoke an API key. It is invalid from the next request on. Only an operator may revoke an operator's key."""
    by_operator = identity.allows(Scope.OPERATOR)
    await services.tenants.identities.revoke_key(identity.organization_id, key_id, by_operator=by_operator)
