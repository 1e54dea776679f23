"""Lists of customer profiles are imported by one request, and again without harm."""

import io
from typing import Any

from tests.api.checks import check_problem
from tests.running import Stack

TABLE = (
    "name,website,emails,enrich_every_days\n"
    "Weir Works,https://weir.example/,office@weir.example,30\n"
    "Lock Lane,http://10.0.0.1/,,\n"
    "Alder Gate,,,\n"
)


def send(stack: Stack, agent: int, body: bytes, **options: Any) -> dict[str, Any]:
    """Import a list."""
    response = stack.client.post(f"/agents/{agent}/profiles/import", content=body, **options)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    return result


def test_a_list_that_is_imported_twice_changes_nothing_more(shared_stack: Stack, agent: int) -> None:
    first = send(shared_stack, agent, TABLE.encode(), headers={"Content-Type": "text/csv"})
    assert (first["rows"], first["created"], first["updated"]) == (3, 2, 0)
    [error] = first["errors"]
    assert (error["line"], error["column"], error["code"]) == (3, "website", "url_not_allowed")
    profiles = shared_stack.get(f"/agents/{agent}/profiles")["profiles"]
    again = send(shared_stack, agent, TABLE.encode("utf-16"), headers={"Content-Type": "text/csv"})
    assert (again["created"], again["updated"], again["profile_ids"]) == (0, 2, first["profile_ids"])
    changed = shared_stack.get(f"/agents/{agent}/profiles")["profiles"]
    keep = ("id", "name", "website", "enrich_every_days", "next_enrichment_at")
    assert [[one[name] for name in keep] for one in changed] == [[one[name] for name in keep] for one in profiles]


def test_an_import_keeps_what_a_user_has_set(shared_stack: Stack, agent: int) -> None:
    [profile_id] = send(shared_stack, agent, b'[{"name": "Weir", "emails": ["a@weir.example"]}]')["profile_ids"]
    body = {"fields": {"emails": ["me@weir.example"]}}
    shared_stack.client.patch(f"/profiles/{profile_id}", json=body).raise_for_status()
    send(shared_stack, agent, b'{"profiles": [{"name": "weir", "emails": ["b@weir.example"], "country": "GB"}]}')
    fields = shared_stack.get(f"/profiles/{profile_id}")["fields"]
    assert (fields["emails"]["value"], fields["country"]["value"]) == (["me@weir.example"], "GB")
    assert [source["value"] for source in fields["emails"]["sources"]] == ["me@weir.example", "b@weir.example"]


def test_a_list_may_be_the_file_of_a_form_and_nothing_else(shared_stack: Stack, agent: int) -> None:
    path = f"/agents/{agent}/profiles/import"
    files = {"file": ("companies.csv", io.BytesIO(TABLE.encode()))}
    assert shared_stack.client.post(path, files=files).json()["created"] == 2
    check_problem(shared_stack.client.post(path, files=files, data={"atomic": "1"}), 422, "invalid_request")
    check_problem(shared_stack.client.post(path, content=b"name,size\nWeir,3\n"), 422, "list_invalid")
    check_problem(shared_stack.client.post(path, content=b"a" * (8 * 1024 * 1024 + 1)), 413, "payload_too_large")


def test_thousands_of_rows_are_imported_by_one_request(shared_stack: Stack, agent: int) -> None:
    rows = "".join(f"Weir {number},https://weir-{number}.example/\n" for number in range(3000))
    result = send(shared_stack, agent, f"name,website\n{rows}".encode())
    assert (result["created"], result["errors"]) == (3000, [])
    assert shared_stack.get(f"/agents/{agent}/profiles")["total"] == 3000
    assert send(shared_stack, agent, f"name,website\n{rows}".encode())["updated"] == 3000
