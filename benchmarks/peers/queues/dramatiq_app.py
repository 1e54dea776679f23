"""dramatiq: a broker on Redis, with its default middleware; four processes with one thread each."""

import sys
from importlib import import_module

from benchmarks.peers.queues.redis_url import REDIS_URL

_dramatiq = import_module("dramatiq")
_dramatiq.set_broker(import_module("dramatiq.brokers.redis").RedisBroker(url=REDIS_URL))


def _do_nothing() -> None:
    """Do nothing."""


no_op = _dramatiq.actor(_do_nothing, actor_name="no_op")

if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        no_op.send()
