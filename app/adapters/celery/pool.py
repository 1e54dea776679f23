"""The processes of Celery's pool: when one of them is replaced."""

from collections.abc import Callable
from typing import Any

from billiard import pool
from celery.concurrency import asynpool

_CONSUMED_SECONDS = 2.0


def replace_processes_when(is_worn: Callable[[], bool]) -> None:
    """Have each process of the pool end before it waits for a message, once ``is_worn`` returns true in it.

    Celery counts the messages of a process (``worker_max_tasks_per_child``), but a message may run several tasks.
    """

    class LimitedWorker(asynpool.Worker):
        """The program of a process of the pool."""

        def _make_child_methods(self) -> None:
            super()._make_child_methods()  # type: ignore[misc]  # not in its stubs
            receive: Callable[[], Any] = self.wait_for_job  # type: ignore[has-type]  # not in its stubs

            def wait_for_job() -> Any:
                if is_worn():
                    raise SystemExit
                return receive()

            self.wait_for_job = wait_for_job

    asynpool.AsynPool.Worker = LimitedWorker
    # A process that ends waits until its results are read, 30 seconds by default. When the worker stops, its main
    # process may already have stopped reading them. The ledger holds the results.
    interval = pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = round(_CONSUMED_SECONDS / interval)
