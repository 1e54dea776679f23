"""Compares the ratios of a short run with the published ones: ``make bench-check``.

A ratio that differs by more than a fifth fails, in either direction: then something became slower, or the published
figures are to be measured again on a quiet machine. The systems of a ratio run in turn, so a change of the machine's
speed affects both; a fifth allows for what is left of it in two short rounds.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benchmarks import documents, statements, uploads
from benchmarks.queues import no_ops
from benchmarks.report.figures import Figure, print_figures, read_figures
from benchmarks.report.publish import PUBLISHED

TOLERANCE = 0.2
_ROUNDS = 2


def main() -> None:
    """Run, print and compare; exits with 1 where a ratio differs."""
    measures: dict[str, Callable[[], list[Figure]]] = {
        "uploads": partial(uploads.measure, _ROUNDS),
        "queues": partial(no_ops.measure, _ROUNDS),
        "documents": partial(documents.measure, _ROUNDS),
        "statements": statements.measure,
    }
    measured = dict[str, list[Figure]]()
    for name, measure in measures.items():
        print(f"{name} …", flush=True)
        measured[name] = measure()
        print_figures(name, measured[name])
    differences = find_differences(read_figures(json.loads(PUBLISHED.read_text())), measured)
    print("\n".join(differences) or f"Every ratio is within {TOLERANCE:.0%} of the published one.")
    sys.exit(bool(differences))


def find_differences(published: Mapping[str, Sequence[Figure]], measured: Mapping[str, Sequence[Figure]]) -> list[str]:
    """A line for each measured figure with a target that differs from the published one, or was not published."""
    known = {(name, figure.name, figure.peer): figure for name, figures in published.items() for figure in figures}
    found = list[str]()
    for name, figures in measured.items():
        for figure in figures:
            if not figure.target:
                continue
            label = f"{name}: {figure.name}" + (f", to {figure.peer}" if figure.peer else "")
            former = known.get((name, figure.name, figure.peer))
            if former is None:
                found.append(f"{label}: not published")
            elif not 1 - TOLERANCE <= figure.compared / former.compared <= 1 + TOLERANCE:
                found.append(f"{label}: {figure.compared:.2f}, published {former.compared:.2f}")
    return found


if __name__ == "__main__":
    main()
