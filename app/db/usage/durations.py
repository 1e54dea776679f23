"""Durations in buckets whose counts can be added: a percentile of several hours needs no single duration.

Each bucket ends 10 % above its beginning and stands for its geometric mean, so that a percentile is at most 5 % off.
"""

import math

_GROWTH = 1.1


def write_bucket(milliseconds: str) -> str:
    """The SQL expression of a duration's bucket. Bucket 0 is for less than a millisecond."""
    logarithm = f"ln(CAST({milliseconds} AS double precision)) / {math.log(_GROWTH)!r}"
    return f"CASE WHEN {milliseconds} < 1 THEN 0 ELSE 1 + CAST(floor({logarithm}) AS integer) END"


def read_bucket(bucket: int) -> float:
    """The duration, in milliseconds, that a bucket stands for."""
    return 0.0 if bucket == 0 else _GROWTH ** (bucket - 1) * math.sqrt(_GROWTH)
