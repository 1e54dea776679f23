"""A webhook costs what it has itself, however many deliveries wait for another one that is down."""

import json
from typing import Any

from app.db.webhooks import sending_order
from tests.webhooks.world import World

WAITING = 20_000


def count_read(plan: Any, table: str = "webhook_deliveries") -> int:
    """The rows of a table that a plan has read."""
    read = 0
    if plan.get("Relation Name") == table:
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        read = int(rows * plan["Actual Loops"])
    return read + sum(count_read(part, table) for part in plan.get("Plans", []))


async def explain(world: World, statement: str, **parameters: Any) -> Any:
    """The plan of a statement that has run."""
    [row] = await world.fetch(f"EXPLAIN (ANALYZE, FORMAT json) {statement}", **parameters)
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return plan[0]["Plan"]


async def test_deliveries_that_wait_for_another_webhook_are_not_read(world: World) -> None:
    down, _ = await world.register("https://down.example.com/")
    idle, _ = await world.register("https://idle.example.com/")
    await world.fetch(
        "INSERT INTO webhook_deliveries (organization_id, webhook_id, event_id, message_id, event, body)"
        " SELECT 1, :webhook, n, 'evt', 'task.succeeded', '{}' FROM generate_series(1, CAST(:count AS integer)) AS n",
        webhook=down.id,
        count=WAITING,
    )
    await world.fetch("ANALYZE webhook_deliveries")
    for statement, parameters, most in (
        (sending_order._CHOOSE, {"webhook_ids": [idle.id]}, 0),
        (sending_order._CHOOSE, {"webhook_ids": [down.id]}, 2 * sending_order._EXAMINED),
        (sending_order._WAITING, {}, 2),
        (sending_order._END_WITH_TASKS, {}, 0),
    ):
        plan = await explain(world, statement.text, **parameters)
        assert count_read(plan) <= most, statement.text


async def test_servers_of_earlier_callbacks_are_not_read(world: World) -> None:
    await world.fetch(
        "INSERT INTO webhooks (organization_id, callback_origin, url)"
        " SELECT 1, 'https://c' || n, 'https://c' || n FROM generate_series(1, CAST(:count AS integer)) AS n",
        count=WAITING,
    )
    await world.fetch(
        "INSERT INTO webhook_deliveries (organization_id, webhook_id, event_id, message_id, event, body)"
        " SELECT 1, id, id, 'evt', 'task.succeeded', '{}' FROM webhooks WHERE id % 2000 = 7 ORDER BY id"
    )
    for table in ("webhooks", "webhook_deliveries"):
        await world.fetch(f"ANALYZE {table}")
    plan = await explain(world, sending_order._WAITING.text)
    assert plan["Actual Rows"] == 10
    assert count_read(plan, "webhooks") <= 20
    async with world.database.statement() as connection:
        listed = await sending_order.list_waiting(connection)
    assert listed == [row.webhook_id for row in await world.fetch("SELECT webhook_id FROM webhook_deliveries")]
