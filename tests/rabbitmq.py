"""Virtual hosts on the developer's RabbitMQ, one for each stack of the tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, unquote, urlsplit

import httpx

SCHEMES = {"amqp", "amqps"}
_MANAGEMENT_PORT = 15672
_MANAGEMENT_URL = os.environ.get("RABBITMQ_MANAGEMENT_URL")


@contextmanager
def open_vhost(url: str, name: str) -> Iterator[str]:
    """Make a virtual host of this name for the block; yields its address.

    AMQP itself cannot do that. RabbitMQ's management plugin does, at ``RABBITMQ_MANAGEMENT_URL``, by default at its
    usual port of the broker's host.
    """
    parts = urlsplit(url)
    user = unquote(parts.username or "guest")
    with httpx.Client(
        base_url=_MANAGEMENT_URL or f"http://{parts.hostname}:{_MANAGEMENT_PORT}",
        auth=(user, unquote(parts.password or "guest")),
        trust_env=False,
        timeout=30,
    ) as management:
        management.put(f"/api/vhosts/{name}").raise_for_status()
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        management.put(f"/api/permissions/{name}/{quote(user, safe='')}", json=everything).raise_for_status()
        try:
            yield parts._replace(path=f"/{name}").geturl()
        finally:
            management.delete(f"/api/vhosts/{name}").raise_for_status()
