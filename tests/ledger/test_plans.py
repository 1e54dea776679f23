"""The statements that run for every task find their rows by index, however deep the backlog."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.ids import new_task_id
from app.domain.tasks import WORK_QUEUES, Queue
from app.ledger.admit import ADMIT, LOCK_CAPPED
from app.ledger.admit_fetches import ADMIT_FETCHES
from app.ledger.cancel import CANCEL_AGENT, LOCK_UNRESPONSIVE
from app.ledger.claim import CLAIM, CLAIM_NEXT
from app.ledger.dead_letters import UNANNOUNCED
from app.ledger.finish import FINISH_AND_CLAIM, FINISH_SEVERAL_AND_CLAIM, HAND_BACK
from app.ledger.queues import QUEUES, QUEUES_OF_ORGANIZATION
from app.ledger.read import BACKLOG
from app.ledger.recover import END_HOLDERS, RECONCILE, RELEASE, RUNNING_PROCESSES
from app.ledger.report import REPORT, WATCH
from app.ledger.upkeep import EVERY_TASK, FORGET_TASKS
from app.ledger.work_stealing import STEAL_WORK
from tests.ledger.bench import PID, Bench

ATTEMPT = {"task_id": new_task_id(), "epoch": 1}
WORKER = {"worker_id": new_task_id()}
SLOT = {"pid": PID, "queue": "high_priority", "enough": 8, **WORKER}
SEVERAL = {"most": 8, "name": "ping"}
STATEMENTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "admit": (ADMIT, {"queue": "high_priority", "window": 8, "capped": [], "alone": False}),
    "admit_fetches": (ADMIT_FETCHES, {"queue": "high_priority", "window": 8, "capped": []}),
    "lock_capped": (LOCK_CAPPED, {"queue": "high_priority"}),
    "claim": (CLAIM, {"task_id": new_task_id(), "name": "ping", **SLOT}),
    "claim_next": (CLAIM_NEXT, SLOT),
    "finish_and_claim": (
        FINISH_AND_CLAIM,
        {**ATTEMPT, **SLOT, **SEVERAL, "result": "null", "status": "Done", "chunk_count": None, "reports": "[]"},
    ),
    "finish_several_and_claim": (
        FINISH_SEVERAL_AND_CLAIM,
        {**SLOT, **SEVERAL, "task_ids": [new_task_id()], "epochs": [1], "statuses": ["Done"], "results": ["null"]},
    ),
    "report": (
        REPORT,
        {**ATTEMPT, "stage": "embed", "current": 50, "status": "Embedding", "chunk_count": None, "reports": "[{}]"},
    ),
    "watch": (WATCH, ATTEMPT),
    "hand_back": (HAND_BACK, ATTEMPT),
    "reconcile": (RECONCILE, {}),
    "list_processes": (RUNNING_PROCESSES, WORKER),
    "end_holders": (END_HOLDERS, {}),
    "cancel_agent": (CANCEL_AGENT.element, {"agent_id": 1, "queues": list(WORK_QUEUES), "limit": 10}),
    "lock_unresponsive": (LOCK_UNRESPONSIVE.element, {"grace": 10.0, **WORKER}),
    "release": (RELEASE.element, WORKER),
    "steal_work": (STEAL_WORK, WORKER),
    "list_unannounced": (UNANNOUNCED, {"limit": 100}),
    "list_queues": (QUEUES, {}),
    "list_own_queues": (QUEUES_OF_ORGANIZATION, {"organization_id": 1}),
    "has_backlog": (BACKLOG, {"agent_id": 1, "queues": ["high_priority", "low_priority"], "limit": 1000}),
    "forget_tasks": (
        FORGET_TASKS,
        {"organization_id": 1, "days": 30, "limit": 1000, **EVERY_TASK._asdict()},
    ),
}


@pytest.fixture
def backlog(bench: Bench) -> Bench:
    """5,000 waiting tasks of five agents, some queued, some running, and 5,000 that have ended."""
    for agent in (bench.agent, *(bench.add_agent(max_in_flight=cap) for cap in (None, None, 2, 3))):
        bench.submit_many(1000, agent)
        bench.submit_many(1000, agent, Queue.LOW)
    bench.sql("UPDATE tasks SET state = 'SUCCESS', completed_at = now() WHERE queue = 'low_priority'")
    page = "jsonb_build_object('fetch_host', 'public.example')"
    bench.sql(f"UPDATE tasks SET arguments = {page} WHERE queue = 'high_priority' AND agent_id % 2 = 0")
    bench.admit()
    bench.start(bench.submit(queue=Queue.MEDIUM))
    bench.sql("ANALYZE")
    return bench


def walk(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Iterate over a plan's nodes, from the top."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from walk(inner)


def explain(bench: Bench, name: str, options: str = "FORMAT JSON", **more: object) -> list[dict[str, Any]]:
    """The nodes of the statement's plan."""
    statement, parameters = STATEMENTS[name]
    plan = bench.one(f"EXPLAIN ({options}) {statement.text}", **{**parameters, **more})
    return list(walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_reads_tasks_by_index_alone(backlog: Bench, name: str) -> None:
    nodes = explain(backlog, name)
    scans = [
        node["Node Type"] for node in nodes if node.get("Relation Name") == "tasks" and "Scan" in node["Node Type"]
    ]
    assert scans
    assert "Seq Scan" not in scans, json.dumps(nodes[0], indent=1)


def test_a_part_of_an_agents_tasks_is_cancelled_without_reading_the_others(backlog: Bench) -> None:
    nodes = explain(backlog, "cancel_agent", "ANALYZE, FORMAT JSON", agent_id=backlog.agent)
    read = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes if node.get("Relation Name") == "tasks")
    assert 0 < read <= 100
