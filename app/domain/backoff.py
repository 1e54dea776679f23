"""The delay between a failed attempt and the next."""

import random


def choose_delay(retries: int, *, base: float, cap: float, retry_after: float | None = None) -> float:
    """Seconds to wait before the next attempt: exponential backoff with full jitter.

    Uniform between 0 and ``min(cap, base * 2**retries)``, so that tasks that failed together do not retry together
    (AWS Architecture Blog, "Exponential Backoff and Jitter", 2015).

    Args:
        retries: The number of earlier retries.
        base: The upper limit of the first delay, in seconds.
        cap: The upper limit of every delay, in seconds.
        retry_after: A provider's ``Retry-After`` in seconds: a lower limit, to which the jitter is added.
    """
    jitter = random.uniform(0, min(cap, base * 2**retries))  # noqa: S311 - not for security
    return jitter + (retry_after or 0.0)
