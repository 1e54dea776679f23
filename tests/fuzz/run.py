"""A run: every file is uploaded, every task ends, then the audit."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.domain.tasks import TaskName
from tests.chaos.ledger import Ledger
from tests.deadlines import deadline
from tests.fuzz import audit
from tests.fuzz.audit import Finding
from tests.fuzz.installation import FuzzedStack, Sight
from tests.fuzz.plan import Options, list_cases
from tests.fuzz.report import Report
from tests.fuzz.sender import Answer, Pulse, send_all

_LOOK_SECONDS = 0.5
_COUNTS = (
    "SELECT count(*) FILTER (WHERE state IN ('SUCCESS', 'FAILURE', 'REVOKED')) AS done, count(*) AS total FROM tasks"
)

Say = Callable[[str], object]


def run(stack: FuzzedStack, options: Options, corpus: Path | None, say: Say) -> Report:
    """Upload the files to a running stack; ``say`` receives a line of progress now and then.

    Raises:
        AssertionError: a good document is no longer processed.
    """
    cases = list_cases(options, corpus)
    ledger, agent = Ledger(stack.settings.database_url or ""), stack.make_agent()
    _send_good(stack, "before")
    before, began = stack.look(), time.monotonic()
    with Pulse(stack) as pulse:
        answers = send_all(stack, agent, cases)
        say(f"{time.monotonic() - began:5.0f} s  {len(answers)} files sent")
        _wait_until_done(ledger, options, say)
    seconds = time.monotonic() - began
    tasks, after = [dict(row) for row in ledger.fetch(audit.TASKS)], stack.look()
    _send_good(stack, "after")
    ways = {answer.task_id: f"{answer.case.form}, {answer.case.way}" for answer in answers if answer.task_id}
    findings = [
        *audit.check_tasks(tasks, ways),
        *audit.check_answers(answers),
        *audit.check_processes(before, after),
        *audit.check_pulse(pulse.slowest),
        *(Finding("trouble in the log", line) for line in stack.list_troubles()),
    ]
    return Report(
        files=len(cases),
        entries=sum(task["parent_id"] is not None and task["id"] not in ways for task in tasks),
        deaths=sum(finding.kind == "worker death" for finding in findings),
        outcomes=Counter(_list_outcomes(answers, tasks)),
        slowest_answer=pulse.slowest,
        slowest_file=_find_slowest(tasks, ways),
        largest_growth=_find_growth(before, after),
        seconds=seconds,
        findings=findings,
    )


def _send_good(stack: FuzzedStack, word: str) -> None:
    """Check that a good document is processed in each queue and found."""
    agent = stack.make_agent()
    for priority in ("high", "medium", "low"):
        text = f"The kingfisher of the {priority} reach was seen {word} the flood.".encode()
        [task] = stack.finish([stack.upload(agent, f"{priority}.txt", text, priority=priority)["task_id"]])
        assert task["state"] == "SUCCESS", task
    hits = stack.post(f"/agents/{agent}/search", {"query": "kingfisher"})["results"]
    assert len(hits) == 3, hits


def _wait_until_done(ledger: Ledger, options: Options, say: Say) -> None:
    """Wait until every task has ended, or no task has ended for too long."""
    done, moved = -1, time.monotonic()
    while time.monotonic() - moved < deadline(options.patience):
        [row] = ledger.fetch(_COUNTS)
        if row["done"] == row["total"]:
            return
        if row["done"] != done:
            done, moved = row["done"], time.monotonic()
            say(f"{done} of {row['total']} tasks have ended")
        time.sleep(_LOOK_SECONDS)


def _list_outcomes(answers: Sequence[Answer], tasks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Outcome and format of every file and of every archive entry."""
    ended = {task["id"]: task["code"] or _speak(task["state"]) for task in tasks}
    for answer in answers:
        yield ended[answer.task_id] if answer.task_id else f"{answer.status} {answer.code}", answer.case.form
    sent = {answer.task_id for answer in answers}
    for task in tasks:
        if task["parent_id"] and task["id"] not in sent:
            yield ended[task["id"]], "entries"


def _speak(state: str) -> str:
    return "completed" if state == "SUCCESS" else state


def _find_slowest(tasks: Sequence[Mapping[str, Any]], ways: Mapping[str, str]) -> tuple[float, str]:
    """How long the slowest document took, from its start to its end, and how it was made."""
    documents = [task for task in tasks if task["name"] == TaskName.PROCESS_DOCUMENT and task["seconds"]]
    return max(((task["seconds"], ways.get(task["id"], "an archive entry")) for task in documents), default=(0.0, ""))


def _find_growth(before: Mapping[int, Sight], after: Mapping[int, Sight]) -> int:
    return max((now.peak - before[pid].peak for pid, now in after.items() if pid in before), default=0)
