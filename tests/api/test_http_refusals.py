"""The response to a refused request says what is allowed, field by field and in plain words."""

from typing import Any

import pytest

from tests.api.checks import check_problem
from tests.running import Stack

TITLE = "The request is invalid."
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def test_a_file_of_an_unsupported_type_is_named_in_a_sentence_and_the_types_are_a_list(
    shared_stack: Stack, agent: int
) -> None:
    path = f"/documents/agent/{agent}/upload"
    problem = check_problem(shared_stack.client.post(path, files={"file": ("a.pdf", PNG)}), 415, "unsupported_type")
    assert problem["detail"].startswith("This file type is not supported. The file is a PNG image. To read pictures, ")
    assert 'make extras EXTRAS="ocr"' in problem["detail"]
    assert problem["detected_type"] == "image/png"
    types = {one["media_type"]: one["extensions"] for one in problem["supported_types"]}
    assert types["application/pdf"] == [".pdf"]
    assert types["application/zip"] == [".zip"]


@pytest.mark.parametrize(
    ("path", "field", "says"),
    [
        ("/tasks/?queue=nope", "query.queue", "high_priority, medium_priority"),
        ("/tasks/?status=BOGUS", "query.status", "PENDING, STARTED"),
        ("/tasks/?name=nope", "query.name", "app.tasks.document_tasks.process_document"),
        ("/tasks/?state=STARTED", "query.state", "The parameters are: status, agent_id, queue"),
        ("/tasks/?limit=0", "query.limit", "Must be at least 1."),
        ("/tasks/?limit=x", "query.limit", "Must be a whole number."),
        ("/tasks/?after=x", "query.after", "Must be a UUID."),
        ("/documents?status=COMPLETED", "query.status", "queued, processing, completed"),
        ("/documents?agent=1", "query.agent", "agent_id, status, limit, after"),
        ("/documents/1/content?format=pdf", "query.format", "original, text"),
        ("/dead-letters?queue=nope", "query.queue", "high_priority"),
        ("/dead-letters?name=nope", "query.name", "process_document"),
        ("/agents?page=2", "query.page", "limit, after"),
        ("/agents/x", "path.agent_id", "Must be a whole number."),
        ("/agents/1?verbose=1", "query.verbose", "there are no parameters"),
    ],
)
def test_an_unknown_filter_or_value_is_refused_with_those_that_exist(
    shared_stack: Stack, path: str, field: str, says: str
) -> None:
    problem = check_problem(shared_stack.client.get(path), 422, "invalid_request")
    assert problem["title"] == TITLE
    [error] = problem["errors"]
    assert error["field"] == field
    assert says in error["message"]
    assert error["message"] in problem["detail"]


SEARCH: dict[str, tuple[dict[str, Any], str, str]] = {
    "a misspelt field": ({"query": "a", "topk": 5}, "body.topk", "query, top_k, mode, filter"),
    "no query": ({}, "body.query", "Is required."),
    "an empty query": ({"query": " "}, "body.query", "Must not be empty."),
    "a long query": ({"query": "a" * 2001}, "body.query", "Must have at most 2000 characters."),
    "another mode": ({"query": "a", "mode": "magic"}, "body.mode", "Must be one of: hybrid, vector, text."),
    "a filter that is a list": ({"query": "a", "filter": [1]}, "body.filter", "Must be a JSON object."),
    "a filter with an unknown operator": (
        {"query": "a", "filter": {"type": "between", "key": "year", "value": 2026}},
        "body.filter",
        'Unknown operator "between". Send {"type": "gte", "key": "year", "value": 2021}; `type` is one of eq, ne',
    ),
    "a filter with an operator of another product": (
        {"query": "a", "filter": {"year": {"$gte": 2021}}},
        "body.filter",
        '"$gte" is not an operator here. Send {"type": "gte", "key": "year", "value": 2021}; `type` is one of eq, ne',
    ),
}


@pytest.mark.parametrize("title", SEARCH)
def test_a_search_that_is_invalid_says_what_is_allowed(shared_stack: Stack, agent: int, title: str) -> None:
    body, field, says = SEARCH[title]
    response = shared_stack.client.post(f"/agents/{agent}/search", json=body)
    problem = check_problem(response, 422, "invalid_request")
    assert problem["title"] == TITLE
    [error] = problem["errors"]
    assert error["field"] == field
    assert says in error["message"]


def test_a_body_that_is_no_json_says_so(shared_stack: Stack) -> None:
    headers = {"Content-Type": "application/json"}
    response = shared_stack.client.post("/agents", content=b"{name: 1}", headers=headers)
    problem = check_problem(response, 422, "invalid_request")
    [error] = problem["errors"]
    assert error["field"] == "body"
    assert error["message"].startswith("Is not valid JSON: ")
    assert error["message"].endswith("(character 2).")


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}])
def test_the_refusal_of_a_body_of_another_type_names_the_type(shared_stack: Stack, headers: dict[str, str]) -> None:
    response = shared_stack.client.post("/agents", content=b'{"name": "A"}', headers=headers)
    [error] = check_problem(response, 422, "invalid_request")["errors"]
    assert error == {"field": "body", "message": "Must be JSON, with the header `Content-Type: application/json`."}


