"""arq: an asyncio worker on Redis, four jobs at a time, no results kept."""

import asyncio
import sys
from importlib import import_module

from benchmarks.peers.queues.redis_url import REDIS_PATH


async def no_op(_: object) -> None:
    """Do nothing."""


async def _publish(count: int) -> None:
    connections = import_module("arq.connections")
    redis = await connections.create_pool(connections.RedisSettings(unix_socket_path=REDIS_PATH))
    for _ in range(count):
        await redis.enqueue_job("no_op")


def _work() -> None:
    settings = import_module("arq.connections").RedisSettings(unix_socket_path=REDIS_PATH)
    worker = import_module("arq.worker").Worker
    worker([no_op], redis_settings=settings, max_jobs=4, keep_result=0).run()


if __name__ == "__main__":
    if sys.argv[1] == "publish":
        asyncio.run(_publish(int(sys.argv[2])))
    else:
        asyncio.set_event_loop(asyncio.new_event_loop())
        _work()
