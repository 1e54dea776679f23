"""Routes for the API keys of the caller's organization."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.api.access import Admin, ServicesOf
from app.api.bodies.api_keys import ApiKeyBody, ApiKeyCreate, ApiKeyCreated, ApiKeyList, ApiKeyRotate, ApiKeyUpdate
from app.api.paging import AfterId, Limit
from app.api.problems import RESPONSES, document_problems
from app.domain.errors import OperatorRequiredError, RestrictedKeyError

router = APIRouter(prefix="/api-keys", tags=["api keys"], responses=RESPONSES)

KeyId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The key's id.")]


@router.post("", status_code=201, responses=document_problems(OperatorRequiredError, RestrictedKeyError))
async def create_api_key(
    body: ApiKeyCreate, identity: Admin, services: ServicesOf, response: Response
) -> ApiKeyCreated:
    """Create an API key. Its secret is in this response only.

    A key grants at most what the caller's has: only an operator grants the scope `operator`, and a key that is
    restricted to agents creates keys for some of them.
    """
    key, secret = await services.tenants.api_keys.create(identity, body.to_domain())
    response.headers["Location"] = f"/api/v1/api-keys/{key.id}"
    return ApiKeyCreated.of_new(key, secret)


@router.get("")
async def list_api_keys(identity: Admin, services: ServicesOf, limit: Limit = 100, after: AfterId = None) -> ApiKeyList:
    """List API keys, newest first. A key that is restricted to agents sees those that grant no more."""
    listing = await services.tenants.api_keys.list(identity, limit=limit, after=after)
    return ApiKeyList(api_keys=[ApiKeyBody.of(key) for key in listing.items], total=listing.total, next=listing.next)


@router.get("/{key_id}")
async def get_api_key(key_id: KeyId, identity: Admin, services: ServicesOf) -> ApiKeyBody:
    """Show an API key."""
    return ApiKeyBody.of(await services.tenants.api_keys.get(identity, key_id))


@router.patch("/{key_id}", responses=document_problems(OperatorRequiredError))
async def update_api_key(key_id: KeyId, body: ApiKeyUpdate, identity: Admin, services: ServicesOf) -> ApiKeyBody:
    """Change the name or the expiry of an API key. Only an operator may change an operator's key."""
    return ApiKeyBody.of(await services.tenants.api_keys.update(identity, key_id, body.to_changes()))


@router.post("/{key_id}/rotate", responses=document_problems(OperatorRequiredError))
async def rotate_api_key(
    key_id: KeyId, identity: Admin, services: ServicesOf, body: ApiKeyRotate | None = None
) -> ApiKeyCreated:
    """Give an API key a new secret. Its present one stays valid for `overlap_seconds`.

    At most two secrets are valid: a rotation within the overlap ends the older one. Only an operator may rotate an
    operator's key.
    """
    overlap = (body or ApiKeyRotate()).overlap_seconds
    key, secret = await services.tenants.api_keys.rotate(identity, key_id, overlap)
    return ApiKeyCreated.of_new(key, secret)


@router.delete(
    "/{key_id}",
    status_code=204,
    response_description="The key is revoked.",
    responses=document_problems(OperatorRequiredError),
)
async def revoke_api_key(key_id: KeyId, identity: Admin, services: ServicesOf) -> None:
    """Revoke an API key. All its secrets are invalid from the next request on.

    Only an operator may revoke an operator's key.
    """
    await services.tenants.api_keys.revoke(identity, key_id)
