"""Results of benchmarks: figures with their targets, as a table and as JSON."""

import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parents[1] / "results"
_LOAD = os.getloadavg()[0]
"""The load of the machine before the run."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number.

    ``peer_value`` is the same measure of another system, ``peer``, in the same run. ``at_most`` or ``at_least`` is the
    target, for the ratio of the two where there is a peer, otherwise for the value.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    peer: str = ""
    peer_value: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value divided by that of the peer."""
        return None if self.peer_value is None else self.value / self.peer_value

    @property
    def compared(self) -> float:
        """The number that is compared with the target: the ratio where there is a peer, otherwise the value."""
        return self.value if self.ratio is None else self.ratio

    @property
    def holds(self) -> bool:
        """Whether the target, if any, is met."""
        high_enough = self.at_least is None or self.compared >= self.at_least
        return high_enough and (self.at_most is None or self.compared <= self.at_most)

    @property
    def target(self) -> str:
        """The target in mathematical notation."""
        if self.at_most is not None:
            return f"≤ {self.at_most:.3g}"
        return "" if self.at_least is None else f"≥ {self.at_least:.3g}"


@dataclass(frozen=True, slots=True)
class Bound:
    """The target of the ratio to one peer."""

    at_most: float | None = None
    at_least: float | None = None


def compare(name: str, unit: str, rounds: Mapping[str, Sequence[float]], bounds: Mapping[str, Bound]) -> list[Figure]:
    """A figure for each peer from the medians of the rounds.

    Args:
        name: What was measured.
        unit: Its unit.
        rounds: The value of each round, by the name of the system. The first system is Sluice.
        bounds: The targets, by the name of the peer.
    """
    (_, ours), *peers = ((system, median(values)) for system, values in rounds.items())
    found = ((peer, value, bounds.get(peer, Bound())) for peer, value in peers)
    return [Figure(name, ours, unit, bound.at_most, bound.at_least, peer, value) for peer, value, bound in found]


def read_figures(run: Mapping[str, Any]) -> dict[str, list[Figure]]:
    """The figures of a run that ``describe_run`` made."""
    names = {field.name for field in fields(Figure)}
    return {
        name: [Figure(**{key: value for key, value in found.items() if key in names}) for found in figures]
        for name, figures in run["measures"].items()
    }


def percentile(samples: Iterable[float], share: float) -> float:
    """The smallest sample that at least ``share`` of all samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def print_figures(title: str, figures: Sequence[Figure]) -> None:
    """Print the figures of one measure as a table; a missed target is red."""
    heads = ("", "Sluice", "", "peer", "", "ratio", "target")
    table = Table(*heads, title=title, title_justify="left", box=None, min_width=90)
    for figure in figures:
        peer_value = "" if figure.peer_value is None else f"{figure.peer_value:,.1f}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        row = (figure.name, f"{figure.value:,.1f}", figure.unit, figure.peer, peer_value, ratio, figure.target)
        table.add_row(*row, style="" if figure.holds else "red")
    Console().print(table, "")


def write_figures(measures: dict[str, list[Figure]]) -> Path:
    """Write a run as JSON; returns the path."""
    now = datetime.now(UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%dT%H%M%S}.json"
    path.write_text(json.dumps(describe_run(measures), indent=2) + "\n", "utf-8")
    return path


def describe_run(measures: Mapping[str, Sequence[Figure]]) -> dict[str, Any]:
    """A run as JSON: time, machine, and the figures of each measure."""
    machine = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": psutil.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "load": round(_LOAD, 1),
    }
    found = {
        name: [asdict(figure) | {"ratio": figure.ratio, "holds": figure.holds} for figure in figures]
        for name, figures in measures.items()
    }
    return {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "measures": found}
