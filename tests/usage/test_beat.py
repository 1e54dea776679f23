"""Celery Beat as a process, started as any user of Celery starts it."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from celery import Celery
from celery.exceptions import ImproperlyConfigured
from celery.schedules import crontab, schedule

from app.adapters.celery.scheduler import read_entry
from app.celery_app import create_celery
from app.domain.schedules import Schedule
from app.domain.tasks import TaskName
from app.settings import Settings
from app.tasks.beat import BeatScheduler
from tests.database import execute, fetch
from tests.deadlines import wait_for

_ROOT = Path(__file__).parents[2]
_OVERDUE = "INSERT INTO chores (name, due_at) VALUES ('schedule:sum-usage', date_trunc('hour', now()) - interval '2 h')"
_SUBMITTED = "SELECT key FROM scheduled_tasks WHERE key LIKE 'sum-usage:%'"
_NO_BROKER = "redis://127.0.0.1:9/0"
_NO_DATABASE = "postgresql://sluice@127.0.0.1:9/none"


@pytest.mark.parametrize("program", [["-m", "celery", "-A", "app.celery_app", "beat"], ["main.py", "beat"]])
def test_beat_submits_what_is_due_without_a_broker_and_leaves_no_file(
    settings: Settings, tmp_path: Path, program: list[str]
) -> None:
    execute(settings.database_url or "", _OVERDUE)
    before = set(_ROOT.iterdir())
    environment = {**os.environ, "DATABASE_URL": settings.database_url or "", "REDIS_URL": _NO_BROKER}
    environment["DATA_DIR"] = str(tmp_path)
    with subprocess.Popen([sys.executable, *program], cwd=_ROOT, env=environment) as beat:
        try:
            wait_for(lambda: fetch(settings.database_url or "", _SUBMITTED), "the task to be submitted")
        finally:
            beat.send_signal(signal.SIGTERM)
        assert beat.wait() == 0
    assert len(fetch(settings.database_url or "", _SUBMITTED)) == 1
    assert set(_ROOT.iterdir()) == before


def test_every_entry_of_the_schedule_is_valid(settings: Settings) -> None:
    app = create_celery(settings)
    entries = [read_entry(app, name, entry) for name, entry in app.conf.beat_schedule.items()]
    assert "sum-usage" in [entry.name for entry in entries]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"task": "some.other.task", "schedule": crontab()}, "no task of the ledger"),
        ({"task": TaskName.PING.value, "schedule": schedule(10)}, "must be a crontab"),
    ],
)
def test_an_entry_that_the_ledger_cannot_run_stops_beat(entry: dict[str, object], message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        read_entry(Celery(set_as_current=False), "mine", entry)


def make_scheduler(settings: Settings, monkeypatch: pytest.MonkeyPatch, database_url: str | None) -> BeatScheduler:
    """The scheduler of a Beat that uses this database."""
    monkeypatch.setenv("DATABASE_URL", database_url or "")
    monkeypatch.setenv("REDIS_URL", _NO_BROKER)
    return BeatScheduler(create_celery(settings))


def test_beat_tries_again_soon_while_the_database_is_unavailable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 < make_scheduler(settings, monkeypatch, _NO_DATABASE).tick() <= 5


def test_a_schedule_that_fails_does_not_keep_others_from_being_submitted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(settings.database_url or "", _OVERDUE)
    scheduler = make_scheduler(settings, monkeypatch, settings.database_url)

    def fail(_moment: datetime) -> datetime:
        raise ArithmeticError

    scheduler.schedules.insert(0, Schedule("broken", TaskName.PING, fail))
    assert 0 < scheduler.tick() <= 5
    assert len(fetch(settings.database_url or "", _SUBMITTED)) == 1
