"""What a run will do, all of it drawn from one seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

HOSTS = ("host-a", "host-b")

# The last of the work goes on undisturbed, so that the last victims still have work in hand.
_LAST_KILL = 0.95


class Kind(StrEnum):
    """What can be struck. Everything but a freeze is a SIGKILL."""

    POOL = "pool process at work"
    MAIN = "main process of a worker"
    SUPERVISOR = "supervisor of a worker"
    HOST = "every process of a host"
    FREEZE = "host frozen past its lease"
    API = "API"
    BROKER = "broker"
    BROKER_WIPED = "broker and its files"
    BROKER_FLUSHED = "broker's data, by FLUSHALL"
    POSTGRES = "Postgres"
    BACKEND = "one backend of Postgres"


@dataclass(frozen=True)
class Options:
    """The bounds of a run. ``lease`` is in seconds; a ``folder`` that is given stays when the run has ended."""

    tasks: int = 10_000
    kills: int = 100
    seed: int = 0
    lease: float = 3.0
    minutes: float = 20.0
    folder: Path | None = None
    kinds: Sequence[Kind] = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Kill:
    """A strike: due when the share ``at`` of the work is done. ``pick``, from 0 to 1, chooses among many victims."""

    kind: Kind
    at: float
    host: str
    pick: float


def draw(options: Options, purpose: str) -> Random:
    """The chance that decides over one thing, the same in every run of the same seed."""
    return Random(f"{options.seed} {purpose}")  # noqa: S311 - to be repeated, not to be secret


def plan_kills(options: Options) -> list[Kill]:
    """The strikes in their order, evenly spread over the work, each of the kinds in turn."""
    random = draw(options, "kills")
    kinds: list[Kind] = []
    while len(kinds) < options.kills:
        kinds += random.sample(options.kinds, len(options.kinds))
    return [
        Kill(kind, _LAST_KILL * (number + random.random()) / options.kills, random.choice(HOSTS), random.random())
        for number, kind in enumerate(kinds[: options.kills])
    ]
