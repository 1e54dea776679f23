"""Run the benchmarks: ``python -m benchmarks``, or some of them: ``python -m benchmarks uploads fleet``.

Benchmarks that take minutes run only if they are named, or with ``all``.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path

from benchmarks import (
    backlog,
    demo,
    encodings,
    fairness,
    fleet,
    flush,
    memory,
    ocr,
    parsers,
    prefetch,
    providers,
    quality,
    queues,
    recovery,
    retrieval,
    search,
    uploads,
    urgency,
    vectors,
)
from benchmarks.figures import Figure, print_figures, write_figures
from benchmarks.stack import run_servers

_MEASURES = {
    "uploads": uploads.measure,
    "queues": queues.measure,
    "prefetch": prefetch.measure,
    "fleet": fleet.measure,
    "demo": demo.measure,
    "recovery": recovery.measure,
    "flush": flush.measure,
    "fairness": fairness.measure,
    "urgency": urgency.measure,
    "backlog": backlog.measure,
    "quality": quality.measure,
    "encodings": encodings.measure,
    "parsers": parsers.measure,
    "memory": memory.measure,
    "ocr": ocr.measure,
    "providers": providers.measure,
    "vectors": vectors.measure,
    "search": search.measure,
}
_LONG = {"recovery", "flush", "fairness", "backlog", "memory", "providers", "vectors", "search"}
_LONG |= {"parsers", "encodings", "ocr"}


def _measure_retrieval(corpus: Path) -> list[Figure]:
    with run_servers() as settings:
        scores = asyncio.run(
            retrieval.run(settings.database_url or "", json.loads(corpus.read_text("utf-8")), "wordllama")
        )
    return [
        Figure(f"{language}: {mode}", 100 * by_mode[mode], "nDCG@10, %")
        for language, by_mode in scores.items()
        for mode in retrieval.MODES
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure Sluice, compared with plain glue.")
    parser.add_argument(
        "measures", nargs="*", metavar="measure", help=f"{', '.join(_MEASURES)}, or all; default: the short ones"
    )
    parser.add_argument("--corpus", type=Path, help="also measure retrieval on this corpus (see retrieval.py)")
    options = parser.parse_args()
    if unknown := set(options.measures) - set(_MEASURES) - {"all"}:
        parser.error(f"unknown measure: {', '.join(sorted(unknown))}. Choose from: {', '.join(_MEASURES)}")
    names = list(_MEASURES) if "all" in options.measures else options.measures
    chosen = {name: _MEASURES[name] for name in names or _MEASURES if names or name not in _LONG}
    if corpus := options.corpus:
        chosen["retrieval"] = lambda: _measure_retrieval(corpus)
    found = {}
    for name, measure in chosen.items():
        began = time.monotonic()
        found[name] = measure()
        print_figures(f"{name} ({time.monotonic() - began:.0f} s)", found[name])
    print(f"Written to {write_figures(found)}")


if __name__ == "__main__":
    main()
