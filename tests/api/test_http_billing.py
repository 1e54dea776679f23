"""Statements over HTTP: JSON, CSV and PDF, own prices, and who may see them."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.domain.media import PDF
from app.pipeline.parse import parse
from tests.running import Stack

_THIS_MONTH = datetime.now(UTC).date().replace(day=1)
_LAST_MONTH = f"{_THIS_MONTH - timedelta(days=1):%Y-%m}"
_VERSION = {"valid_from": "2020-01-01", "prices": [{"quantity": "documents", "free": 2, "price": 0.25}]}


@pytest.fixture
def billed(shared_stack: Stack, foreigner: httpx.Client) -> httpx.Client:
    """The client of an organization that used ten documents last month, at prices of its own."""
    organization = shared_stack.fetch("SELECT id FROM organizations WHERE name = 'Another'")[0]["id"]
    shared_stack.fetch("DELETE FROM usage_records WHERE organization_id = $1", organization)
    shared_stack.fetch("DELETE FROM billing_statements WHERE organization_id = $1", organization)
    shared_stack.fetch(
        "INSERT INTO usage_records (organization_id, agent_id, kind, model, occurred_at, documents) "
        "VALUES ($1, 1, 'document', '=1+1', $2, 10)",
        organization,
        datetime(_THIS_MONTH.year, _THIS_MONTH.month, 1, tzinfo=UTC) - timedelta(days=3),
    )
    answer = shared_stack.client.put(f"/organizations/{organization}/prices", json={"versions": [_VERSION]})
    assert answer.status_code == 200, answer.text
    return foreigner


def test_a_statement_lists_units_prices_and_amounts(billed: httpx.Client) -> None:
    statement = billed.get("/analytics/billing", params={"month": _LAST_MONTH}).json()
    assert (statement["status"], statement["revision"], statement["total"]) == ("closed", 1, "2.00")
    assert statement["price_versions"] == ["2020-01-01"]
    assert [(line["tier"], line["units"], line["unit_price"], line["amount"]) for line in statement["lines"]] == [
        ("up to 2", "2", "0", "0.00"),
        ("above 2", "8", "0.25", "2.00"),
    ]


def test_the_current_month_is_open(billed: httpx.Client) -> None:
    statement = billed.get("/analytics/billing").json()
    assert (statement["month"], statement["status"], statement["revision"]) == (f"{_THIS_MONTH:%Y-%m}", "open", 0)


@pytest.mark.parametrize(("parameters", "accept"), [({"format": "csv"}, "*/*"), ({}, "text/csv")])
def test_a_statement_as_csv_has_a_row_for_each_line_and_the_total(
    billed: httpx.Client, parameters: dict[str, str], accept: str
) -> None:
    answer = billed.get("/analytics/billing", params={"month": _LAST_MONTH, **parameters}, headers={"Accept": accept})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="statement-{_LAST_MONTH}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["quantity"], row["units"], row["amount"]) for row in rows] == [
        ("documents", "2", "0.00"),
        ("documents", "8", "2.00"),
        ("total", "", "2.00"),
    ]


def test_a_statement_as_pdf_is_read_back(billed: httpx.Client, tmp_path: Path) -> None:
    answer = billed.get("/analytics/billing", params={"month": _LAST_MONTH, "format": "pdf"})
    assert answer.headers["content-type"] == "application/pdf"
    file = tmp_path / "statement.pdf"
    file.write_bytes(answer.content)
    [page] = parse(file, PDF).pages
    for part in (f"Statement {_LAST_MONTH}", "Organization: Another", "above 2", "2.00", "Total: 2.00 USD"):
        assert part in page.text


def test_an_organization_sees_its_own_statement_and_prices_only(billed: httpx.Client, shared_stack: Stack) -> None:
    own = billed.get("/prices").json()
    assert own["versions"][0]["prices"][0]["quantity"] == "documents"
    assert shared_stack.get("/prices")["versions"] == []
    other = shared_stack.get("/analytics/billing", month=_LAST_MONTH)
    assert other["organization_id"] != billed.get("/analytics/billing").json()["organization_id"]
    assert other["lines"] == []


@pytest.mark.parametrize("month", ["2026-13", "2026", "26-01", "2026-01-01", "never"])
def test_a_bad_month_is_refused(billed: httpx.Client, month: str) -> None:
    answer = billed.get("/analytics/billing", params={"month": month})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_month_that_has_not_begun_is_not_found(billed: httpx.Client) -> None:
    assert billed.get("/analytics/billing", params={"month": "2099-01"}).status_code == 404


def test_only_an_operator_sets_prices_and_a_mistake_is_named(billed: httpx.Client, shared_stack: Stack) -> None:
    assert billed.put("/organizations/1/prices", json={"versions": []}).json()["code"] == "operator_required"
    answer = shared_stack.client.put("/organizations/1/prices", json={"versions": [{"valid_from": "soon"}]})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "body.versions[0].valid_from", "message": "Must be a date, such as 2026-01-01."}
    ]
    assert shared_stack.client.put("/organizations/999999/prices", json={"versions": []}).status_code == 404


def test_a_report_is_scheduled_and_shown(billed: httpx.Client) -> None:
    schedule = {"frequency": "daily", "webhook": True, "email": ["a@example.com", "a@example.com"]}
    expected = {"frequency": "daily", "webhook": True, "email": ["a@example.com"], "mail_is_on": False}
    assert billed.put("/reports/schedule", json=schedule).json() == expected
    assert billed.get("/reports").json() == expected
    assert billed.put("/reports/schedule", json={"frequency": None}).json()["frequency"] is None


@pytest.mark.parametrize(
    "body",
    [{}, {"frequency": "hourly"}, {"frequency": "daily", "email": ["a@b\r\nBcc: c@d"]}, {"frequency": None, "to": []}],
)
def test_a_schedule_that_is_not_valid_is_refused(billed: httpx.Client, body: dict[str, object]) -> None:
    assert billed.put("/reports/schedule", json=body).status_code == 422
