"""How much of a file's text Sluice reads, compared with other libraries on the same files.

The files are those of the corpus beside this checkout, or of a folder named by ``PARSER_FILES``. Each reader runs in a
process of its own. Libraries that are not installed are left out. docs/text-quality.md explains the figures.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from app.domain.media import SUPPORTED
from app.pipeline.parse import parse
from benchmarks.parsing.quality import CORPUS
from benchmarks.peers.readers import PEERS, Reader
from benchmarks.report.figures import Figure, percentile

_OURS = "Sluice"
_WORD = re.compile(r"\w+")
_ADDRESS = re.compile(r"\]\([^)]*\)|\w+://\S+|data:\S+")
"""Addresses are left out: libraries differ in which they write."""
_FEW = 5
"""Files in which the best library finds fewer words do not count."""
_SECONDS = 30


class Run(NamedTuple):
    """The result of one reader over all files: distinct words by file, processor seconds, peak memory in MB."""

    words: dict[str, set[str]]
    seconds: float
    megabytes: float


def measure() -> list[Figure]:
    """For each kind of file: the share of the distinct words of the best library that Sluice has; time and memory."""
    folder = Path(os.environ.get("PARSER_FILES", CORPUS / "good"))
    if not folder.is_dir():
        print(f"parsers: skipped, because there are no files at {folder}")
        return []
    files = defaultdict[str, list[Path]](list)
    for path in sorted(folder.rglob("*")):
        files[path.suffix.lower().removeprefix(".")].append(path)
    kinds = [kind for kind in PEERS if files[kind] and _find_type(kind)]
    return [figure for kind in kinds for figure in _compare(kind, files[kind])]


def _compare(kind: str, files: Sequence[Path]) -> list[Figure]:
    runs = {name: _run(kind, name, files) for name in [_OURS, *PEERS[kind]] if _is_installed(kind, name)}
    ours = runs.pop(_OURS)
    shares = dict[str, float]()
    for file in map(str, files):
        best = _find_best([run.words[file] for run in runs.values() if file in run.words])
        if len(best) >= _FEW:
            shares[file] = len(best & ours.words.get(file, set())) / len(best)
    for file in sorted(shares, key=lambda name: shares[name])[:5]:
        print(f"{shares[file]:.2f} {file}", flush=True)
    return [
        Figure(f"{kind}: words of the best library, median of {len(shares)}", _percent(shares, 0.5), "%"),
        Figure(f"{kind}: words of the best library, 5th percentile", _percent(shares, 0.05), "%"),
        *(
            Figure(f"{kind}: {name}, {len(run.words)} files read, {run.megabytes:.0f} MB", run.seconds, "s")
            for name, run in {_OURS: ours, **runs}.items()
        ),
    ]


def _find_best(found: Sequence[set[str]]) -> set[str]:
    """The words of the library that finds most, as far as another one has them too, if there is another."""
    best, *others = sorted(found, key=len, reverse=True) or [set[str]()]
    return best & set[str]().union(*others) if others else best


def _percent(shares: dict[str, float], share: float) -> float:
    if not shares:
        return 0.0
    median = statistics.median(shares.values())
    return 100 * (median if share == 0.5 else percentile(shares.values(), share))


def _is_installed(kind: str, name: str) -> bool:
    return name == _OURS or find_spec(PEERS[kind][name][0]) is not None


def _run(kind: str, name: str, files: Sequence[Path]) -> Run:
    with TemporaryDirectory() as folder:
        names, found = Path(folder) / "names", Path(folder) / "found"
        names.write_text(json.dumps([str(path) for path in files]))
        command = [sys.executable, "-m", "benchmarks.parsing.parsers", kind, name, str(names), str(found)]
        # A library that crashes ends its process; it starts again with the file after that one.
        while subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            pass
        lines = [json.loads(line) for line in found.read_text().splitlines()]
    words = {line["file"]: set(line["words"]) for line in lines if line["words"] is not None}
    return Run(words, sum(line["seconds"] for line in lines), max(line["megabytes"] for line in lines))


def _read_ours(kind: str) -> Reader:
    media_type = _find_type(kind)
    return lambda path: "\n".join(page.text for page in parse(path, media_type).pages)


def _find_type(kind: str) -> str:
    """The media type of files with this suffix; empty where Sluice reads none."""
    return next((media_type for media_type, suffixes in SUPPORTED.items() if f".{kind}" in suffixes), "")


def _serve(kind: str, name: str, names: Path, found: Path) -> None:
    """Read each file that has no line in ``found`` yet, and append one for it."""
    read = _read_ours(kind) if name == _OURS else PEERS[kind][name][1]
    done = len(found.read_text().splitlines()) if found.exists() else 0
    with found.open("a", buffering=1) as file:
        for path in json.loads(names.read_text())[done:]:
            blank = {"file": path, "words": None, "seconds": 0.0, "megabytes": 0.0}
            place = file.tell()
            file.write(json.dumps(blank) + "\n")  # stays if the library crashes
            line = _measure(read, path)
            file.truncate(place)
            file.seek(place)
            file.write(json.dumps(line) + "\n")


def _measure(read: Reader, path: str) -> dict[str, Any]:
    signal.alarm(_SECONDS)
    began = time.process_time()
    try:
        words: list[str] | None = _WORD.findall(_ADDRESS.sub(" ", read(Path(path))))
    except BaseException:  # noqa: BLE001, a library that fails on a file has no words of it
        words = None
    signal.alarm(0)
    seconds = time.process_time() - began
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return {"file": path, "words": words, "seconds": seconds, "megabytes": int(peak[1]) / 1024 if peak else 0.0}


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
