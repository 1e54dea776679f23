"""Queueing: deliveries get the ledger tasks that send them. Nothing here commits; the caller nudges the queue."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tenants.organizations import ensure_internal_agent
from app.db.webhooks.sending_order import Due, choose_due, set_tasks
from app.domain.tasks import NewTask, Queue, TaskName, name_host
from app.ledger.submit import submit_all


async def queue_due(connection: AsyncConnection, webhook_ids: Sequence[int]) -> bool:
    """Submit tasks for the deliveries of these webhooks that may be sent now. The caller has locked the webhooks."""
    return await queue(connection, await choose_due(connection, webhook_ids))


async def queue(connection: AsyncConnection, deliveries: Sequence[Due]) -> bool:
    """Submit a task for each of these deliveries; returns whether there are any.

    As a page that is read, a delivery waits for its receiver without a worker slot, and only so many for one host:
    ``app.ledger.admit_fetches``.
    """
    if not deliveries:
        return False
    organizations = sorted({delivery.organization_id for delivery in deliveries})
    agents = {organization: await ensure_internal_agent(connection, organization) for organization in organizations}
    tasks = {
        delivery.id: NewTask(
            delivery.organization_id,
            agents[delivery.organization_id],
            TaskName.DELIVER_EVENT,
            Queue.DEFAULT,
            arguments={"delivery_id": delivery.id, **name_host(delivery.url)},
        )
        for delivery in deliveries
    }
    await submit_all(connection, list(tasks.values()))
    await set_tasks(connection, {delivery_id: task.id for delivery_id, task in tasks.items()})
    return True
