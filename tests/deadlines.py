"""Waiting with deadlines that grow with the load of the machine, so that a busy one is slow and not wrong."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")
_MOST = 20.0


def deadline(seconds: float) -> float:
    """Returns ``seconds`` as a time limit under the present load.

    The limit holds as it is while there is a processor for each runnable process. Otherwise it grows by their ratio.
    ``TEST_TIME_FACTOR`` multiplies every limit, for machines that are slow without being busy.
    """
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * min(max(1.0, busy) * float(os.environ.get("TEST_TIME_FACTOR", "1")), _MOST)


def wait_for(condition: Callable[[], Result], what: str, seconds: float = 30.0) -> Result:
    """Poll until ``condition`` returns something true; returns it.

    Raises:
        AssertionError: ``what`` did not happen within ``deadline(seconds)``.
    """
    began = time.monotonic()
    while not (result := condition()):
        _check(began, seconds, what)
        time.sleep(0.02)
    return result


async def wait_until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """The same for tests that are asynchronous."""
    began = time.monotonic()
    while not condition():
        _check(began, seconds, what)
        await asyncio.sleep(0.005)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail unless the block ends within ``deadline(seconds)``. It does not interrupt the block."""
    began = time.monotonic()
    yield
    _check(began, seconds, "the block to end")


def _check(began: float, seconds: float, what: str) -> None:
    if (taken := time.monotonic() - began) > seconds and taken > (limit := deadline(seconds)):
        raise AssertionError(f"not within {limit:.1f} s: {what}")
