"""Reports dead letters to Sentry through Sentry's client: the port ``Alarm``."""

import asyncio
from typing import Any

import structlog

from app.adapters.packages import optional_imports
from app.domain.errors import StartupError
from app.domain.tasks import Task

_FLUSH_SECONDS = 5.0

log = structlog.get_logger()


class SentryAlarm:
    """Reports each dead letter as an event. Sentry groups those of the same task name and error code into one issue.

    Raises:
        StartupError: the package is missing, or the address is not a Sentry DSN.
    """

    def __init__(self, dsn: str) -> None:
        with optional_imports("SENTRY_DSN"):
            import sentry_sdk  # noqa: PLC0415 - an extra
        try:
            # Without integrations, which would report more than dead letters.
            self._client = sentry_sdk.Client(dsn=dsn, default_integrations=False)
        except (sentry_sdk.utils.BadDsn, ValueError) as error:  # whose message may quote part of the DSN
            raise StartupError(f"SENTRY_DSN is not a valid Sentry DSN ({type(error).__name__}).") from None

    async def raise_for(self, task: Task) -> None:
        """Report a dead letter, and wait up to five seconds for it to be sent."""
        await asyncio.to_thread(self._report, task)

    def _report(self, task: Task) -> None:
        try:
            self._client.capture_event(_describe(task))
            self._client.flush(timeout=_FLUSH_SECONDS)
        except Exception:
            log.exception("sentry_failed")


def _describe(task: Task) -> Any:
    error = task.error or {}
    code = str(error.get("code"))
    return {
        "level": "error",
        "logger": "sluice.dead_letter",
        "message": f"{task.name.rsplit('.', 1)[-1]} failed for good: {error.get('message')}",
        "fingerprint": [task.name, code],
        "tags": {"queue": task.queue, "task_name": task.name, "code": code, "agent_id": str(task.agent_id)},
        "extra": {
            "task_id": str(task.id),
            "document_id": task.document_id,
            "attempts": task.attempt,
            "crashes": task.crashes,
            "traceback": error.get("traceback"),
        },
    }
