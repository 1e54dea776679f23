"""taskiq: a broker on a Redis stream, which acknowledges; four processes, one task at a time each; no results."""

import asyncio
import sys
from importlib import import_module

from benchmarks.peers.queues.redis_url import REDIS_URL

broker = import_module("taskiq_redis").RedisStreamBroker(REDIS_URL)


async def _do_nothing() -> None:
    """Do nothing."""


no_op = broker.register_task(_do_nothing, "no_op")


async def _publish(count: int) -> None:
    await broker.startup()
    for _ in range(count):
        await no_op.kiq()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(_publish(int(sys.argv[2])))
