"""What selects dead letters."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Selects dead letters. A field of None matches everything. ``code`` is the error's code."""

    queue: str | None = None
    agent_id: int | None = None
    code: str | None = None
    name: str | None = None
