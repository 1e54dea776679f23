"""Celery node names that are unique on a host and the same after a restart."""

import hashlib

from app.host_locks import get_lock_folder, lock_first

_MOST = 1000


def choose_node_name(name: str, installation: str) -> str:
    """The node name of a new worker: ``high@%h`` for the first on this host, then ``high-2@%h`` and so on.

    Two nodes of one name would answer each other's remote-control commands, and ``celery inspect`` would show one. The
    name is reserved until this process ends. Then a restarted worker takes it again, so that RabbitMQ's queue for its
    commands is used again and Flower shows one node.

    Args:
        name: The worker's name, such as ``high``.
        installation: What the workers of one installation have in common, and those of others do not: its broker.
    """
    key = hashlib.blake2s(installation.encode(), digest_size=6).hexdigest()
    found = lock_first(get_lock_folder(f"{name}-{key}"), _MOST)
    if found is None:
        raise RuntimeError(f"This host runs {_MOST} workers of the name {name} already.")
    number = found[0] + 1
    return f"{name}@%h" if number == 1 else f"{name}-{number}@%h"
