"""The Celery application: queues and reliability settings. ``celery -A app.celery_app worker`` finds it here."""

from typing import Any

from celery import Celery
from kombu import Queue as BrokerQueue
from kombu.exceptions import KombuError

from app.domain.errors import StartupError
from app.domain.tasks import Queue
from app.embedded.running import resolve_settings
from app.settings import Settings, load_settings

_TASK_MODULES = ["app.tasks.worker", "app.tasks.document_tasks", "app.tasks.answer_tasks", "app.tasks.upkeep_tasks"]


def create_celery(settings: Settings) -> Celery:
    """A Celery application for these settings."""
    broker = settings.celery_broker_url or settings.redis_url
    if broker is None:
        raise StartupError("REDIS_URL is not set and no embedded Valkey runs. Start one with `make up`.")
    backend = settings.celery_result_backend or settings.redis_url
    celery = Celery("sluice", broker=broker, backend=backend, include=_TASK_MODULES)
    celery.conf.update(_configuration(settings))
    return celery


def check_broker(settings: Settings) -> None:
    """Find out now whether the broker answers.

    Raises:
        StartupError: when it does not.
    """
    try:
        with create_celery(settings).connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
    except (KombuError, OSError) as error:
        raise StartupError(f"The broker does not answer: {error}") from error


def _configuration(settings: Settings) -> dict[str, Any]:
    """Every setting with its reason stands in QUEUE_SYSTEM_ANALYSIS.md."""
    return {
        # A message is acknowledged when its task has ended, and goes back when its process died:
        # Celery's own net below the ledger's.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": settings.celery_worker_prefetch_multiplier,
        "worker_max_tasks_per_child": settings.celery_worker_max_tasks_per_child,
        # The soft limit is Execution's, which also holds where Celery's does nothing: in threads.
        "task_time_limit": settings.celery_task_time_limit,
        "task_queues": [BrokerQueue(queue.value) for queue in Queue],
        "task_default_queue": Queue.DEFAULT.value,
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_expires": settings.result_expires,
        "timezone": "UTC",
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A bell that cannot be published soon is given up: the ledger rings again.
        "broker_transport_options": {
            "visibility_timeout": 3600,
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
        "redis_socket_connect_timeout": 2,
        "redis_socket_timeout": 10,
        "redis_backend_health_check_interval": 25,
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
    }


def __getattr__(name: str) -> Celery:
    """Make ``app`` when it is first asked for, so that importing this module needs no server."""
    if name not in {"app", "celery"}:
        raise AttributeError(name)
    globals()["app"] = globals()["celery"] = made = create_celery(resolve_settings(load_settings()))
    return made
