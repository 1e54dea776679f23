"""Webhooks: registered by clients, with signing secrets that can be rotated."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, repeats_on_conflict
from app.db.tenants.agents import find_agents
from app.db.webhooks.secrets import ensure_callback_secret, expire_secret, insert_secret, list_secrets
from app.db.webhooks.sending_order import hold_deliveries
from app.db.webhooks.webhooks import (
    count_webhooks,
    delete_webhook,
    get_webhook,
    insert_webhook,
    list_webhooks,
    lock_organization_webhooks,
    record_events,
    update_webhook,
)
from app.domain.addresses import AllowedHosts
from app.domain.errors import ConflictError, InvalidRequestError, NotFoundError
from app.domain.identity import Access
from app.domain.records import Listing
from app.domain.web import check_url
from app.domain.webhooks import Secret, Webhook, WebhookValues, make_secret

MOST_WEBHOOKS = 50
"""The webhooks of an organization."""


class Webhooks:
    """Registers webhooks."""

    def __init__(self, database: Database, allowed: AllowedHosts) -> None:
        self._database = database
        self._allowed = allowed

    def check_callback(self, url: str | None) -> str | None:
        """Check a callback URL before the job is accepted; returns it.

        Raises:
            InvalidUrlError, UrlNotAllowedError
        """
        try:
            if url:
                check_url(url, self._allowed)
        except InvalidRequestError as error:
            raise type(error)(error.detail, field="body.callback_url") from error
        return url or None

    @repeats_on_conflict
    async def create(self, organization_id: int, values: WebhookValues) -> tuple[Webhook, str]:
        """Register a webhook; returns it and its secret. From now on the organization's events are recorded.

        Raises:
            InvalidUrlError, UrlNotAllowedError
            InvalidRequestError: an agent does not exist.
            ConflictError: the organization has too many webhooks.
        """
        await self._check(organization_id, values)
        secret = make_secret()
        async with self._database.transaction() as connection:
            await lock_organization_webhooks(connection, organization_id)
            if await count_webhooks(connection, organization_id) >= MOST_WEBHOOKS:
                raise ConflictError(f"An organization has at most {MOST_WEBHOOKS} webhooks.")
            webhook = await insert_webhook(connection, organization_id, values)
            await insert_secret(connection, organization_id, webhook.id, secret)
            await record_events(connection, organization_id, always=True)
        return webhook, secret

    async def list(self, organization_id: int, *, limit: int, after: int | None) -> Listing[Webhook]:
        """An organization's webhooks, the newest first."""
        async with self._database.statement() as connection:
            return await list_webhooks(connection, organization_id, limit=limit, after=after)

    async def get(self, organization_id: int, webhook_id: int) -> Webhook:
        """One webhook.

        Raises:
            NotFoundError: the organization has no such webhook.
        """
        async with self._database.statement() as connection:
            return await self._get(connection, organization_id, webhook_id)

    @repeats_on_conflict
    async def update(self, organization_id: int, webhook_id: int, **changes: object) -> Webhook:
        """Change some of a webhook's values. What a disabled webhook was not sent is held until it is replayed.

        Raises:
            NotFoundError: the organization has no such webhook.
            InvalidUrlError, UrlNotAllowedError
            InvalidRequestError: an agent does not exist.
        """
        former = await self.get(organization_id, webhook_id)
        await self._check(organization_id, _merge(former, changes))
        async with self._database.transaction() as connection:
            webhook = await self._get(connection, organization_id, webhook_id, lock=True)
            changed = await update_webhook(connection, webhook, _merge(webhook, changes))
            if webhook.enabled and not changed.enabled:
                await hold_deliveries(connection, webhook_id)
        return changed

    @repeats_on_conflict
    async def delete(self, organization_id: int, webhook_id: int) -> None:
        """Delete a webhook; what it was not sent is not sent any more.

        Raises:
            NotFoundError: the organization has no such webhook.
        """
        async with self._database.transaction() as connection:
            await lock_organization_webhooks(connection, organization_id)
            await self._get(connection, organization_id, webhook_id, lock=True)
            await delete_webhook(connection, webhook_id)
            await hold_deliveries(connection, webhook_id)
            if not await count_webhooks(connection, organization_id):
                await record_events(connection, organization_id, always=False)

    @repeats_on_conflict
    async def rotate_secret(
        self, organization_id: int, webhook_id: int, overlap_hours: int
    ) -> tuple[str, Secret | None]:
        """Replace the secret of a webhook; returns the new one, and the former one while it signs too.

        Raises:
            NotFoundError: the organization has no such webhook.
        """
        async with self._database.transaction() as connection:
            await self._get(connection, organization_id, webhook_id, lock=True)
            return await _rotate(connection, organization_id, webhook_id, overlap_hours)

    async def list_callback_secrets(self, organization_id: int) -> Sequence[Secret]:
        """The secrets that sign an organization's callbacks, the current one first. It is made at its first use."""
        async with self._database.statement() as connection:
            await ensure_callback_secret(connection, organization_id, make_secret())
            return await list_secrets(connection, organization_id, None)

    @repeats_on_conflict
    async def rotate_callback_secret(self, organization_id: int, overlap_hours: int) -> Sequence[Secret]:
        """Replace the secret of an organization's callbacks; returns those that sign from now on."""
        async with self._database.transaction() as connection:
            await lock_organization_webhooks(connection, organization_id)
            await _rotate(connection, organization_id, None, overlap_hours)
            return await list_secrets(connection, organization_id, None)

    async def _get(
        self, connection: AsyncConnection, organization_id: int, webhook_id: int, *, lock: bool = False
    ) -> Webhook:
        webhook = await get_webhook(connection, organization_id, webhook_id, lock=lock)
        if webhook is None:
            raise NotFoundError(f"Webhook {webhook_id} does not exist.")
        return webhook

    async def _check(self, organization_id: int, values: WebhookValues) -> None:
        check_url(values.url, self._allowed)
        if values.agent_ids is not None:
            found = await find_agents(self._database, Access(organization_id), values.agent_ids, [])
            if missing := set(values.agent_ids) - {agent.id for agent in found}:
                raise InvalidRequestError(f"Agent {min(missing)} does not exist.", field="body.agent_ids")


async def _rotate(
    connection: AsyncConnection, organization_id: int, webhook_id: int | None, overlap_hours: int
) -> tuple[str, Secret | None]:
    secret = make_secret()
    await expire_secret(connection, organization_id, webhook_id, overlap_hours)
    await insert_secret(connection, organization_id, webhook_id, secret)
    valid = await list_secrets(connection, organization_id, webhook_id)
    return secret, valid[1] if len(valid) > 1 else None


def _merge(webhook: Webhook, changes: dict[str, object]) -> WebhookValues:
    values = WebhookValues(webhook.url, webhook.description, webhook.events, webhook.agent_ids, webhook.enabled)
    return replace(values, **changes)  # type: ignore[arg-type]  # the API has checked the values
