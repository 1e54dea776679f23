"""Many agents from one list: each row is an agent or a named error, whatever the list is sent as."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.domain.onboarding import MAX_ATOMIC
from tests.api.checks import check_problem
from tests.cli.test_commands import run
from tests.flows.site import Site, html, serve
from tests.onboarding.lists import make_large_list, make_workbook
from tests.pipeline.packages import make_xlsx
from tests.running import Stack

COUNTS = ("rows", "created", "updated", "skipped", "failed", "not_attempted")


@pytest.fixture(scope="module")
def site() -> Any:
    pages = {"/a": html("<p>The heron waits by the weir.</p>"), "/b": html("<p>The otter sleeps.</p>")}
    with serve(pages.get) as running:
        yield running


@pytest.fixture
def prefix() -> str:
    """The beginning of slugs that no other test has."""
    return f"t{uuid4().hex[:10]}"


def send(stack: Stack, data: str | bytes, kind: str = "text/csv", **options: Any) -> httpx.Response:
    """Send a list as the body."""
    content = data.encode() if isinstance(data, str) else data
    return stack.client.post("/agents/bulk", content=content, headers={"Content-Type": kind}, params=options)


def finish(stack: Stack, response: httpx.Response) -> dict[str, Any]:
    """Wait for the task of an accepted list; it must succeed."""
    assert response.status_code == 202, response.text
    [task] = stack.finish([response.json()["task_id"]])
    assert task["state"] == "SUCCESS", task
    return task


def count(task: dict[str, Any]) -> dict[str, int]:
    """The counts of rows that are not 0."""
    return {name: task["result"][name] for name in COUNTS if task["result"][name]}


def list_agents(stack: Stack, prefix: str) -> list[Any]:
    """The agents whose slugs begin so, oldest first."""
    return stack.fetch(
        "SELECT id, name, slug, settings::text, weight, max_in_flight FROM agents WHERE slug LIKE $1 "
        "AND deleted_at IS NULL ORDER BY id",
        f"{prefix}%",
    )


def test_each_good_row_becomes_an_agent_and_each_bad_one_is_named(shared_stack: Stack, prefix: str) -> None:
    table = f"name;slug;chunk_size;weight\nA;{prefix}-a;800;3\n;{prefix}-b;;\nC;{prefix}-c;much;\nD;{prefix}-d;;\n"
    task = finish(shared_stack, send(shared_stack, table))
    assert (task["queue"], task["agent_id"]) == ("low_priority", None)
    assert task["counts"]["failed"] == 0
    assert task["status"] == "Created 2 agents of 4 rows: 2 failed"
    assert count(task) == {"rows": 4, "created": 2, "failed": 2}
    errors = task["result"]["errors"]
    assert [(error["line"], error["column"], error["code"]) for error in errors] == [
        (3, "name", "name_missing"),
        (4, "chunk_size", "number_invalid"),
    ]
    assert errors[1]["value"] == "much"
    made = list_agents(shared_stack, prefix)
    assert [agent["id"] for agent in made] == task["result"]["agents"]
    assert [(agent["name"], agent["slug"], agent["weight"]) for agent in made] == [
        ("A", f"{prefix}-a", 3),
        ("D", f"{prefix}-d", 1),
    ]
    settings = shared_stack.get(f"/agents/{made[0]['id']}")["settings"]
    assert settings == {
        "chunk_size": 800,
        "chunk_overlap": 200,
        "chunker": "sentence",
        "weight": 3,
        "max_in_flight": None,
    }


def test_the_list_of_rows_has_each_agent_and_error(shared_stack: Stack, prefix: str) -> None:
    task = finish(shared_stack, send(shared_stack, f"name,slug\nA,{prefix}-a\n=B,{prefix}-a\n,\nC,{prefix}-c\n"))
    path = f"/agents/bulk/{task['task_id']}"
    assert shared_stack.get(path) == {name: task["result"][name] for name in shared_stack.get(path)}
    first = shared_stack.get(f"{path}/rows", limit=2)
    assert (first["total"], first["next"], [row["line"] for row in first["rows"]]) == (3, "3", [2, 3])
    assert first["rows"][0]["agent_id"] == task["result"]["agents"][0]
    rest = shared_stack.get(f"{path}/rows", after=first["next"])
    assert [(row["line"], row["outcome"], row["name"]) for row in rest["rows"]] == [(5, "created", "C")]
    table = shared_stack.client.get(task["result"]["errors_url"].removeprefix("/api/v1"))
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines()[1].startswith("3,failed,,,,slug,slug_duplicated,Line 2 has the same slug")


@pytest.mark.parametrize("kind", ["json", "list", "form", "workbook", "form of a workbook", "utf-16", "no type"])
def test_a_list_may_be_sent_in_many_ways(shared_stack: Stack, prefix: str, tmp_path: Path, kind: str) -> None:
    table = f"Name,Slug\nÄrger,{prefix}-a\n"
    workbook = make_workbook(tmp_path, [["Name", "Slug"], ["Ärger", f"{prefix}-a"]])
    agents = [{"name": "Ärger", "slug": f"{prefix}-a"}]
    client = shared_stack.client
    responses = {
        "json": lambda: client.post("/agents/bulk", json={"agents": agents, "atomic": True}),
        "list": lambda: client.post("/agents/bulk", json=agents),
        "form": lambda: client.post("/agents/bulk", files={"file": ("a.csv", table.encode("latin-1"))}),
        "workbook": lambda: send(shared_stack, workbook, "application/octet-stream"),
        "form of a workbook": lambda: client.post("/agents/bulk", files={"file": ("a.csv", workbook)}),
        "utf-16": lambda: send(shared_stack, table.encode("utf-16")),
        "no type": lambda: client.post("/agents/bulk", content=table.encode()),
    }
    finish(shared_stack, responses[kind]())
    assert [agent["name"] for agent in list_agents(shared_stack, prefix)] == ["Ärger"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"agents": []}, 422, "invalid_request"),
        ({"agents": "A"}, 422, "invalid_request"),
        ({"agent": [{"name": "A"}]}, 422, "invalid_request"),
        ({"agents": [{"name": "A"}], "on_duplicate": "replace"}, 422, "invalid_request"),
        ("A", 422, "invalid_request"),
        ([], 422, "invalid_request"),
    ],
)
def test_json_of_another_form_is_refused(shared_stack: Stack, body: Any, status: int, code: str) -> None:
    check_problem(shared_stack.client.post("/agents/bulk", json=body), status, code)


def test_a_body_that_is_no_list_is_refused(shared_stack: Stack) -> None:
    check_problem(send(shared_stack, b""), 422, "empty_file")
    check_problem(send(shared_stack, b"%PDF-1.7\n"), 415, "unsupported_type")
    check_problem(send(shared_stack, b"x" * (2 * 1024 * 1024 + 1)), 413, "payload_too_large")
    check_problem(
        shared_stack.client.post("/agents/bulk", files={"file": ("a.csv", b"name\nA\n")}, data={"atomix": "1"}),
        422,
        "invalid_request",
    )


def test_a_wrong_header_fails_the_task_and_creates_nothing(shared_stack: Stack, prefix: str) -> None:
    response = send(shared_stack, f"name,slug,phone\nA,{prefix}-a,1\n")
    [task] = shared_stack.finish([response.json()["task_id"]])
    assert (task["state"], task["error"]["code"]) == ("FAILURE", "list_invalid")
    assert "“phone”" in task["error"]["message"]
    assert list_agents(shared_stack, prefix) == []


def test_hostile_workbooks_fail_alone(shared_stack: Stack, prefix: str, tmp_path: Path) -> None:
    far = make_xlsx(tmp_path / "far.xlsx", {"A": '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'}).read_bytes()
    bomb = io.BytesIO(make_workbook(tmp_path, [["name"], ["A"]]))
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as parts, parts.open("xl/media/zeros.bin", "w") as part:
        for _ in range(200):
            part.write(bytes(1024 * 1024))
    truncated = make_workbook(tmp_path, [["name"], ["A"]])[:-200]
    sent = [send(shared_stack, data) for data in (far, bomb.getvalue())]
    tasks = shared_stack.finish([response.json()["task_id"] for response in sent])
    assert [task["state"] for task in tasks] == ["FAILURE", "FAILURE"]
    assert tasks[1]["error"]["code"] == "parse_limit_exceeded"
    assert send(shared_stack, truncated).status_code in {202, 415}
    assert count(finish(shared_stack, send(shared_stack, f"name,slug\nA,{prefix}-a\n"))) == {"rows": 1, "created": 1}


@pytest.mark.parametrize(("policy", "expected"), [("error", "failed"), ("skip", "skipped"), ("update", "updated")])
def test_a_slug_that_an_agent_has_follows_the_policy(
    shared_stack: Stack, prefix: str, policy: str, expected: str
) -> None:
    finish(shared_stack, send(shared_stack, f"name,slug,chunk_size,weight\nOld,{prefix}-a,900,7\n"))
    [old] = list_agents(shared_stack, prefix)
    table = f"name,slug,chunk_size,weight\nNew,{prefix}-a,800,\nOther,{prefix}-b,,\n"
    task = finish(shared_stack, send(shared_stack, table, on_duplicate=policy))
    assert count(task) == {"rows": 2, "created": 1, expected: 1}
    first, _ = list_agents(shared_stack, prefix)
    changed = json.loads(first["settings"])["chunk_size"], first["name"], first["weight"], first["id"]
    assert changed == ((800, "New", 7, old["id"]) if policy == "update" else (900, "Old", 7, old["id"]))
    if policy == "error":
        [error] = task["result"]["errors"]
        assert (error["line"], error["code"], error["value"]) == (2, "slug_taken", f"{prefix}-a")
        assert f"Agent {old['id']} " in error["message"]


@pytest.mark.parametrize("fault", ["a wrong row", "a slug that is taken"])
def test_an_atomic_list_with_one_bad_row_creates_nothing(shared_stack: Stack, prefix: str, fault: str) -> None:
    if fault == "a slug that is taken":
        finish(shared_stack, send(shared_stack, f"name,slug\nOld,{prefix}-old\n"))
    before = list_agents(shared_stack, prefix)
    bad = "Again,{}-old" if before else ",{}-bad"
    rows = "".join(f"A{number},{prefix}-{number}\n" for number in range(20))
    task = finish(shared_stack, send(shared_stack, f"name,slug\n{rows}{bad.format(prefix)}\n", atomic=True))
    assert count(task) == {"rows": 21, "failed": 1, "not_attempted": 20}
    assert [error["line"] for error in task["result"]["errors"]] == [22]
    assert list_agents(shared_stack, prefix) == before


def test_an_atomic_list_of_more_than_one_transaction_creates_is_refused(shared_stack: Stack) -> None:
    table = "name\n" + "".join(f"A{number}\n" for number in range(MAX_ATOMIC + 1))
    [task] = shared_stack.finish([send(shared_stack, table, atomic=True).json()["task_id"]])
    assert (task["state"], task["error"]["code"]) == ("FAILURE", "list_invalid")
    dry = finish(shared_stack, send(shared_stack, table.replace("A1\n", ",\n"), dry_run=True))
    assert dry["result"]["created"] > MAX_ATOMIC - 2


def test_a_dry_run_names_every_error_and_creates_nothing(shared_stack: Stack, prefix: str) -> None:
    finish(shared_stack, send(shared_stack, f"name,slug\nOld,{prefix}-old\n"))
    table = f"name,slug,documents\nA,{prefix}-a,\n,{prefix}-b,\nC,{prefix}-old,\nD,{prefix}-d,http://10.0.0.1/\n"
    task = finish(shared_stack, send(shared_stack, table, dry_run=True))
    assert count(task) == {"rows": 4, "created": 1, "failed": 3}
    assert (task["result"]["dry_run"], task["result"]["agents"]) == (True, [])
    found = [(error["line"], error["code"]) for error in task["result"]["errors"]]
    assert found == [(3, "name_missing"), (4, "slug_taken"), (5, "url_not_allowed")]
    shared_stack.post(f"/tasks/{task['task_id']}/retry")
    [again] = shared_stack.finish([task["task_id"]])
    assert again["result"] == task["result"]
    assert len(list_agents(shared_stack, prefix)) == 1


def test_the_pages_of_a_row_become_documents_of_its_agent(shared_stack: Stack, prefix: str, site: Site) -> None:
    agents = [
        {"name": "A", "slug": f"{prefix}-a", "documents": [f"{site.url}/a", f"{site.url}/b"], "metadata": {"n": 1}},
        {"name": "B", "slug": f"{prefix}-b", "documents": [f"{site.url}/a", f"{site.url}/missing"]},
        {"name": "C", "slug": f"{prefix}-c", "documents": ["http://169.254.169.254/latest"]},
    ]
    task = finish(shared_stack, shared_stack.client.post("/agents/bulk", json={"agents": agents}))
    assert count(task) == {"rows": 3, "created": 2, "failed": 1}
    assert task["result"]["errors"][0]["code"] == "url_not_allowed"
    first, second = list_agents(shared_stack, prefix)
    documents = shared_stack.get("/documents", agent_id=first["id"])["documents"]
    assert sorted((document["status"], document["metadata"]["n"]) for document in documents) == [("completed", 1)] * 2
    assert [failure["code"] for failure in task["result"]["failures"]] == ["page_not_available"]
    assert task["status"] == "Created 2 agents of 3 rows: 1 failed (1 of 6 tasks failed)"
    [page] = shared_stack.get("/tasks/", agent_id=second["id"], status="FAILURE")["tasks"]
    assert (page["parent_id"], page["queue"]) == (task["task_id"], "low_priority")
    assert shared_stack.post(f"/agents/{first['id']}/search", {"query": "heron"})["results"]


def test_the_command_names_failed_pages_beside_the_errors_of_rows(
    shared_stack: Stack, prefix: str, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(f"name,slug,documents\nAcme,{prefix}-a,{site.url}/missing\n,{prefix}-b,\n")
    done = run(shared_stack, "agents", "import", str(path), "--wait", code=1)
    assert "Created 1 agent of 2 rows: 1 failed (1 of 3 tasks failed)" in done.stdout
    assert "name_missing" in done.stdout
    assert "page_not_available" in done.stderr


def test_a_list_that_is_sent_again_creates_nothing_twice(shared_stack: Stack, prefix: str) -> None:
    table, headers = f"name,slug\nA,{prefix}-a\n", {"Idempotency-Key": prefix, "Content-Type": "text/csv"}
    first, second = [
        shared_stack.client.post("/agents/bulk", content=table.encode(), headers=headers) for _ in range(2)
    ]
    assert second.headers["idempotent-replayed"] == "true"
    assert second.json() == first.json()
    finish(shared_stack, first)
    # A retried task leaves the agents alone that exist.
    shared_stack.post(f"/tasks/{first.json()['task_id']}/retry")
    assert count(finish(shared_stack, first)) == {"rows": 1, "created": 1}
    assert len(list_agents(shared_stack, prefix)) == 1


def test_ten_thousand_rows_with_thirty_seven_bad_ones(shared_stack: Stack) -> None:
    table, wrong = make_large_list()
    task = finish(shared_stack, send(shared_stack, table))
    assert count(task) == {"rows": 10_000, "created": 9_963, "failed": 37}
    assert [error["line"] for error in task["result"]["errors"]] == wrong
    [row] = shared_stack.fetch("SELECT count(*), count(DISTINCT slug) FROM agents WHERE slug LIKE 'slug-%'")
    assert tuple(row) == (9_963, 9_963)
    again = finish(shared_stack, send(shared_stack, table.replace("slug-", "new-"), atomic=True))
    assert count(again) == {"rows": 10_000, "failed": 37, "not_attempted": 9_963}
