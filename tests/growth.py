"""Checks that the time of a function grows with the size of its input, and not faster."""

import time
from collections.abc import Callable

_TIMES = 4
_RATIO = 8
"""Linear code takes four times as long for four times the input, quadratic code sixteen times."""
_NOISE_SECONDS = 0.05


def check_linear(run: Callable[[int], object], size: int) -> None:
    """Run ``run`` for an input of ``size`` and one of four times that, and compare the processor time of this thread.

    Each time is the best of two, so that a busy machine changes neither.
    """
    small, large = (min(_measure(run, size * times) for _ in range(2)) for times in (1, _TIMES))
    assert large <= _RATIO * small + _NOISE_SECONDS, f"{small:.3f} s, and {large:.3f} s for four times the input"


def _measure(run: Callable[[int], object], size: int) -> float:
    began = time.thread_time()
    run(size)
    return time.thread_time() - began
