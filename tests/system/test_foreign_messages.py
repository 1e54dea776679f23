"""Other programs write to the broker: workers live on, and tasks end as usual."""

import base64
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any
from uuid import uuid4

from redis import Redis

from app.adapters.redis.url import redis_client_url
from app.celery_app import create_celery
from app.domain.tasks import TaskName
from tests.running import Stack
from tests.system.test_killed_processes import make_text

HIGH = "high_priority"
NOT_OURS = ("celery.chord_unlock", "celery.group", "celery.map", "celery.backend_cleanup", "app.tasks.unknown")
JUNK: tuple[Any, ...] = (None, 0, -1, 1.5, True, "", "x", [], [1], [[]], {}, {"a": 1}, "\ud800", 10**30)


def make_envelope(headers: Any, body: Any = None, **changes: Any) -> dict[str, Any]:
    """A message as kombu writes it into a list of Redis."""
    content = [[], {}, {}] if body is None else body
    return {
        "body": base64.b64encode(json.dumps(content).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": {
            "delivery_tag": str(uuid4()),
            "delivery_info": {"exchange": "", "routing_key": HIGH},
            "body_encoding": "base64",
        },
        **changes,
    }


def make_headers(**changes: Any) -> dict[str, Any]:
    return {"task": TaskName.PROCESS_DOCUMENT.value, "id": str(uuid4()), **changes}


def list_items() -> Iterator[bytes]:
    """One item of each kind that a worker can meet."""
    yield from (b"x", b"{", b"\xff", b"[" * 100_000, b'"' + b"x" * 5_000_000 + b'"')
    names = ["task", "id", "eta", "expires", "timelimit", "retries", "root_id", "parent_id", "group", "argsrepr"]
    names += ["kwargsrepr", "shadow", "origin", "ignore_result", "stamped_headers", "stamps", "compression", "lang"]
    envelopes = chain(
        JUNK,
        (make_envelope(junk) for junk in JUNK),
        (make_envelope(make_headers(), body=junk) for junk in JUNK),
        (make_envelope(make_headers(**{name: junk})) for name in names for junk in JUNK),
        (make_envelope(make_headers(), **{part: junk}) for part in ("properties", "body") for junk in JUNK),
        (
            make_envelope(make_headers(), **{part: junk})
            for part in ("content-type", "content-encoding")
            for junk in JUNK
        ),
        [make_envelope(make_headers(task=name)) for name in NOT_OURS],
    )
    yield from (json.dumps(envelope).encode() for envelope in envelopes)


def test_workers_drop_whatever_else_is_on_the_broker_and_work_on(stack: Stack) -> None:
    stack.start_api()
    stack.start_workers("high", "default")
    workers = {worker["pid"] for worker in stack.get("/workers")["workers"]}
    agent = stack.make_agent()
    celery = create_celery(stack.settings)
    with celery.connection_for_write() as connection:
        if connection.transport.driver_type == "redis":
            fill_redis(celery.conf.broker_url)
        producer = connection.Producer()
        for queue in (HIGH, "default", "dead_letter"):
            for number in range(100):
                producer.publish(b"\x80\x04]\x94." * number, routing_key=queue, content_type="application/x-python")
    [task] = stack.finish([stack.upload(agent, "note.txt", make_text(1))["task_id"]], seconds=30)
    assert (task["state"], task["attempt"], task["crashes"]) == ("SUCCESS", 1, 0)
    stack.delete(f"/agents/{agent}")
    assert {worker["pid"] for worker in stack.get("/workers")["workers"]} == workers


def fill_redis(url: str) -> None:
    """Put every kind of item into the lists, and publish it where the workers receive commands."""
    items = list(list_items())
    with Redis.from_url(redis_client_url(url)) as redis:
        for queue in (HIGH, "default", "dead_letter"):
            redis.lpush(queue, *items)
        number = redis.connection_pool.connection_kwargs.get("db", 0)
        for item in items[:100]:
            redis.publish(f"/{number}.celery.pidbox", item)
