"""Items on the broker that Sluice did not publish are dropped with a log line, and no worker ends."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from amqp.basic_message import Message as AmqpMessage
from kombu import Message
from kombu.transport.pyamqp import Message as RabbitMessage
from redis import Redis
from structlog.testing import capture_logs

from app.adapters.celery import messages
from app.adapters.celery.messages import (
    RefusalLog,
    check_command,
    check_envelope,
    decode_item,
    find_fault,
    refuse_compression,
    remove_options,
)
from app.adapters.redis.url import redis_client_url
from app.celery_app import create_celery
from app.domain.tasks import TaskName
from app.embedded import Engines
from app.settings import load_settings

ID = "01a0c3a5-3b7e-7c9a-8d2e-0123456789ab"
HEADERS = {"task": TaskName.PING.value, "id": ID, "timelimit": [None, None], "eta": None, "expires": None}
BODY: Any = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


def make_message(body: Any = BODY, content_type: str = "application/json", **headers: Any) -> Message:
    """A message as it arrives from RabbitMQ."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    table = {name: value for name, value in {**HEADERS, **headers}.items() if value is not ...}
    arrived = AmqpMessage(raw, content_type=content_type, content_encoding="utf-8", application_headers=table)
    arrived.delivery_info = {"delivery_tag": 1, "routing_key": "high_priority"}
    message = RabbitMessage(arrived)
    message.accept = {"application/json"}
    return message


def make_envelope(**changes: Any) -> dict[str, Any]:
    """A message as kombu writes it into a list of Redis."""
    envelope = {
        "body": base64.b64encode(json.dumps(BODY).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": HEADERS,
        "properties": {
            "correlation_id": ID,
            "delivery_mode": 2,
            "delivery_tag": str(uuid4()),
            "delivery_info": {"exchange": "", "routing_key": "high_priority"},
            "body_encoding": "base64",
        },
    }
    return {**envelope, **changes}


DEEP = b"[" * 100_000 + b"]" * 100_000
HOSTILE = {
    "no task": make_message(task=...),
    "a task that is no text": make_message(task=["x"]),
    "a task that is not registered": make_message(task="app.tasks.document_tasks.remove_everything"),
    "a task of Celery itself": make_message(task="celery.chord_unlock"),
    "no id": make_message(id=...),
    "an id that is no UUID": make_message(id="../../etc/passwd"),
    "pickle": make_message(b"\x80\x04]\x94.", content_type="application/x-python-serialize"),
    "yaml": make_message(b"- []", content_type="application/x-yaml"),
    "a body that is not JSON": make_message(b"\x00\xff"),
    "a body nested too deep": make_message(DEEP),
    "a huge body": make_message([["x" * 1_000_000], {}, {}]),
    "an empty body": make_message(b""),
    "a body without its parts": make_message([]),
    "a body that is a number": make_message(42),
    "arguments": make_message([["x"], {}, {}]),
    "named arguments": make_message([[], {"self": 1}, {}]),
    "a callback": make_message([[], {}, {"callbacks": [{"task": TaskName.DELETE_AGENT.value}]}]),
    "an alert without its id": make_message(task=TaskName.ANNOUNCE_DEAD_LETTER.value),
    "an alert with another argument": make_message([["x"], {}, {}], task=TaskName.ANNOUNCE_DEAD_LETTER.value),
}


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_a_worker_refuses_a_message_that_sluice_did_not_publish(message: Message) -> None:
    assert find_fault(message)


def test_a_worker_accepts_the_messages_that_sluice_publishes() -> None:
    assert find_fault(make_message()) is None
    assert find_fault(make_message([[ID], {}, {}], task=TaskName.ANNOUNCE_DEAD_LETTER.value)) is None


def test_a_message_selects_its_task_and_sets_no_options_of_the_run() -> None:
    message = make_message(
        eta="2125-01-01T00:00:00+00:00",
        expires="2001-01-01T00:00:00+00:00",
        timelimit=[0.001, 0.001],
        shadow="another name",
        ignore_result=False,
        argsrepr="document 7",
        kwargsrepr=["no text"],
    )
    assert find_fault(message) is None
    remove_options(message)
    kept = {"task": TaskName.PING.value, "id": ID, "root_id": ID, "ignore_result": True, "argsrepr": "document 7"}
    assert message.headers == kept


def test_a_compressed_message_is_not_decompressed() -> None:
    refuse_compression()
    for method in ("gzip", "application/x-gzip", "bzip2", "application/x-bz2"):
        assert make_message(b"\x1f\x8b", compression=method).errors


@pytest.mark.parametrize(
    "item",
    [b"x", b"", b"\xff\xfe", DEEP, b'{"body":', b'"' + b"x" * messages.LARGEST_MESSAGE + b'"'],
    ids=["a letter", "nothing", "no UTF-8", "too deep", "cut off", "too large"],
)
def test_an_item_that_is_not_json_or_too_large_is_refused(item: bytes) -> None:
    with pytest.raises(ValueError, match="it is"):
        decode_item(item)


@pytest.mark.parametrize(
    "envelope",
    [
        42,
        None,
        [],
        "text",
        {},
        make_envelope(headers=None),
        make_envelope(headers=[1]),
        make_envelope(properties=None),
        make_envelope(properties={"delivery_tag": "1"}),
        make_envelope(body=1),
        make_envelope(body="a"),
        make_envelope(body="//79"),
        make_envelope(properties={**make_envelope()["properties"], "body_encoding": "rot13"}),
        make_envelope(properties={**make_envelope()["properties"], "delivery_tag": 5}),
    ],
)
def test_json_that_is_no_celery_message_is_refused(envelope: object) -> None:
    check_envelope(make_envelope())
    with pytest.raises(ValueError, match="it"):
        check_envelope(envelope)


def test_many_refused_messages_make_one_log_line_in_ten_seconds_with_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("app.adapters.celery.messages.time.monotonic", lambda: now)
    refusals = RefusalLog()
    with capture_logs() as logs:
        for _ in range(100):
            refusals.add("it is not JSON", "high_priority")
        now += 10
        refusals.add("it is too large", "low_priority")
    assert [(entry["reason"], entry["messages"]) for entry in logs] == [("it is not JSON", 1), ("it is too large", 100)]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("valkey"), postgres=False) as engines:
        yield engines


