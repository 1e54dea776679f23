"""Routes for webhooks, their secrets and those of callbacks."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.api.access import OrganizationAdmin, OrganizationReader, ServicesOf
from app.api.bodies.webhooks import (
    CallbackSecretList,
    SecretRotated,
    SecretRotation,
    WebhookBody,
    WebhookCreate,
    WebhookCreated,
    WebhookList,
    WebhookUpdate,
)
from app.api.paging import AfterId, Limit
from app.api.problems import RESPONSES, document_problems
from app.domain.errors import ConflictError, InvalidUrlError, RestrictedKeyError, UrlNotAllowedError
from app.domain.webhooks import WebhookValues

router = APIRouter(
    prefix="/webhooks", tags=["webhooks"], responses={**RESPONSES, **document_problems(RestrictedKeyError)}
)

WebhookId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The webhook's id.")]
_URL_PROBLEMS = (InvalidUrlError, UrlNotAllowedError)


@router.post("", status_code=201, responses=document_problems(*_URL_PROBLEMS, ConflictError))
async def create_webhook(
    body: WebhookCreate, identity: OrganizationAdmin, services: ServicesOf, response: Response
) -> WebhookCreated:
    """Register a webhook. Its secret is in this response only. Events from now on are sent to it."""
    values = WebhookValues(body.url, body.description, body.events, body.agent_ids, body.enabled)
    webhook, secret = await services.webhooks.webhooks.create(identity.organization_id, values)
    response.headers["Location"] = f"/api/v1/webhooks/{webhook.id}"
    return WebhookCreated(**WebhookBody.of(webhook).model_dump(), secret=secret)


@router.get("")
async def list_webhooks(
    identity: OrganizationReader, services: ServicesOf, limit: Limit = 100, after: AfterId = None
) -> WebhookList:
    """List webhooks, newest first."""
    listing = await services.webhooks.webhooks.list(identity.organization_id, limit=limit, after=after)
    bodies = [WebhookBody.of(webhook) for webhook in listing.items]
    return WebhookList(webhooks=bodies, total=listing.total, next=listing.next)


@router.get("/callbacks/secret")
async def get_callback_secret(identity: OrganizationAdmin, services: ServicesOf) -> CallbackSecretList:
    """Show the secret that signs what is sent to a `callback_url`. After a rotation, both are shown while both sign."""
    return CallbackSecretList.of(await services.webhooks.webhooks.list_callback_secrets(identity.organization_id))


@router.post("/callbacks/secret/rotate")
async def rotate_callback_secret(
    identity: OrganizationAdmin, services: ServicesOf, body: SecretRotation | None = None
) -> CallbackSecretList:
    """Replace the secret that signs what is sent to a `callback_url`."""
    overlap = (body or SecretRotation()).overlap_hours
    rotated = await services.webhooks.webhooks.rotate_callback_secret(identity.organization_id, overlap)
    return CallbackSecretList.of(rotated)


@router.get("/{webhook_id}")
async def get_webhook(webhook_id: WebhookId, identity: OrganizationReader, services: ServicesOf) -> WebhookBody:
    """Show a webhook."""
    return WebhookBody.of(await services.webhooks.webhooks.get(identity.organization_id, webhook_id))


@router.patch("/{webhook_id}", responses=document_problems(*_URL_PROBLEMS))
async def update_webhook(
    webhook_id: WebhookId, body: WebhookUpdate, identity: OrganizationAdmin, services: ServicesOf
) -> WebhookBody:
    """Change a webhook. Enabling one that was disabled does not send what was held: replay it."""
    changes = {name: getattr(body, name) for name in body.model_fields_set}
    return WebhookBody.of(await services.webhooks.webhooks.update(identity.organization_id, webhook_id, **changes))


@router.delete("/{webhook_id}", status_code=204, response_description="The webhook is deleted.")
async def delete_webhook(webhook_id: WebhookId, identity: OrganizationAdmin, services: ServicesOf) -> None:
    """Delete a webhook. What it was not sent yet is not sent any more."""
    await services.webhooks.webhooks.delete(identity.organization_id, webhook_id)


@router.post("/{webhook_id}/secret/rotate")
async def rotate_webhook_secret(
    webhook_id: WebhookId, identity: OrganizationAdmin, services: ServicesOf, body: SecretRotation | None = None
) -> SecretRotated:
    """Replace the secret of a webhook. The new one is in this response only."""
    overlap = (body or SecretRotation()).overlap_hours
    secret, former = await services.webhooks.webhooks.rotate_secret(identity.organization_id, webhook_id, overlap)
    return SecretRotated(secret=secret, former_expires_at=former.expires_at if former else None)
