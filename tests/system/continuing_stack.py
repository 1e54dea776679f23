"""A stack whose slots continue, with a record of all claims, and tasks that do nothing."""

from collections.abc import Iterator

import pytest

from app.settings import Settings
from tests.deadlines import wait_for
from tests.running import Stack
from tests.system.test_killed_processes import LONG, make_text

WORKERS = pytest.mark.parametrize(
    "worker", ["high", pytest.param("low", marks=pytest.mark.slow)], ids=["processes", "threads"]
)
"""The slots of one worker are processes, those of the other are threads."""

# Every claim, as it is committed.
_RECORD = (
    "CREATE TABLE claims (task_id uuid, worker_id uuid, pid integer)",
    """CREATE FUNCTION record_claim() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN INSERT INTO claims VALUES (NEW.id, NEW.worker_id, NEW.pid); RETURN NEW; END'""",
    """CREATE TRIGGER claims AFTER UPDATE ON tasks FOR EACH ROW
       WHEN (OLD.state = 'QUEUED' AND NEW.state = 'STARTED') EXECUTE FUNCTION record_claim()""",
)
_PINGS = """
    INSERT INTO tasks (id, organization_id, agent_id, name, queue)
    SELECT gen_random_uuid(), a.organization_id, a.id, 'app.tasks.upkeep_tasks.ping', $2
    FROM agents AS a, generate_series(1, $3) WHERE a.id = $1
"""


def run_api(settings: Settings) -> Iterator[Stack]:
    """An API, and a table of all claims."""
    with Stack(settings) as stack:
        stack.environment |= {"LARGE_DOCUMENT_CHUNKS": "1000000", "WORKER_CONCURRENCY_HIGH": "2"}
        stack.start_api()
        for statement in _RECORD:
            stack.fetch(statement)
        yield stack


def lend(running: Stack) -> Iterator[Stack]:
    """The stack without workers and tasks; the workers that a test starts are stopped after it."""
    environment = dict(running.environment)
    running.fetch("TRUNCATE claims")
    running.fetch("DELETE FROM tasks WHERE document_id IS NULL")
    yield running
    running.stop(running.workers)
    running.environment = environment


def submit_pings(stack: Stack, number: int, worker: str = "high") -> int:
    """Insert tasks that do nothing, of a new agent; returns the agent."""
    agent = stack.make_agent()
    stack.fetch(_PINGS, agent, f"{worker}_priority", number)
    return agent


def count(stack: Stack, agent: int, condition: str = "state = 'SUCCESS'") -> int:
    [[number]] = stack.fetch(f"SELECT count(*) FROM tasks WHERE agent_id = $1 AND {condition}", agent)
    return int(number)


def continue_with_long(stack: Stack, number: int, worker: str = "high") -> tuple[str, int]:
    """Have the only slot continue with a long task; returns the task, and the process that runs it."""
    # Under load, one of them may be passed over: a slot skips a task that another transaction has locked.
    agent = submit_pings(stack, 3, worker)
    long = stack.upload(agent, "long.txt", make_text(number, sentences=LONG), priority=worker)["task_id"]
    stack.start_workers(worker)
    wait_for(lambda: stack.get(f"/tasks/{long}")["state"] == "PROGRESS", "the long task to run")
    [[pid]] = stack.fetch("SELECT pid FROM tasks WHERE id = $1", long)
    assert stack.fetch("SELECT FROM claims WHERE pid = $1 AND task_id <> $2", pid, long), (
        "its first task was the long one"
    )
    return long, pid