def test_unacknowledged_messages_whose_record_cannot_be_read_are_dropped_and_the_others_returned(
    valkey: Engines,
) -> None:
    celery = create_celery(load_settings(redis_url=valkey.urls.redis_url))
    good = json.dumps([make_envelope(), "", "high_priority"])
    with Redis.from_url(redis_client_url(valkey.urls.redis_url)) as redis, celery.connection_for_read() as connection:
        channel: Any = connection.channel()
        for queue in celery.conf.task_queues:
            queue(channel).declare()
        for tag, record in {"a": "no JSON", "b": "42", "c": "[1]", "d": good}.items():
            redis.hset("unacked", tag, record)
            redis.zadd("unacked_index", {tag: 1})
        channel.qos.restore_visible()
        assert (redis.hlen("unacked"), redis.zcard("unacked_index"), redis.llen("high_priority")) == (0, 0, 1)


def make_command(body: object, **headers: object) -> dict[str, Any]:
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    return make_envelope(body=encoded, headers=headers)


INSPECT: dict[str, Any] = {
    "method": "active",
    "arguments": {},
    "destination": None,
    "pattern": None,
    "matcher": None,
    "ticket": "t",
}


@pytest.mark.parametrize(
    "changes", [{}, {"destination": ["high@here"]}, {"reply_to": {"exchange": "e", "routing_key": "k"}}], ids=str
)
def test_a_worker_accepts_the_commands_of_celery_inspect(changes: dict[str, Any]) -> None:
    check_command(make_command({**INSPECT, **changes}, clock=1, expires=1.5))


@pytest.mark.parametrize(
    "body",
    [
        [],
        None,
        "active",
        {},
        {**INSPECT, "method": 1},
        {**INSPECT, "arguments": []},
        {**INSPECT, "destination": 5},
        {**INSPECT, "reply_to": "e"},
        {**INSPECT, "reply_to": {"exchange": "e"}},
        {**INSPECT, "pattern": "(", "matcher": "pcre"},
    ],
    ids=str,
)
def test_a_command_that_celery_cannot_read_is_refused(body: object) -> None:
    with pytest.raises(ValueError, match="it is no command"):
        check_command(make_command(body, clock=1))


def test_a_command_with_a_clock_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="it is no command"):
        check_command(make_command(INSPECT, clock="now"))
