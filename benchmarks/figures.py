"""Results of benchmarks: figures with their targets, as a table and as JSON."""

import json
import math
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number.

    ``at_most`` or ``at_least`` is the target. ``plain`` is the same measure, in the same run, for a minimal FastAPI and
    Celery without any of the guarantees.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    plain: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the target, if any, is met."""
        high_enough = self.at_least is None or self.value >= self.at_least
        return high_enough and (self.at_most is None or self.value <= self.at_most)

    @property
    def target(self) -> str:
        """The target in mathematical notation."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"


def percentile(samples: Iterable[float], share: float) -> float:
    """The smallest sample that at least ``share`` of all samples do not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def print_figures(title: str, figures: Sequence[Figure]) -> None:
    """Print the figures of one measure as a table; a missed target is red."""
    table = Table("", "Sluice", "", "target", "plain glue", title=title, title_justify="left", box=None, min_width=90)
    for figure in figures:
        style = "" if figure.holds else "red"
        plain = "" if figure.plain is None else f"{figure.plain:,.1f}"
        table.add_row(figure.name, f"{figure.value:,.1f}", figure.unit, figure.target, plain, style=style)
    Console().print(table, "")


def write_figures(measures: dict[str, list[Figure]]) -> Path:
    """Write a run as JSON; returns the path."""
    now = datetime.now(UTC)
    machine = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": psutil.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
    }
    run = {
        "at": now.isoformat(timespec="seconds"),
        "machine": machine,
        "measures": {
            name: [asdict(figure) | {"holds": figure.holds} for figure in found] for name, found in measures.items()
        },
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%dT%H%M%S}.json"
    path.write_text(json.dumps(run, indent=2) + "\n", "utf-8")
    return path
