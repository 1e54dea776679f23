"""The processes of a run by kind, and the processor time that each kind has used.

All programs of a benchmark are its descendants, so the process tree of this process contains them.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import psutil

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class Kind(StrEnum):
    """What a process does."""

    API = "API"
    POOL = "pool process"
    PARSER = "parser child"
    BATCH = "batch child"
    WORKER = "worker's main process"
    SUPERVISOR = "supervisor"
    POSTGRES = "Postgres"
    VALKEY = "Valkey"
    OTHER = "other"


_PROGRAMS = {"postgres": Kind.POSTGRES, "valkey": Kind.VALKEY}
_ARGUMENTS = {
    "app.pipeline.sandbox.child": Kind.PARSER,
    "app.tasks.batch_child": Kind.BATCH,
    "main.py api": Kind.API,
    "uvicorn": Kind.API,
}
_KIND_OF_ENDED_CHILDREN = {Kind.POOL: Kind.PARSER, Kind.WORKER: Kind.POOL}


class _Process(NamedTuple):
    pid: int
    parent: int
    kind: Kind


def list_processes() -> list[_Process]:
    """The running descendants of this process, parents before their children."""
    found = dict[int, _Process]()
    for process in psutil.Process().children(recursive=True):
        try:
            parent = found.get(process.ppid())
            name, arguments, session = process.name(), " ".join(process.cmdline()), os.getsid(process.pid)
        except (psutil.Error, OSError):
            continue  # it has just ended
        kind = classify(name, arguments, parent.kind if parent else None, leads_session=session == process.pid)
        found[process.pid] = _Process(process.pid, process.ppid(), kind)
    return list(found.values())


def classify(name: str, arguments: str, parent: Kind | None, *, leads_session: bool) -> Kind:
    """The kind of a process.

    Args:
        name: The name of its program.
        arguments: Its command line. Forked processes have that of their parent.
        parent: The kind of its parent; None for a direct child of the benchmark.
        leads_session: Whether it is the first process of its session, as a worker and a supervisor are.
    """
    for start, kind in _PROGRAMS.items():
        if name.startswith(start):
            return kind
    for part, kind in _ARGUMENTS.items():
        if part in arguments:
            return kind
    if "celery" in arguments:  # a worker of the glue, which has no supervisor
        return Kind.WORKER if parent is None else Kind.POOL
    if parent is None:  # a direct child that is none of these only starts the workers
        return Kind.OTHER
    if parent is Kind.WORKER:
        return Kind.SUPERVISOR if leads_session else Kind.POOL
    return Kind.WORKER if "main.py worker" in arguments else Kind.OTHER


def read_cpu() -> dict[Kind, float]:
    """Processor time in milliseconds by kind, of the running processes and of their children that have ended.

    Use the difference of two readings. The time of a process that ends in between is in that of its parent.
    """
    used = dict.fromkeys(Kind, 0.0)
    for process in list_processes():
        try:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        used[process.kind] += own * _TICK_MS
        used[_KIND_OF_ENDED_CHILDREN.get(process.kind, process.kind)] += ended * _TICK_MS
    return used
