"""A ledger with tasks in every state, and the parameters with which each statement finds rows in it."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from app.domain.ids import TaskId, new_task_id
from app.domain.tasks import Queue, TaskName
from app.ledger.upkeep import EVERY_TASK
from tests.ledger.bench import ORGANIZATION, PID, Bench
from tests.ledger.planner_deletions import fill_deletions
from tests.ledger.planner_profiles import fill_profiles
from tests.ledger.planner_webhooks import fill_webhooks

RUNNING = "state = 'STARTED' AND cancel_requested_at IS NULL AND pid = 4711"
WAITING = "state = 'PENDING' AND parent_id IS NULL"
ADMITTED = "state = 'QUEUED' AND name = 'app.tasks.document_tasks.process_document'"
CANCELLED = "state = 'STARTED' AND cancel_requested_at IS NOT NULL"
DEAD = "dead_lettered_at IS NOT NULL AND parent_id IS NULL"
OPEN = "state = 'EXPANDED' AND cancel_requested_at IS NULL AND status = 'open'"
LEFT_OPEN = "state = 'EXPANDED' AND status = 'left open'"
ENDED = "state = 'FAILURE' AND status = 'ended parent'"
CHILD = "parent_id IS NOT NULL AND state = 'FAILURE'"

TASKS = {
    "cancel._CANCEL": WAITING,
    "cancel._REVIVE": "state = 'REVOKED'",
    "cancel._FORCE_ABORT": CANCELLED,
    "children._COUNT_ALL": OPEN,
    "children._DROP": OPEN,
    "children._REVIVE_CHILDREN": ENDED,
    "claim.CLAIM": ADMITTED,
    "dead_letters._DISCARD": DEAD,
    "dead_letters._ANNOUNCED": DEAD,
    "finish._ABORT": CANCELLED,
    "parents._UPDATE_PROGRESS": OPEN,
    "parents._HAS_ACTIVE_CHILDREN": OPEN,
    "parents._LOCK_PARENT": OPEN,
    "parents._GATHER": LEFT_OPEN,
    "parents._NEEDS_LAST_STEP": LEFT_OPEN,
    "parents._REOPEN": ENDED,
}
"""The task that a statement is about, where it is not a running one."""

LISTS = {
    "children._COUNT": OPEN,
    "children._CANCEL_CHILDREN": OPEN,
    "parents._LOCK_ANCESTORS": CHILD,
    "dead_letters._REPLAY": DEAD,
    "finish.FINISH_SEVERAL_AND_CLAIM": RUNNING,
}
"""The tasks that a statement is about, where it takes several."""

WITHOUT_ROWS = {"recover.END_HOLDERS", "submit._INSERT_WITH_DOCUMENTS"}
"""Statements that are not compared: one ends sessions; one inserts a row that the world does not determine."""


def fill(bench: Bench) -> None:
    """Insert tasks in every state, on live and dead workers."""
    dead, gone = bench.add_worker(Queue.HIGH), bench.add_worker(Queue.HIGH)
    bench.sql("UPDATE workers SET lease_expires_at = now() - interval '1 minute' WHERE id = :id", id=dead)
    bench.sql("UPDATE workers SET lease_expires_at = now() - interval '1 day' WHERE id = :id", id=gone)
    bench.add_worker(Queue.LOW, slots=9)
    bench.add_worker(Queue.HIGH, slots=20)
    capped = bench.add_agent(max_in_flight=50)
    _add(bench, 12, "PENDING")
    _add(bench, 12, "PENDING", agent_id=capped)
    _add(bench, 6, "RETRY", retries=1, attempt=1)
    _add(bench, 6, "RETRY", retries=1, attempt=1, available_at=_ago("-1 hour"))
    _add(bench, 12, "QUEUED", queued_at=_ago("1 hour"))
    _add(bench, 6, "STARTED", worker_id=bench.worker, pid=PID, started_at=_ago("1 hour"))
    _add(bench, 6, "STARTED", worker_id=dead, pid=1)
    _add(bench, 6, "STARTED", worker_id=bench.worker, pid=2, cancel_requested_at=_ago("1 hour"))
    _add(bench, 20, "SUCCESS", completed_at=_ago("100 days"))
    _add(bench, 6, "FAILURE", completed_at=_ago("1 day"), dead_lettered_at=_ago("1 day"))
    _add(bench, 6, "REVOKED", completed_at=_ago("1 day"))
    for state in ("PENDING", "QUEUED"):
        name = TaskName.REEMBED_DOCUMENT.value
        _add(bench, 6, state, name=name, queue="low_priority", arguments='{"index_id": "1"}')
    _add(bench, 6, "PENDING", arguments='{"fetch_host": "public.example"}')
    _add_parents(bench)
    _add_resources(bench)
    bench.sql(
        "INSERT INTO answer_parts (task_id, version, epoch, event, data) "
        "SELECT t.id, t.version - n, t.epoch, 'sentence', jsonb_build_object('citations', t.result -> 'references') "
        "FROM tasks AS t, generate_series(0, 2) AS n WHERE t.state IN ('STARTED', 'SUCCESS')"
    )
    _add_old_records(bench)
    bench.add_worker(Queue.DEAD_LETTER)
    bench.sql("INSERT INTO turns (queue, agent_id, finish_tag) SELECT name, 1, 0 FROM queues")
    bench.sql("UPDATE chores SET due_at = now() - interval '1 hour'")
    bench.sql(
        "INSERT INTO embedded_texts (model, hash, vector, used_at, holder, held_until) "
        "SELECT 'm', int4send(n), CAST('\\x00' AS bytea), now() - interval '90 days', :holder, now() "
        "FROM generate_series(1, 30) AS n ON CONFLICT DO NOTHING",
        holder=HOLDER,
    )


def _add_resources(bench: Bench) -> None:
    deletions = fill_deletions(bench)
    _DELETIONS.update(deletions | fill_profiles(bench, deletions["agent_id"]))
    fill_webhooks(bench)


def _add_old_records(bench: Bench) -> None:
    bench.sql(
        "INSERT INTO audit_entries (organization_id, actor, action, occurred_at) "
        "SELECT :organization, 'a', 'a', now() - interval '90 days' FROM generate_series(1, 9)",
        organization=ORGANIZATION,
    )
    bench.sql(
        "INSERT INTO usage_records (organization_id, agent_id, kind, occurred_at, counted_at) "
        "SELECT :organization, 1, 'document', now() - interval '90 days', now() FROM generate_series(1, 9)",
        organization=ORGANIZATION,
    )


HOLDER = uuid4()
_DELETIONS: dict[str, Any] = {}


def _add_parents(bench: Bench) -> None:
    for status, children in (
        ("open", ("PENDING", "SUCCESS", "FAILURE", "REVOKED", "PENDING")),
        ("left open", ("SUCCESS", "SUCCESS")),
        ("cancelled", ("PENDING", "PENDING")),
    ):
        cancelled = {"cancel_requested_at": _ago("1 hour")} if status == "cancelled" else {}
        _add(bench, 1, "EXPANDED", id=(parent := new_task_id()), status=status, **cancelled)
        _add_children(bench, parent, children)
    _add(bench, 1, "FAILURE", id=(ended := new_task_id()), status="ended parent", completed_at=_ago("1 day"))
    _add_children(bench, ended, ("FAILURE", "FAILURE", "REVOKED", "SUCCESS"))


def _add_children(bench: Bench, parent: TaskId, states: tuple[str, ...]) -> None:
    for state in states:
        ended = {} if state == "PENDING" else {"completed_at": _ago("1 day")}
        _add(bench, 1, state, parent_id=parent, **ended)


def _ago(interval: str) -> Any:
    return ("ago", interval)


def _add(bench: Bench, count: int, state: str, **columns: Any) -> None:
    values: dict[str, Any] = {
        "agent_id": bench.agent,
        "name": TaskName.PROCESS_DOCUMENT.value,
        "queue": "high_priority",
        "attempt": 1,
        **columns,
    }
    times = {name: value[1] for name, value in values.items() if isinstance(value, tuple)}
    given = {name: value for name, value in values.items() if name not in times}
    given.setdefault("id", None)
    names = ", ".join(["organization_id", "state", *given, *times])
    casts = {"arguments": "CAST(:arguments AS jsonb)", "id": "coalesce(CAST(:id AS uuid), gen_random_uuid())"}
    sources = [casts.get(name, f":{name}") for name in given]
    sources += [f"now() - interval '{interval}'" for interval in times.values()]
    bench.sql(
        f"INSERT INTO tasks ({names}) SELECT :organization, :state, {', '.join(sources)} "
        "FROM generate_series(1, :count)",
        organization=ORGANIZATION,
        state=state,
        count=count,
        **given,
    )


def find_parameters(bench: Bench, name: str) -> dict[str, Any]:
    """A value for every parameter that a statement of the ledger may have."""
    task = bench.sql(f"SELECT * FROM tasks WHERE {TASKS.get(name, RUNNING)} ORDER BY id LIMIT 1")[0]
    listed = bench.sql(f"SELECT id FROM tasks WHERE {LISTS.get(name, 'true')} ORDER BY id")
    ids = [row["id"] for row in listed]
    idle = bench.one("SELECT id FROM workers WHERE 'low_priority' = ANY (queues)")
    return {
        **_FIXED,
        "agent_id": bench.agent,
        "worker_id": idle if name == "work_stealing.STEAL_WORK" else bench.worker,
        "task_id": task["id"],
        "epoch": task["epoch"],
        "version": task["version"],
        "name": task["name"],
        "ids": ids,
        "task_ids": ids,
        "epochs": [task["epoch"]] * len(ids),
        "statuses": ["Done"] * len(ids),
        "results": ["null"] * len(ids),
        "parent_id": task["id"],
        "children": [_make_child(number) for number in range(5)],
        **{key: value for key, value in _DELETIONS.items() if name.startswith(_DELETING) or key not in _OWN},
        **_WINDOWS.get(name, {}),
    }


_WINDOWS: dict[str, dict[str, Any]] = {
    "upkeep.FORGET_TASKS": EVERY_TASK._asdict(),
    "upkeep._END_OF_WINDOW": {"after": EVERY_TASK.after, "skip": 2},
    "schedules._ADD": {"chore": "schedule:new"},
    "upkeep._CLEAR_RESULTS": {**EVERY_TASK._asdict(), "days": -1},
}
"""Values of single statements. Those of retention: the tasks among which they look; those that ended today, where only
they have results."""

_DELETING = ("answer_parts._ERASE", "erase.", "documents.erasure.", "files.")
_OWN = ("agent_id", "limit")


def _make_child(number: int) -> dict[str, Any]:
    return {
        "task_id": str(new_task_id()),
        "name": TaskName.PROCESS_DOCUMENT.value,
        "filename": f"{number}.txt",
        "media_type": "text/plain",
        "metadata": {},
        "source_url": f"https://example.com/{number}",
    }


_FIXED: dict[str, Any] = {
    "id": uuid4(),
    "arguments": {},
    "available_at": datetime(2100, 1, 1, tzinfo=UTC),
    "capped": [],
    "chore": "forget",
    "chunk_count": 1,
    "concurrency": 1,
    "continues": True,
    "current": 1,
    "cursor": "aa/1",
    "days": 30,
    "due": datetime(2100, 1, 1, tzinfo=UTC),
    "first": datetime(2100, 1, 1, tzinfo=UTC),
    "key": "usage:2100-01-01T00",
    "alone": False,
    "data": {},
    "delay": 1.0,
    "duplicate_error": None,
    "enough": 5,
    "error": {},
    "failure": {},
    "grace": 1.0,
    "hashes": [number.to_bytes(4) for number in range(1, 21)],
    "holder": HOLDER,
    "host": "here",
    "index_id": 1,
    "last_step": TaskName.PUBLISH_DOCUMENT.value,
    "tolerates": False,
    "lease": 60.0,
    "limit": 2,
    "max_crashes": 3,
    "metadata": {},
    "model": "m",
    "most": 3,
    "organization_id": ORGANIZATION,
    "parts": [{"event": "sentence", "data": {}}] * 3,
    "pid": PID,
    "pids": [PID, 2],
    "queue": "high_priority",
    "queues": ["high_priority", "low_priority"],
    "rejects": False,
    "reports": [{"name": "embed", "current": 50, "status": "Embedding", "age": 5}],
    "result": {},
    "seconds": 60.0,
    "seen": -9,
    "stage": "parse",
    "states": ["FAILURE", "REVOKED"],
    "status": "Parsing",
    "virtual_time": 0.0,
    "window": 18,
}
