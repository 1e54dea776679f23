"""Run the benchmarks: ``python -m benchmarks``, or some of them: ``python -m benchmarks uploads fleet``.

Benchmarks that take minutes run only if they are named, or with ``all``. The run fails if the targets of search quality
are missed.

Measures of the whole system are beside this file; those of its parts are in ``queues/``, ``search/`` and ``parsing/``.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks import costs, demo, documents, fleet, limits, providers, statements, streams, uploads
from benchmarks.parsing import encodings, memory, ocr, parsers, quality
from benchmarks.peers.systems import ROUNDS
from benchmarks.queues import backlog, depth, fairness, flush, no_ops, other_queues, prefetch, recovery, urgency
from benchmarks.report.figures import print_figures, write_figures
from benchmarks.report.publish import GLUE, publish
from benchmarks.search import latency, retrieval, vectors

_COMPARED = {
    "uploads": uploads.measure,
    "queues": no_ops.measure,
    "documents": documents.measure,
    "peers": other_queues.measure,
    "depth": depth.measure,
}
"""Measures of Sluice and its peers in alternating rounds."""
MEASURES = {
    **_COMPARED,
    "statements": statements.measure,
    "costs": costs.measure,
    "prefetch": prefetch.measure,
    "fleet": fleet.measure,
    "streams": streams.measure,
    "limits": limits.measure,
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
    "search": latency.measure,
    "retrieval": retrieval.measure,
}
_LONG = {"recovery", "flush", "fairness", "backlog", "memory", "providers", "vectors", "search"}
_LONG |= {"parsers", "encodings", "ocr", "retrieval"}
_LONG |= {"peers", "depth", "streams", "limits"}
GROUPS = {"all": list(MEASURES), "glue": list(GLUE)}
_STRICT = {"retrieval"}  # a missed target of these fails the run


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure Sluice, compared with plain glue.")
    parser.add_argument(
        "measures", nargs="*", metavar="measure", help=f"{', '.join(MEASURES)}, glue or all; default: the short ones"
    )
    parser.add_argument("--sets", type=Path, default=retrieval.SETS, help="labelled sets (see search/labelled_sets.py)")
    parser.add_argument("--model", action="append", default=[], choices=retrieval.MODELS, help="for retrieval")
    parser.add_argument("--vectors", type=Path, help="for retrieval: a folder that keeps vectors between runs")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of the measures that compare with peers")
    parser.add_argument("--publish", action="store_true", help="write the figures and plots of docs/performance.md")
    options = parser.parse_args()
    names = list(dict.fromkeys(name for named in options.measures for name in GROUPS.get(named, [named])))
    if unknown := set(names) - set(MEASURES):
        parser.error(f"unknown measure: {', '.join(sorted(unknown))}. Choose from: {', '.join(MEASURES)}")
    compared = {name: partial(measure, options.rounds) for name, measure in _COMPARED.items()}
    measures = MEASURES | compared
    measures["retrieval"] = partial(retrieval.measure, options.sets, options.model, options.vectors)
    chosen = {name: measures[name] for name in names or measures if names or name not in _LONG}
    found = {}
    for name, measure in chosen.items():
        print(f"{name} …", flush=True)
        began = time.monotonic()
        found[name] = measure()
        print_figures(f"{name} ({time.monotonic() - began:.0f} s)", found[name])
    print(f"Written to {write_figures(found)}")
    if options.publish:
        publish(found)
    if not all(figure.holds for name in _STRICT & found.keys() for figure in found[name]):
        sys.exit(1)


if __name__ == "__main__":
    main()
