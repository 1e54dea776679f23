"""The process in which documents are parsed. It trusts nothing it reads, and its parent trusts nothing it says.

Reads requests from standard input, one JSON object a line; answers on the pipe that was standard output, one JSON
object a line: ``{"done", "total"}`` while pages are read, then ``{"pages", "metadata"}`` or ``{"error", "detail"}``.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import IO, Any

from app.domain.errors import DocumentError, ParseLimitExceededError
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits

_PR_SET_PDEATHSIG = 1
_CPU_GRACE_SECONDS = 5
_MEGABYTE = 1024 * 1024
_OOM_SCORE = "800"


def main() -> None:
    """Serve requests until standard input ends."""
    memory_mb, max_pages, time_limit, parent = (int(argument) for argument in sys.argv[1:])
    _contain(memory_mb, parent)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    for line in sys.stdin:
        request = json.loads(line)
        _limit_cpu(time_limit)
        _answer(answers, _serve(request, Limits(pages=max_pages), answers))


def _contain(memory_mb: int, parent: int) -> None:
    """Die with the parent, before anything else when memory runs out, and before the machine's does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    if os.getppid() != parent:
        sys.exit(0)
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * _MEGABYTE, memory_mb * _MEGABYTE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu(time_limit: int) -> None:
    """A net below the parent's clock, should the parent be stopped."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + time_limit + _CPU_GRACE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _serve(request: dict[str, Any], limits: Limits, answers: IO[str]) -> dict[str, Any]:
    def on_page(done: int, total: int) -> None:
        _answer(answers, {"done": done, "total": total})

    try:
        parsed = parse(
            Path(request["path"]), request["media_type"], on_page, limits=limits, spare=bool(request.get("spare"))
        )
    except DocumentError as error:
        return {"error": error.code, "detail": error.detail}
    except (MemoryError, RecursionError):
        return {"error": ParseLimitExceededError.code, "detail": "It takes too much memory.", "leave": True}
    return {"pages": [[page.number, page.text] for page in parsed.pages], "metadata": dict(parsed.metadata)}


def _answer(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message, default=str) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
