"""The Celery application: queues and reliability settings. ``celery -A app.celery_app worker`` uses it."""

import sys
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from celery.schedules import crontab
from kombu import Queue as BrokerQueue
from kombu.exceptions import ChannelError
from kombu.exceptions import ConnectionError as AmqpConnectionError

from app.adapters.celery.call_thread import BROKER_ERRORS
from app.adapters.celery.redis_transport import register_transport
from app.adapters.redis.url import celery_redis_url
from app.domain.errors import StartupError
from app.domain.tasks import CONTINUE_SECONDS, Queue, TaskName
from app.embedded.running import resolve_settings
from app.settings import Settings, load_settings

_TASK_MODULES = [
    "app.tasks.worker",
    "app.tasks.document_tasks",
    "app.tasks.embedding_tasks",
    "app.tasks.vector_tasks",
    "app.tasks.answer_tasks",
    "app.tasks.evaluation_tasks",
    "app.tasks.spec_tasks",
    "app.tasks.onboarding_tasks",
    "app.tasks.usage_tasks",
    "app.tasks.profile_tasks",
    "app.tasks.notification_tasks",
    "app.tasks.upkeep_tasks",
    "app.tasks.report_tasks",
]
# Which task Beat submits when, in UTC. The task runs on ``default``, for the installation as a whole. Its argument
# ``due`` is the time for which it was submitted (ISO 8601). With ``"options": {"catch_up": True}``, each time that
# passed while no Beat ran has its task; without it, only the latest one has.
_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "enrich-due-profiles": {"task": TaskName.ENRICH_DUE_PROFILES.value, "schedule": crontab(minute="20")},
    "submit-reports": {
        "task": TaskName.SUBMIT_REPORTS.value,
        "schedule": crontab(minute="10", hour="0"),
        "options": {"catch_up": True},
    },
    "sum-usage": {"task": TaskName.SUM_USAGE.value, "schedule": crontab(minute="5")},
    "apply-retention": {"task": TaskName.SUBMIT_RETENTION.value, "schedule": crontab(minute="20", hour="2")},
    "sweep-storage": {"task": TaskName.SWEEP_STORAGE.value, "schedule": crontab(minute="50", hour="2")},
}
_RABBITMQ_SCHEMES = {"amqp", "amqps"}
register_transport()  # before kombu resolves an address
# RabbitMQ's default; a shorter time-out is never set.
_CONSUMER_TIMEOUT_SECONDS = 1800


def create_celery(settings: Settings) -> Celery:
    """Make the Celery application for these settings.

    Raises:
        StartupError: no broker is set, and no embedded Valkey runs.
    """
    given = settings.celery_broker_url or settings.redis_url
    if given is None:
        raise StartupError("REDIS_URL is not set and no embedded Valkey runs. Start one with `make up`.")
    broker = celery_redis_url(given)
    backend = celery_redis_url(settings.celery_result_backend or settings.redis_url or "disabled://")
    celery = Celery("sluice", broker=broker, backend=backend, include=_TASK_MODULES)
    # Without these, Celery would prefer CELERY_BROKER_URL and CELERY_RESULT_BACKEND of the environment, untranslated.
    celery.conf.update({"broker_read_url": broker, "broker_write_url": broker})
    celery.backend_cls = backend
    celery.events.dispatcher_cls = "app.adapters.celery.dispatcher:ThreadSafeDispatcher"
    celery.conf.update(_configuration(settings))
    scheme = urlsplit(broker).scheme
    celery.conf.update(_on_rabbitmq(settings, scheme) if scheme in _RABBITMQ_SCHEMES else _on_redis(settings))
    return celery


def check_broker(settings: Settings) -> None:
    """Connect to the broker and declare the queues.

    Raises:
        StartupError: the broker does not answer or refuses.
    """
    celery = create_celery(settings)
    try:
        with celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
            for queue in celery.conf.task_queues:
                queue(connection.default_channel).declare()
    except (ChannelError, AmqpConnectionError) as error:
        raise StartupError(f"The broker refuses the connection or the queues: {error}") from error
    except BROKER_ERRORS as error:
        raise StartupError(f"The broker does not answer: {error}") from error


def _configuration(settings: Settings) -> dict[str, Any]:
    """Settings for every broker. QUEUE_SYSTEM_ANALYSIS.md gives the reason for each."""
    return {
        # A message is acknowledged when its task has ended, and returns to the queue when its process died.
        # This is a second safeguard below the ledger's.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": settings.celery_worker_prefetch_multiplier,
        "worker_max_tasks_per_child": settings.celery_worker_max_tasks_per_child,
        # Execution enforces the soft limit, because Celery's soft limit has no effect in threads.
        # It counts from the message, for which a slot may begin tasks that long.
        "task_time_limit": settings.celery_task_time_limit + CONTINUE_SECONDS,
        "task_default_queue": Queue.DEFAULT.value,
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_expires": settings.result_expires,
        "timezone": "UTC",
        # A worker survives every failure of its broker and keeps trying to reconnect.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Otherwise slots that were busy when the broker was lost are idle until later tasks of others end, and on a
        # quorum queue, whose prefetch count is fixed, for ever.
        "worker_enable_prefetch_count_reduction": False,
        "worker_hijack_root_logger": False,
        # Submits ledger tasks in Postgres. Celery's own scheduler would publish messages, which can be lost.
        "beat_scheduler": "app.tasks.beat:BeatScheduler",
        "beat_schedule": _BEAT_SCHEDULE,
        "worker_consumer": "app.adapters.celery.consumer:BellConsumer",
        # The result backend. A result that cannot be stored within seconds is dropped: the ledger has it.
        "redis_socket_connect_timeout": 2,
        "redis_socket_timeout": 2,
        "redis_backend_health_check_interval": 25,
        "result_backend_transport_options": {
            "global_keyprefix": settings.redis_key_prefix,
            "retry_policy": {"max_retries": 1},
        },
    }


def _on_redis(settings: Settings) -> dict[str, Any]:
    """Settings for Redis or Valkey as the broker."""
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
    """Settings for RabbitMQ as the broker."""
    held = 2 * settings.celery_task_time_limit * settings.celery_worker_prefetch_multiplier
    timeout = {"x-consumer-timeout": 1000 * max(_CONSUMER_TIMEOUT_SECONDS, held)}
    return {
        "task_queues": [
            BrokerQueue(queue.value, queue_arguments={"x-queue-type": "quorum"}, consumer_arguments=timeout)
            for queue in Queue
        ],
        "broker_transport_options": {"confirm_publish": True, "read_timeout": 10, "write_timeout": 10},
        # None means the host of the address. Without this, a certificate of any host would be accepted.
        "broker_use_ssl": {"server_hostname": None} if scheme == "amqps" else False,
        "broker_heartbeat": 30,
        # Durable and not exclusive: RabbitMQ 4.3 refuses transient queues, and an exclusive queue would be locked for a
        # worker that restarts before the broker notices the loss of its old connection.
        "control_queue_durable": True,
        "event_queue_durable": True,
    }


def __getattr__(name: str) -> Celery:
    """Make ``app`` at its first use, so that importing this module needs no server.

    If it cannot be made, the program exits with one line: the ``celery`` command would print a traceback.
    """
    if name not in {"app", "celery"}:
        raise AttributeError(name)
    try:
        made = create_celery(resolve_settings(load_settings()))
    except StartupError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(1)
    globals()["app"] = globals()["celery"] = made
    return made
