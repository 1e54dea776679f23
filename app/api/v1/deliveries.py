"""Routes for the deliveries of webhooks and callbacks."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.access import OrganizationReader, OrganizationWriter, ServicesOf
from app.api.bodies.dead_letters import ReplayResult
from app.api.bodies.deliveries import DeliveryBody, DeliveryDetails, DeliveryList, DeliveryReplay
from app.api.paging import AfterId, Limit
from app.api.problems import RESPONSES, document_problems
from app.api.v1.webhooks import WebhookId
from app.domain.errors import ConflictError, RestrictedKeyError
from app.domain.webhooks import CALLBACKS, DeliveryFilter, DeliveryStatus

router = APIRouter(
    prefix="/webhooks", tags=["webhooks"], responses={**RESPONSES, **document_problems(RestrictedKeyError)}
)

WebhookOrCallbacks = Annotated[
    str,
    Path(
        pattern=rf"^([1-9][0-9]{{0,17}}|{CALLBACKS})$",
        description="The webhook's id, or `callbacks` for what was sent to callback URLs.",
        examples=["7"],
    ),
]
DeliveryId = Annotated[int, Path(ge=1, le=2**63 - 1, description="The delivery's id.")]
_CONFLICT = document_problems(ConflictError)


def _read(webhook_id: str) -> int | str:
    return webhook_id if webhook_id == CALLBACKS else int(webhook_id)


@router.post("/{webhook_id}/test", status_code=202, responses=_CONFLICT)
async def test_webhook(webhook_id: WebhookId, identity: OrganizationWriter, services: ServicesOf) -> DeliveryBody:
    """Send a `webhook.test` event to a webhook now. The delivery's log shows the answer."""
    return DeliveryBody.of(await services.webhooks.deliveries.test(identity.organization_id, webhook_id))


@router.get("/{webhook_id}/deliveries")
async def list_deliveries(
    webhook_id: WebhookOrCallbacks,
    identity: OrganizationReader,
    services: ServicesOf,
    status: Annotated[DeliveryStatus | None, Query(description="Only deliveries with this status.")] = None,
    event: Annotated[str | None, Query(max_length=100, description="Only events of this type.")] = None,
    limit: Limit = 100,
    after: AfterId = None,
) -> DeliveryList:
    """List deliveries, newest first. They are kept for the organization's retention time."""
    listing = await services.webhooks.deliveries.list(
        identity.organization_id, _read(webhook_id), DeliveryFilter(status, event), limit=limit, after=after
    )
    bodies = [DeliveryBody.of(delivery) for delivery in listing.items]
    return DeliveryList(deliveries=bodies, total=listing.total, next=listing.next)


@router.post("/{webhook_id}/deliveries/replay", status_code=202, responses=_CONFLICT)
async def replay_deliveries(
    webhook_id: WebhookOrCallbacks, body: DeliveryReplay, identity: OrganizationWriter, services: ServicesOf
) -> ReplayResult:
    """Send every matching delivery that is not pending again, in order. With `dry_run`, only count them."""
    deliveries, webhook, wanted = services.webhooks.deliveries, _read(webhook_id), body.filter.to_domain()
    if body.dry_run:
        matched = await deliveries.count(identity.organization_id, webhook, wanted)
        return ReplayResult(dry_run=True, matched=matched, replayed=0)
    replayed = await deliveries.replay_all(identity.organization_id, webhook, wanted)
    return ReplayResult(dry_run=False, matched=replayed, replayed=replayed)


@router.get("/{webhook_id}/deliveries/{delivery_id}")
async def get_delivery(
    webhook_id: WebhookOrCallbacks, delivery_id: DeliveryId, identity: OrganizationReader, services: ServicesOf
) -> DeliveryDetails:
    """Show a delivery with its attempts and its payload."""
    found = await services.webhooks.deliveries.get(identity.organization_id, _read(webhook_id), delivery_id)
    return DeliveryDetails.of(found)


@router.post("/{webhook_id}/deliveries/{delivery_id}/replay", status_code=202, responses=_CONFLICT)
async def replay_delivery(
    webhook_id: WebhookOrCallbacks, delivery_id: DeliveryId, identity: OrganizationWriter, services: ServicesOf
) -> DeliveryBody:
    """Send a delivery again now, whatever became of it before. Its payload and its `webhook-id` are the same."""
    replayed = await services.webhooks.deliveries.replay(identity.organization_id, _read(webhook_id), delivery_id)
    return DeliveryBody.of(replayed)
