"""Celery Beat in this installation: ``celery -A app.celery_app beat`` and ``./sluice beat`` use this scheduler."""

import asyncio
from collections.abc import Sequence

import structlog

from app.adapters.celery.scheduler import LedgerScheduler
from app.bootstrap import open_schedules
from app.domain.errors import DatabaseUnavailableError
from app.domain.schedules import Schedule
from app.embedded.running import resolve_settings
from app.settings import Settings, load_settings

_RETRY_SECONDS = 5.0

log = structlog.get_logger()


class BeatScheduler(LedgerScheduler):
    """Connects to the database for each look at the schedules, so that it keeps nothing a signal could interrupt."""

    def setup_schedule(self) -> None:
        """Read ``beat_schedule`` and the settings.

        Raises:
            ImproperlyConfigured: an entry is not valid.
        """
        super().setup_schedule()
        self._settings = resolve_settings(load_settings())

    def submit_due(self, schedules: Sequence[Schedule]) -> float:
        """Submit the tasks that are due. After a failure, the next try is some seconds later."""
        return asyncio.run(_submit_due(self._settings, schedules))


async def _submit_due(settings: Settings, schedules: Sequence[Schedule]) -> float:
    waits = [float("inf")]
    async with open_schedules(settings) as submitter:
        for schedule in schedules:
            try:
                waits.append(await submitter.submit_due(schedule))
            except DatabaseUnavailableError:
                log.warning("database_unavailable")
                return _RETRY_SECONDS
            except Exception:
                log.exception("schedule_failed", schedule=schedule.name)
                waits.append(_RETRY_SECONDS)
    return min(waits)
