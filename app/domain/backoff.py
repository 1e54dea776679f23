"""How long a failed attempt waits before the next."""

import random


def choose_delay(retries: int, *, base: float, cap: float, retry_after: float | None = None) -> float:
    """Seconds to wait after ``retries`` earlier retries: exponential backoff with full jitter.

    Uniform between 0 and ``min(cap, base * 2**retries)``, so that tasks that failed together
    do not come back together (AWS Architecture Blog, "Exponential Backoff and Jitter", 2015).
    A provider's ``Retry-After`` is a lower bound, with the jitter on top.
    """
    jitter = random.uniform(0, min(cap, base * 2**retries))  # noqa: S311 - spreads load, guards nothing
    return jitter + (retry_after or 0.0)
