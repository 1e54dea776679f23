"""Documents a second, from the first upload to the last end: Sluice and the honest peer, with the same model.

Each has one API process and four processes for documents. The documents are those of ``mixed.py`` and, where the corpus
is beside this checkout, real ones of the kinds that the peer reads.
"""

import time
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.harness.mixed import Document, make_documents
from benchmarks.harness.stack import run_servers
from benchmarks.harness.work import run_tasks
from benchmarks.parsing.quality import CORPUS
from benchmarks.peers.systems import HONEST, ROUNDS, System, count_rounds, run_honest, run_ours
from benchmarks.report.figures import Bound, Figure, compare

_DOCUMENTS, _REAL_EACH, _REAL_BYTES = 84, 8, 300_000
_REAL_KINDS = ("pdf", "docx", "xlsx", "pptx", "html", "txt", "eml")


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Let each system process the same documents, in turn."""
    rates, real_rates = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    real = find_real_documents()
    with run_servers() as settings, run_ours(settings) as ours, run_honest(settings) as honest:
        for number in count_rounds(rounds + 1):
            made = make_documents(_DOCUMENTS, first=number * _DOCUMENTS)
            for system in (ours, honest):
                rate = _measure_rate(system, made)
                if number:  # the first round warms up
                    rates[system.name].append(rate)
                if number and real:
                    real_rates[system.name].append(_measure_rate(system, real))
    bounds = {HONEST: Bound(at_least=5)}
    found = compare("mixed documents", "/s", rates, bounds)
    return [*found, *(compare("real documents", "/s", real_rates, bounds) if real else [])]


def find_real_documents() -> list[Document]:
    """Files of each kind in the corpus, evenly over their sizes up to 300 KB; none where there is no corpus."""
    chosen = list[Document]()
    for kind in _REAL_KINDS:
        files = sorted((CORPUS / "good").rglob(f"*.{kind}"), key=lambda path: (path.stat().st_size, path.name))
        fitting = [path for path in files if path.stat().st_size <= _REAL_BYTES]
        step = max(1, len(fitting) // _REAL_EACH)
        chosen += [Document(path.name, path.read_bytes()) for path in fitting[::step][:_REAL_EACH]]
    return chosen


def _measure_rate(system: System, documents: Sequence[Document]) -> float:
    began = time.monotonic()
    run_tasks(system.settings, lambda _: system.upload(documents), len(documents), ended=system.ended)
    return len(documents) / (time.monotonic() - began)
