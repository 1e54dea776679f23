"""A webhook costs what it has itself, however many deliveries wait for another one that is down."""

import json
from typing import Any

from app.db.webhooks import sending_order
from tests.webhooks.world import World

WAITING = 20_000


def count_read(plan: Any) -> int:
    """The rows of deliveries that a plan has read."""
    read = 0
    if plan.get("Relation Name") == "webhook_deliveries":
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        read = int(rows * plan["Actual Loops"])
    return read + sum(map(count_read, plan.get("Plans", [])))


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
        [row] = await world.fetch(f"EXPLAIN (ANALYZE, FORMAT json) {statement.text}", **parameters)
        plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
        assert count_read(plan[0]["Plan"]) <= most, statement.text
