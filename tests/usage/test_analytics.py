"""The report of usage: periods, pages of rows, CSV, and who may read it."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.errors import InvalidRequestError
from app.domain.periods import Granularity
from app.services.usage.analytics import choose_periods
from tests.api.checks import check_problem
from tests.running import Stack

_ADD = """
    INSERT INTO usage_records (organization_id, agent_id, kind, model, occurred_at, searches, tokens_in, stored_bytes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
MAY = datetime(2024, 5, 1, tzinfo=UTC)


def add(stack: Stack, agent: int, at: datetime, *, kind: str = "search", model: str = "", **quantities: int) -> None:
    """Add a record of usage in the past."""
    [owner] = stack.fetch("SELECT organization_id FROM agents WHERE id = $1", agent)
    values = [quantities.get(name, 0) for name in ("searches", "tokens_in", "stored_bytes")]
    stack.fetch(_ADD, owner["organization_id"], agent, kind, model, at, *values)


def report(stack: Stack, **parameters: Any) -> dict[str, Any]:
    """A report of May 2024."""
    query = {"from": "2024-05-01", "to": "2024-06-01", **parameters}
    answer: dict[str, Any] = stack.client.get("/analytics/usage", params=query).json()
    return answer


@pytest.mark.parametrize(
    ("granularity", "since", "until", "begin", "end"),
    [
        (Granularity.HOUR, MAY, MAY + timedelta(minutes=1), MAY, MAY + timedelta(hours=1)),
        (Granularity.DAY, MAY + timedelta(hours=3), MAY + timedelta(hours=4), MAY, MAY + timedelta(days=1)),
        (Granularity.DAY, MAY, MAY + timedelta(days=2), MAY, MAY + timedelta(days=2)),
        (Granularity.MONTH, MAY + timedelta(days=9), MAY + timedelta(days=31), MAY, MAY.replace(month=6)),
        (
            Granularity.MONTH,
            MAY - timedelta(days=123),
            MAY - timedelta(days=120),
            None,
            datetime(2024, 2, 1, tzinfo=UTC),
        ),
    ],
)
def test_periods_are_those_that_contain_the_given_times(
    granularity: Granularity, since: datetime, until: datetime, begin: datetime | None, end: datetime
) -> None:
    assert choose_periods(granularity, since, until) == (begin or datetime(2023, 12, 1, tzinfo=UTC), end)


@pytest.mark.parametrize(
    ("since", "until"),
    [(MAY, MAY), (MAY + timedelta(days=1), MAY), (MAY, MAY.replace(year=2031)), (MAY.replace(year=1), MAY)],
)
def test_periods_in_the_wrong_order_too_many_or_of_another_century_are_refused(
    since: datetime, until: datetime
) -> None:
    with pytest.raises(InvalidRequestError):
        choose_periods(Granularity.HOUR, since, until)


@pytest.mark.parametrize(
    "query",
    [
        {"granularity": "week"},
        {"group_by": "document"},
        {"from": "May"},
        {"from": "2024-06-01", "to": "2024-05-01"},
        {"limit": 10_001},
        {"after": "not-a-cursor"},
        {"after": "W10"},
        {"format": "xml"},
    ],
)
def test_a_report_that_cannot_be_made_is_refused(shared_stack: Stack, query: dict[str, Any]) -> None:
    check_problem(shared_stack.client.get("/analytics/usage", params=query), 422, "invalid_request")


def test_pages_of_a_report_have_each_row_once(shared_stack: Stack) -> None:
    agent = shared_stack.make_agent()
    for day in range(5):
        add(shared_stack, agent, MAY + timedelta(days=day), searches=1 + day)
        add(shared_stack, agent, MAY + timedelta(days=day), kind="embedding", model="large", tokens_in=7)
    wanted = {"agent_id": agent, "group_by": ["kind", "model"], "limit": 3}
    page, rows = report(shared_stack, **wanted), list[dict[str, Any]]()
    while True:
        assert page["total"] == 10
        rows += page["usage"]
        if page["next"] is None:
            break
        page = report(shared_stack, **wanted, after=page["next"])
    assert len({(row["start"], row["kind"]) for row in rows}) == len(rows) == 10
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)
    assert sum(row["searches"] for row in rows) == 15


def test_a_table_is_safe_in_a_spreadsheet_and_names_its_next_page(shared_stack: Stack) -> None:
    agent = shared_stack.make_agent()
    add(shared_stack, agent, MAY, kind="chat", model='=HYPERLINK("https://example.com")', tokens_in=1)
    add(shared_stack, agent, MAY, kind="deletion", stored_bytes=-12)
    query: Any = {"from": "2024-05-01", "to": "2024-06-01", "agent_id": agent, "group_by": "model", "limit": 1}
    answers = [shared_stack.client.get("/analytics/usage", params=query, headers={"Accept": "text/csv"})]
    following = answers[0].headers["link"].removesuffix('>; rel="next"').removeprefix("</api/v1")
    answers.append(shared_stack.client.get(following, headers={"Accept": "text/csv"}))
    assert all(answer.headers["content-type"] == "text/csv; charset=utf-8" for answer in answers)
    first, second = (list(csv.DictReader(io.StringIO(answer.text))) for answer in answers)
    assert (first[0]["model"], first[0]["stored_bytes"]) == ("", "-12")
    assert second[0]["model"] == '\'=HYPERLINK("https://example.com")'


def test_the_work_of_the_organization_itself_has_no_agent(shared_stack: Stack) -> None:
    [internal] = shared_stack.fetch(
        "INSERT INTO agents (organization_id, name, slug, internal) SELECT min(id), '', ' internal', true"
        " FROM organizations ON CONFLICT (organization_id) WHERE internal DO UPDATE SET name = '' RETURNING id"
    )
    at = MAY - timedelta(days=400)
    add(shared_stack, internal["id"], at, kind="profile", tokens_in=3)
    [row] = report(shared_stack, **{"from": str(at.date()), "to": "2023-06-01", "group_by": "agent"})["usage"]
    assert (row["agent_id"], row["tokens_in"]) == (None, 3)


def test_an_agent_of_another_organization_does_not_exist(shared_stack: Stack) -> None:
    [theirs] = shared_stack.fetch("INSERT INTO organizations (name) VALUES ('Theirs') RETURNING id")
    [agent] = shared_stack.fetch(
        "INSERT INTO agents (organization_id, name, slug) VALUES ($1, 'T', 't') RETURNING id", theirs["id"]
    )
    add(shared_stack, agent["id"], MAY + timedelta(days=20), searches=5)
    check_problem(shared_stack.client.get("/analytics/usage", params={"agent_id": agent["id"]}), 404, "not_found")
    assert report(shared_stack, **{"from": "2024-05-21", "to": "2024-05-22"})["usage"] == []
