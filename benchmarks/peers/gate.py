"""A gate in Redis: tasks that wait for it occupy every worker slot while no-ops are published."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from redis import Redis

from app.adapters.redis.url import redis_client_url

_KEY = "benchmark-gate"


@cache
def connect(redis_url: str) -> Redis:
    """A client of the server, one for each process."""
    return Redis.from_url(redis_client_url(redis_url))


def wait_for_gate() -> None:
    """Wait until the gate is open. Runs in a worker, whose environment has ``REDIS_URL``."""
    redis = connect(os.environ["REDIS_URL"])
    while not redis.exists(_KEY):
        time.sleep(0.002)


@contextmanager
def closed_gate(redis_url: str) -> Iterator[None]:
    """Keep the gate closed for the block."""
    redis = connect(redis_url)
    redis.delete(_KEY)
    yield
    redis.set(_KEY, 1)
