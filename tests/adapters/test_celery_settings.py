"""Celery's settings for each kind of broker."""

from typing import Any

import pytest
from celery.utils.quorum_queues import detect_quorum_queues

from app.adapters.celery.consumer import BellConsumer
from app.celery_app import create_celery
from app.domain.errors import StartupError
from app.domain.tasks import CONTINUE_SECONDS
from app.settings import load_settings

REDIS = "redis://127.0.0.1:6379/0"
RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("celery_broker_url", "kafka://host"),
        ("celery_broker_url", "localhost:5672"),
        ("celery_result_backend", "amqp://host"),
        ("redis_url", "amqp://host"),
        ("redis_key_prefix", "sluice"),  # Celery would append a separator in one place and not in the other
        ("redis_key_prefix", "*:"),
    ],
)
def test_an_address_or_prefix_that_cannot_work_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(StartupError) as caught:
        load_settings(**{name: value})
    assert name.upper() in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+socket", "unix", "amqp", "amqps"])
def test_every_kind_of_broker_is_accepted(scheme: str) -> None:
    url = f"{scheme}:///run/valkey.sock" if scheme in {"redis+socket", "unix"} else f"{scheme}://host/1"
    celery = create_celery(load_settings(celery_broker_url=url, redis_url=REDIS))
    with celery.connection_for_write() as connection:
        assert connection.transport.driver_type == ("amqp" if scheme.startswith("amqp") else "redis")


@pytest.mark.parametrize("url", [REDIS, RABBITMQ])
def test_a_worker_fetches_for_every_slot_after_it_has_lost_its_broker(url: str) -> None:
    celery = create_celery(load_settings(celery_broker_url=url, redis_url=REDIS))
    assert not celery.conf.worker_enable_prefetch_count_reduction


def test_the_settings_win_over_what_celery_reads_from_the_environment_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load_settings(celery_broker_url="unix:///run/a.sock", celery_result_backend="unix:///run/b.sock?db=3")
    for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
        monkeypatch.setenv(name, "amqp://elsewhere")
    celery = create_celery(settings)
    for connection in (celery.connection_for_read(), celery.connection_for_write()):
        assert connection.as_uri() == "redis+socket:///run/a.sock"
    backend: Any = celery.backend
    assert (backend.connparams["path"], backend.connparams["db"]) == ("/run/b.sock", 3)


def test_on_rabbitmq_queues_are_quorum_queues_and_bells_are_confirmed() -> None:
    celery = create_celery(load_settings(celery_broker_url=RABBITMQ, redis_url=REDIS))
    for queue in celery.amqp.queues.values():
        assert queue.queue_arguments == {"x-queue-type": "quorum"}
    assert detect_quorum_queues(celery, "amqp")[0]  # so that workers do not set a global prefetch count
    assert celery.conf.broker_transport_options["confirm_publish"]
    assert celery.conf.result_backend == REDIS


@pytest.mark.parametrize(("limit", "prefetch", "milliseconds"), [(660, 1, 1_800_000), (3600, 2, 14_400_000)])
def test_rabbitmq_waits_for_an_acknowledgement_longer_than_the_longest_task(
    limit: int, prefetch: int, milliseconds: int
) -> None:
    set_: dict[str, Any] = {"celery_task_time_limit": limit, "celery_worker_prefetch_multiplier": prefetch}
    celery = create_celery(load_settings(celery_broker_url=RABBITMQ, redis_url=REDIS, **set_))
    for queue in celery.amqp.queues.values():
        assert queue.consumer_arguments == {"x-consumer-timeout": milliseconds}


def test_a_worker_on_rabbitmq_makes_no_queues_for_delayed_messages() -> None:
    celery = create_celery(load_settings(celery_broker_url=RABBITMQ, redis_url=REDIS))
    assert celery.conf.worker_consumer == f"{BellConsumer.__module__}:{BellConsumer.__name__}"
    names = {step.rpartition(":")[2] for step in BellConsumer.Blueprint.default_steps}
    assert {"Connection", "Tasks", "Control", "Evloop"} <= names
    assert "DelayedDelivery" not in names


def test_over_tls_rabbitmqs_certificate_must_be_that_of_its_host() -> None:
    celery = create_celery(load_settings(celery_broker_url="amqps://host//", redis_url=REDIS))
    assert celery.conf.broker_use_ssl == {"server_hostname": None}


def test_the_hard_time_limit_of_a_message_leaves_its_last_task_the_whole_limit() -> None:
    celery = create_celery(load_settings(redis_url=REDIS, celery_task_time_limit=660))
    assert celery.conf.task_time_limit == 660 + CONTINUE_SECONDS
