"""How tasks ended, and how long their stages took, before and after the hours are counted."""

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from app.db.usage.durations import read_bucket
from tests.deadlines import wait_for
from tests.running import Stack

NOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=30)
_ADD = """
    INSERT INTO tasks (id, organization_id, agent_id, name, queue, state, created_at, available_at, started_at,
                       completed_at, stages, error, attempt)
    SELECT gen_random_uuid(), a.organization_id, a.id, 'app.tasks.document_tasks.process_document', 'high_priority', $2,
           b.at - interval '1 s', b.at - interval '1 s', b.at, b.at + make_interval(secs => 0.1 + $4::integer / 1000.0),
           jsonb_build_array(
               jsonb_build_object('name', 'load', 'at', b.ms), jsonb_build_object('name', 'parse', 'at', b.ms + 100)),
           CASE WHEN $5::text IS NOT NULL THEN jsonb_build_object('code', $5::text) END, 1
    FROM agents AS a, (SELECT $3::timestamptz AS at, floor(extract(epoch FROM $3::timestamptz) * 1000) AS ms) AS b
    WHERE a.id = $1
"""
_ROLL_UP = """
    INSERT INTO tasks (id, organization_id, agent_id, name, queue)
    SELECT gen_random_uuid(), organization_id, id, 'app.tasks.usage_tasks.sum_usage', 'default' FROM agents LIMIT 1
    RETURNING id
"""


@pytest.fixture(autouse=True)
def _uncounted(shared_stack: Stack) -> None:
    """No hour is counted, so that tests can add tasks that ended in the past."""
    shared_stack.fetch("TRUNCATE task_hours, stage_hours")


def add(
    stack: Stack, agent: int, at: datetime, parse: int = 50, state: str = "SUCCESS", code: str | None = None
) -> None:
    """Add a task that waited for a second, loaded for 100 ms and parsed for ``parse`` ms."""
    stack.fetch(_ADD, agent, state, at, parse, code)


def report(stack: Stack, agent: int, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of a report."""
    query = {"agent_id": agent, "granularity": "hour", "from": (NOON - timedelta(days=2)).isoformat(), **parameters}
    rows: list[dict[str, Any]] = stack.client.get("/analytics/tasks", params=query).json()["tasks"]
    return rows


def roll_up(stack: Stack) -> None:
    """Have a worker count the hours that are over."""
    [task] = stack.fetch(_ROLL_UP)
    wait_for(lambda: stack.fetch("SELECT FROM tasks WHERE id = $1 AND state = 'SUCCESS'", task["id"]), "the roll-up")


@pytest.mark.parametrize("milliseconds", [1, 4, 31, 870, 12_345, 3_600_000])
def test_a_bucket_stands_for_its_durations_within_five_per_cent(milliseconds: int, shared_stack: Stack) -> None:
    agent = shared_stack.make_agent()
    add(shared_stack, agent, NOON, parse=milliseconds)
    [row] = report(shared_stack, agent, granularity="month", **{"from": (NOON - timedelta(days=1)).isoformat()})
    [parse] = [stage for stage in row["stages"] if stage["stage"] == "parse"]
    assert parse["p50_ms"] == pytest.approx(milliseconds, rel=0.05)


def test_buckets_grow_without_gaps() -> None:
    middles = [read_bucket(bucket) for bucket in range(1, 200)]
    assert all(later / former == pytest.approx(1.1) for former, later in pairwise(middles))


def test_ends_failures_and_percentiles_are_reported_and_stay_the_same_when_hours_are_counted(
    shared_stack: Stack,
) -> None:
    agent = shared_stack.make_agent()
    for number in range(1, 101):
        add(shared_stack, agent, NOON + timedelta(seconds=number), parse=number * 10)
    for code in ("parse_killed", "parse_killed", "no_extractable_text"):
        add(shared_stack, agent, NOON + timedelta(minutes=5), state="FAILURE", code=code)
    add(shared_stack, agent, NOON + timedelta(hours=1), state="REVOKED")
    before = report(shared_stack, agent)
    first, second = before
    assert (first["tasks"], first["succeeded"], first["failed"], first["revoked"]) == (103, 100, 3, 0)
    assert first["success_rate"] == pytest.approx(100 / 103, abs=1e-6)
    assert first["failures"] == {"parse_killed": 2, "no_extractable_text": 1}
    assert (second["tasks"], second["revoked"], second["success_rate"]) == (1, 1, None)
    stages = {stage["stage"]: stage for stage in first["stages"]}
    assert stages.keys() == {"queue", "load", "parse", "total"}
    assert stages["queue"]["p50_ms"] == pytest.approx(1000, rel=0.05)
    assert stages["parse"]["p95_ms"] == pytest.approx(950, rel=0.06)
    roll_up(shared_stack)
    assert shared_stack.fetch("SELECT FROM stage_hours WHERE agent_id = $1", agent)
    assert report(shared_stack, agent) == before
    shared_stack.fetch("DELETE FROM tasks WHERE agent_id = $1", agent)  # as retention does
    roll_up(shared_stack)
    assert report(shared_stack, agent) == before


def test_the_tasks_of_the_running_hour_are_reported(shared_stack: Stack) -> None:
    agent = shared_stack.make_agent()
    roll_up(shared_stack)
    upload = shared_stack.upload(agent, "heron.txt", b"A heron.")
    shared_stack.finish([upload["task_id"]])
    [row] = report(shared_stack, agent)
    assert (row["tasks"], row["succeeded"]) == (1, 1)
    assert {"queue", "parse", "embed", "store", "total"} <= {stage["stage"] for stage in row["stages"]}


def test_rows_are_grouped_by_agent_and_leave_out_the_work_of_the_organization_itself(shared_stack: Stack) -> None:
    agents = [shared_stack.make_agent() for _ in range(2)]
    for agent in agents:
        add(shared_stack, agent, NOON)
    parameters = {"from": NOON.isoformat(), "to": (NOON + timedelta(hours=1)).isoformat(), "granularity": "hour"}
    query: Any = {**parameters, "group_by": "agent", "limit": 1}
    found, after = list[int](), None
    while True:
        page = shared_stack.client.get("/analytics/tasks", params=query | ({"after": after} if after else {})).json()
        found += [row["agent_id"] for row in page["tasks"]]
        if (after := page["next"]) is None:
            break
    assert set(agents) <= set(found)
    assert len(found) == len(set(found))
    internal = shared_stack.fetch("SELECT id FROM agents WHERE internal")
    assert not {row["id"] for row in internal} & set(found)


def test_a_table_has_a_row_for_each_state_code_and_stage(shared_stack: Stack) -> None:
    agent = shared_stack.make_agent()
    add(shared_stack, agent, NOON)
    add(shared_stack, agent, NOON, state="FAILURE", code="document_encrypted")
    query: Any = {"agent_id": agent, "granularity": "day", "format": "csv", "from": NOON.isoformat()}
    answer = shared_stack.client.get("/analytics/tasks", params=query)
    rows = {(row["measure"], row["name"]): row["count"] for row in csv.DictReader(io.StringIO(answer.text))}
    assert rows["state", "succeeded"] == rows["failure", "document_encrypted"] == "1"
    assert rows["stage", "parse"] == "2"
