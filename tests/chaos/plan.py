"""The plan of a run, drawn from one seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

HOSTS = ("host-a", "host-b")

# No kill is planned for the last part of the work, so that the last victims still have work.
_LAST_KILL = 0.95


class Kind(StrEnum):
    """The kinds of victims. All but a frozen host get a SIGKILL."""

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
    """The options of a run. ``lease`` is in seconds; a given ``folder`` is kept after the run."""

    tasks: int = 10_000
    kills: int = 100
    seed: int = 0
    lease: float = 3.0
    minutes: float = 20.0
    folder: Path | None = None
    kinds: Sequence[Kind] = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill, due when the share ``at`` of the work is done. ``pick``, from 0 to 1, chooses among several victims."""

    kind: Kind
    at: float
    host: str
    pick: float


def draw(options: Options, purpose: str) -> Random:
    """The random generator for one purpose, the same in every run with the same seed."""
    return Random(f"{options.seed} {purpose}")  # noqa: S311 - repeatable, not secret


def plan_kills(options: Options) -> list[Kill]:
    """The kills in order, spread evenly over the work, each kind in turn."""
    random = draw(options, "kills")
    kinds: list[Kind] = []
    while len(kinds) < options.kills:
        kinds += random.sample(options.kinds, len(options.kinds))
    return [
        Kill(kind, _LAST_KILL * (number + random.random()) / options.kills, random.choice(HOSTS), random.random())
        for number, kind in enumerate(kinds[: options.kills])
    ]
