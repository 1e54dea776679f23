"""How long a process of the pool waits at its end."""

import time
from typing import Any

import pytest
from celery.concurrency import asynpool

from app.adapters.celery.pool import replace_processes_when


class Unread:
    """The count of the results that the main process has read: none."""

    value = 0


def test_a_process_whose_results_nothing_reads_ends_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynpool.AsynPool, "Worker", asynpool.AsynPool.Worker)
    replace_processes_when(lambda: False)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    worker: Any = object.__new__(asynpool.AsynPool.Worker)
    worker.on_ready_counter = Unread()
    assert not worker._ensure_messages_consumed(completed=1)
    assert sum(waited) == pytest.approx(2)