@pytest.mark.parametrize(
    ("content", "says"), [(b"[" * 100_000, "Is nested too deeply."), (b'"\xff"', "Must be JSON in UTF-8")]
)
def test_a_body_that_no_parser_reads_says_why(shared_stack: Stack, content: bytes, says: str) -> None:
    response = shared_stack.client.post("/agents", content=content, headers={"Content-Type": "application/json"})
    [error] = check_problem(response, 422, "invalid_request")["errors"]
    assert error["field"] == "body"
    assert says in error["message"]


def test_a_code_has_one_title_wherever_it_comes_from(shared_stack: Stack) -> None:
    titles = {
        shared_stack.client.get(path).json()["title"]
        for path in ("/agents/999999", "/nothing", "/tasks/x", "/documents/999999/chunks")
    }
    assert titles == {"Not found."}


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"name": "A", "slug": "Bad Slug"}, "body.slug", "lowercase letters and digits"),
        ({"name": "A", "setting": {}}, "body.setting", "name, slug, settings"),
        ({"name": "A", "settings": {"size": 1}}, "body.settings.size", "chunk_size, chunk_overlap"),
        ({"name": "A", "settings": {"chunker": "x"}}, "body.settings.chunker", "Must be one of: sentence."),
        ({"name": "A", "settings": {"chunk_size": 100}}, "body.settings.chunk_overlap", "at most half of chunk_size"),
        ({"name": 7}, "body.name", "Must be a string."),
    ],
)
def test_an_agent_that_is_invalid_says_what_is_allowed(
    shared_stack: Stack, body: dict[str, Any], field: str, says: str
) -> None:
    problem = check_problem(shared_stack.client.post("/agents", json=body), 422, "invalid_request")
    assert problem["title"] == TITLE
    [error] = problem["errors"]
    assert error["field"] == field
    assert says in error["message"]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("priority", "urgent", "Must be one of: high, medium, low."),
        ("on_duplicate", "merge", "Must be one of: skip, replace, reject."),
        ("metdata", "{}", "metadata, priority, on_duplicate, callback_url"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/documents/agent/{agent}/upload", "/documents/agent/{agent}/batch", "/documents/upload"]
)
def test_a_form_with_a_wrong_field_says_what_is_allowed(
    shared_stack: Stack, agent: int, path: str, name: str, value: str, says: str
) -> None:
    files = {"files" if path.endswith("batch") else "file": ("a.txt", b"A heron.")}
    response = shared_stack.client.post(path.format(agent=agent), files=files, data={name: value})
    problem = check_problem(response, 422, "invalid_request")
    [error] = problem["errors"]
    assert error["field"] == f"body.{name}"
    assert says in error["message"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.com/", "url_not_allowed"),
        ("http://169.254.169.254/latest/meta-data/", "url_not_allowed"),
        ("http://localhost:8000/api/v1/agents", "url_not_allowed"),
        ("https://user:secret@example.com/", "url_not_allowed"),
        ("example.com", "invalid_url"),
    ],
)
def test_a_callback_url_that_is_not_allowed_is_refused_with_the_job(
    shared_stack: Stack, agent: int, url: str, code: str
) -> None:
    client, page = shared_stack.client, "https://example.com/"
    file = ("a.txt", b"A heron.")
    responses = [
        client.post(f"/documents/agent/{agent}/upload", files={"file": file}, data={"callback_url": url}),
        client.post("/documents/upload", files={"file": file}, data={"callback_url": url}),
        client.post(f"/documents/agent/{agent}/batch", files={"files": file}, data={"callback_url": url}),
        client.post(f"/agents/{agent}/specs", files={"file": ("a.zip", b"PK")}, data={"callback_url": url}),
        client.post(f"/agents/{agent}/specs", json={"url": f"{page}a.zip", "callback_url": url}),
        client.post(f"/documents/agent/{agent}/webpage", json={"url": page, "callback_url": url}),
        client.post(f"/documents/agent/{agent}/crawl", json={"url": page, "callback_url": url}),
        client.post(f"/agents/{agent}/ask", json={"question": "Why?", "callback_url": url}),
    ]
    for response in responses:
        [error] = check_problem(response, 422, code)["errors"]
        assert error["field"] == "body.callback_url"
    assert shared_stack.get("/tasks/", agent_id=agent)["tasks"] == []


def test_a_callback_of_http_is_accepted(shared_stack: Stack, agent: int) -> None:
    response = shared_stack.client.post(
        f"/documents/agent/{agent}/upload",
        files={"file": ("a.txt", b"A heron.")},
        data={"callback_url": "https://example.com/hooks?a=b"},
    )
    assert response.status_code == 202, response.text
