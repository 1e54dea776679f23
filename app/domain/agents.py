"""The rules for agents: names, slugs and settings, wherever they come from."""

import re
from typing import NamedTuple

NAME_CHARACTERS = 200
SLUG_CHARACTERS = 63
SLUG_PATTERN = r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$"
_DERIVED_CHARACTERS = 53
"""Of a slug that is derived from a name: the rest is left for a number."""


class Range(NamedTuple):
    """The values that a whole number may have, both ends included."""

    least: int
    most: int


CHUNK_SIZES = Range(100, 10_000)
CHUNK_OVERLAPS = Range(0, 5_000)
WEIGHTS = Range(1, 100)
TASKS_IN_FLIGHT = Range(1, 2**31 - 1)
CHUNKERS = ("sentence",)

OVERLAP_RULE = "Must be at most half of chunk_size."


def make_slug(name: str) -> str:
    """A slug from a name: lower case, runs of anything but letters and digits become one hyphen."""
    slug = re.sub(r"[\W_]+", "-", name.lower()).strip("-")[:_DERIVED_CHARACTERS].strip("-")
    return slug or "agent"


def fits_overlap(chunk_size: int, chunk_overlap: int) -> bool:
    """Whether the overlap is at most half of a chunk, so that each chunk advances through the text."""
    return chunk_overlap <= chunk_size // 2
