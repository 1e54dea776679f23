"""The Celery application: queues and reliability settings. ``celery -A app.celery_app worker`` finds it here."""

from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from kombu import Queue as BrokerQueue
from kombu.exceptions import ChannelError
from kombu.exceptions import ConnectionError as AmqpConnectionError

from app.adapters.celery.doorbell import BROKER_ERRORS
from app.adapters.redis.url import celery_redis_url
from app.domain.errors import StartupError
from app.domain.tasks import Queue
from app.embedded.running import resolve_settings
from app.settings import Settings, load_settings

_TASK_MODULES = [
    "app.tasks.worker",
    "app.tasks.document_tasks",
    "app.tasks.embedding_tasks",
    "app.tasks.vector_tasks",
    "app.tasks.answer_tasks",
    "app.tasks.upkeep_tasks",
]
_RABBITMQ_SCHEMES = {"amqp", "amqps"}
# RabbitMQ's own default, which is never undercut.
_CONSUMER_TIMEOUT_SECONDS = 1800


def create_celery(settings: Settings) -> Celery:
    """A Celery application for these settings."""
    given = settings.celery_broker_url or settings.redis_url
    if given is None:
        raise StartupError("REDIS_URL is not set and no embedded Valkey runs. Start one with `make up`.")
    broker = celery_redis_url(given)
    backend = celery_redis_url(settings.celery_result_backend or settings.redis_url or "disabled://")
    celery = Celery("sluice", broker=broker, backend=backend, include=_TASK_MODULES)
    # Celery itself would rather have CELERY_BROKER_URL and CELERY_RESULT_BACKEND of the environment, untranslated.
    celery.conf.update({"broker_read_url": broker, "broker_write_url": broker})
    celery.backend_cls = backend
    celery.conf.update(_configuration(settings))
    scheme = urlsplit(broker).scheme
    celery.conf.update(_on_rabbitmq(settings, scheme) if scheme in _RABBITMQ_SCHEMES else _on_redis(settings))
    return celery


def check_broker(settings: Settings) -> None:
    """Find out now whether the broker answers, and has the queues or makes them.

    Raises:
        StartupError: when it does not.
    """
    celery = create_celery(settings)
    try:
        with celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
            for queue in celery.conf.task_queues:
                queue(connection.default_channel).declare()
    except (ChannelError, AmqpConnectionError) as error:
        raise StartupError(f"The broker refuses: {error}") from error
    except BROKER_ERRORS as error:
        raise StartupError(f"The broker does not answer: {error}") from error


def _configuration(settings: Settings) -> dict[str, Any]:
    """What holds on every broker. Every setting with its reason stands in QUEUE_SYSTEM_ANALYSIS.md."""
    return {
        # A message is acknowledged when its task has ended, and goes back when its process died:
        # Celery's own net below the ledger's.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": settings.celery_worker_prefetch_multiplier,
        "worker_max_tasks_per_child": settings.celery_worker_max_tasks_per_child,
        # The soft limit is Execution's, which also holds where Celery's does nothing: in threads.
        "task_time_limit": settings.celery_task_time_limit,
        "task_default_queue": Queue.DEFAULT.value,
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_expires": settings.result_expires,
        "timezone": "UTC",
        # A worker outlives whatever its broker does, and is never ended by an error that passes.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        # The result backend. A result that cannot be stored soon is given up: the ledger has it.
        "redis_socket_connect_timeout": 2,
        "redis_socket_timeout": 2,
        "redis_backend_health_check_interval": 25,
        "result_backend_transport_options": {
            "global_keyprefix": settings.redis_key_prefix,
            "retry_policy": {"max_retries": 1},
        },
    }


def _on_redis(settings: Settings) -> dict[str, Any]:
    """What Redis and Valkey need as brokers."""
    return {
        "task_queues": [BrokerQueue(queue.value) for queue in Queue],
        "broker_transport_options": {
            "global_keyprefix": settings.redis_key_prefix,
            "visibility_timeout": 3600,
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
    }


def _on_rabbitmq(settings: Settings, scheme: str) -> dict[str, Any]:
    """What RabbitMQ needs as a broker."""
    held = 2 * settings.celery_task_time_limit * settings.celery_worker_prefetch_multiplier
    timeout = {"x-consumer-timeout": 1000 * max(_CONSUMER_TIMEOUT_SECONDS, held)}
    return {
        "task_queues": [
            BrokerQueue(queue.value, queue_arguments={"x-queue-type": "quorum"}, consumer_arguments=timeout)
            for queue in Queue
        ],
        "broker_transport_options": {"confirm_publish": True, "read_timeout": 10, "write_timeout": 10},
        # None stands for the host of the address: without it, a certificate of any other host would do.
        "broker_use_ssl": {"server_hostname": None} if scheme == "amqps" else False,
        "broker_heartbeat": 30,
        # The prefetch count of a consumer of a quorum queue is fixed when it starts: once reduced, it would stay so.
        "worker_enable_prefetch_count_reduction": False,
        "worker_consumer": "app.adapters.celery.consumer:BellConsumer",
        # Neither transient nor exclusive: RabbitMQ 4.3 refuses the former, and a worker that comes back before
        # its old connection is noticed missing would find the latter locked.
        "control_queue_durable": True,
        "event_queue_durable": True,
    }


def __getattr__(name: str) -> Celery:
    """Make ``app`` when it is first asked for, so that importing this module needs no server."""
    if name not in {"app", "celery"}:
        raise AttributeError(name)
    globals()["app"] = globals()["celery"] = made = create_celery(resolve_settings(load_settings()))
    return made
