"""Checks that the time of a function grows with the size of its input, and not faster."""

import gc
import time
from collections.abc import Callable

_TIMES = 4
_RATIO = 8
"""Linear code takes four times as long for four times the input, quadratic code sixteen times."""
_NOISE_SECONDS = 0.1


def check_linear(run: Callable[[int], object], size: int) -> None:
    """Run ``run`` for an input of ``size`` and one of four times that, and compare their times."""
    check_alike(lambda: run(size), lambda: run(_TIMES * size))


def check_alike(run: Callable[[], object], other: Callable[[], object]) -> None:
    """Check that ``other`` takes at most eight times as long as ``run``."""
    first, second = _measure(run), _measure(other)
    assert second <= _RATIO * first + _NOISE_SECONDS, f"{first:.3f} s, and {second:.3f} s for the other"


def _measure(run: Callable[[], object]) -> float:
    """The processor seconds of this thread, the better of two runs, so that a busy machine does not change them.

    Without garbage collections, which would search all that other tests have left.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        return min(_time(run) for _ in range(2))
    finally:
        if enabled:
            gc.enable()


def _time(run: Callable[[], object]) -> float:
    began = time.thread_time()
    run()
    return time.thread_time() - began
