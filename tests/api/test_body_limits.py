"""Bodies of requests are bounded while they arrive: their bytes, their nesting, and the parts of a form."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.api.checks import check_problem
from tests.api.operations import OPERATIONS, write_path
from tests.api.test_http_access import make_key
from tests.deadlines import deadline
from tests.running import Stack

MEGABYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
LISTS = {"POST /agents/bulk", "POST /agents/{agent_id}/profiles/import"}
"""These read lists, with limits of their own."""
WITH_BODY = [name for name, operation in OPERATIONS.items() if "json" in operation.arguments and name not in LISTS]
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nA heron.\r\n'


def stream(size: int) -> Iterator[bytes]:
    """A body without a stated length: httpx sends it chunked."""
    yield from (b" " * 65_536 for _ in range(size // 65_536))
    yield b" "


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_over_a_megabyte_is_answered_with_413(shared_stack: Stack, herons: dict[str, Any], name: str) -> None:
    method, path = name.split()
    url = write_path(path, herons)
    for content in (b" " * (MEGABYTE + 1), stream(MEGABYTE)):
        response = shared_stack.client.request(method, url, content=content, headers=JSON)
        problem = check_problem(response, 413, "payload_too_large")
        assert problem["title"] == "The request exceeds the size limit."
        assert "1,048,576 bytes" in problem["detail"]


def test_a_body_that_claims_to_be_a_form_is_bounded_too(shared_stack: Stack) -> None:
    for headers in (FORM, {"Content-Type": "text/plain"}, {}):
        response = shared_stack.client.post("/agents", content=stream(MEGABYTE), headers=headers)
        check_problem(response, 413, "payload_too_large")


def test_the_answer_arrives_while_the_client_still_sends_and_the_memory_stays_small(shared_stack: Stack) -> None:
    assert shared_stack.api
    process = psutil.Process(shared_stack.api.pid)
    before = process.memory_info().rss
    _, headers = make_key(shared_stack, "write")
    with socket.create_connection(("127.0.0.1", shared_stack.port), timeout=deadline(30)) as client:
        client.sendall(
            b"POST /api/v1/agents HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\nAuthorization: " + headers["Authorization"].encode() + b"\r\n\r\n"
        )
        for _ in range(32):
            client.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        assert client.recv(12) == b"HTTP/1.1 413"  # the last chunk was never sent
    assert process.memory_info().rss - before < 16 * MEGABYTE


def test_a_large_body_without_a_key_is_answered_with_401(shared_stack: Stack) -> None:
    url = f"{shared_stack.client.base_url}agents"
    response = httpx.post(url, content=b" " * (2 * MEGABYTE), headers=JSON, trust_env=False)
    check_problem(response, 401, "unauthorized")


def test_a_request_that_is_refused_for_its_size_can_be_repeated_under_its_idempotency_key(shared_stack: Stack) -> None:
    headers = {**JSON, "Idempotency-Key": "too-large-at-first"}
    check_problem(
        shared_stack.client.post("/agents", content=stream(MEGABYTE), headers=headers), 413, "payload_too_large"
    )
    assert shared_stack.client.post("/agents", content=b'{"name": "A"}', headers=headers).status_code == 201
    # The repetition is compared with the first request, and its body is bounded as well.
    check_problem(
        shared_stack.client.post("/agents", content=stream(MEGABYTE), headers=headers), 422, "idempotency_key_reused"
    )


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"name":' * 100_000, b'{"name": ' + b"9" * 5000 + b"}", b'{"name": "\xff"}']
)
def test_json_that_cannot_be_parsed_is_answered_with_422(shared_stack: Stack, body: bytes) -> None:
    check_problem(shared_stack.client.post("/agents", content=body, headers=JSON), 422, "invalid_request")


def field(name: bytes, value: bytes = b"x") -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + value + b"\r\n"


FORMS = {
    "a field that is repeated": (FILE + field(b"a") * 65 + b"--b--\r\n", 422, "invalid_request"),
    "hundreds of thousands of parts": (field(b"a") * 300_000 + FILE + b"--b--\r\n", 422, "invalid_request"),
    "fields that are large together": (
        FILE + b"".join(field(b"f%d" % i, b"x" * 60_000) for i in range(20)) + b"--b--\r\n",
        413,
        "payload_too_large",
    ),
    "a field that is large": (FILE + field(b"metadata", b"x" * 70_000) + b"--b--\r\n", 413, "payload_too_large"),
    "a header that is large": (
        FILE.replace(b"a.txt", b"a" * 100_000 + b".txt") + b"--b--\r\n",
        413,
        "payload_too_large",
    ),
    "headers that are many": (
        FILE.replace(b"--b\r\n", b"--b\r\n" + b"X-A: b\r\n" * 100, 1) + b"--b--\r\n",
        413,
        "payload_too_large",
    ),
    "headers that are large together": (
        FILE.replace(b"--b\r\n", b"--b\r\n" + (b"X-A: " + b"b" * 1000 + b"\r\n") * 5, 1) + b"--b--\r\n",
        413,
        "payload_too_large",
    ),
    "line breaks before the first boundary": (b"\r\n" * 250_000 + FILE + b"--b--\r\n", 413, "payload_too_large"),
    "data after the closing boundary": (FILE + b"--b--\r\n" + b"x" * 500_000, 413, "payload_too_large"),
}


@pytest.mark.parametrize("title", FORMS)
@pytest.mark.parametrize("path", ["agent/{}/upload", "agent/{}/batch", "upload"])
def test_a_form_is_bounded_in_every_part(shared_stack: Stack, agent: int, title: str, path: str) -> None:
    content, status, code = FORMS[title]
    url = f"/documents/{path.format(agent)}"
    check_problem(shared_stack.client.post(url, content=content, headers=FORM), status, code)
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 0


def test_a_short_rest_after_the_closing_boundary_is_ignored(shared_stack: Stack, agent: int) -> None:
    content = FILE + b"--b--\r\n" + b"\r\nepilogue\r\n" * 100
    response = shared_stack.client.post(f"/documents/agent/{agent}/upload", content=content, headers=FORM)
    assert response.status_code == 202


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("filename*=idna''xn--a", None),
        ("filename*=punycode''a-%FF", None),
        ("filename*=undefined''a", None),
        ("filename*=a%00b''a", None),
        ("filename*=%00", None),
        ("filename*=utf-8''%00h%C3%A9ron.txt", "héron.txt"),
        ("filename*=iso-8859-1''h%E9ron.txt", "héron.txt"),
        ("filename*=''heron.txt", "heron.txt"),
        ('filename="heron.txt"', "heron.txt"),
    ],
)
def test_the_charset_of_a_filename_selects_no_codec_of_python(
    shared_stack: Stack, agent: int, name: str, filename: str | None
) -> None:
    content = FILE.replace(b'filename="a.txt"', name.encode()) + b"--b--\r\n"
    response = shared_stack.client.post(f"/documents/agent/{agent}/upload", content=content, headers=FORM)
    if filename:
        assert (response.status_code, response.json()["filename"]) == (202, filename)
    else:
        assert response.status_code in {202, 400}, response.text


def test_a_response_names_a_few_of_very_many_errors(shared_stack: Stack) -> None:
    names = {f"unknown_{number}": 1 for number in range(30_000)}
    response = shared_stack.client.post("/agents", json={"name": "A", **names})
    problem = check_problem(response, 422, "invalid_request")
    assert len(problem["errors"]) == 20
    assert problem["detail"].endswith("There are 29,980 more errors.")
    assert len(response.content) < 10_000
    long_name = check_problem(
        shared_stack.client.post("/agents", json={"name": "A", "x" * 500_000: 1}), 422, "invalid_request"
    )
    assert len(long_name["detail"]) < 1000
    scopes = shared_stack.client.post("/api-keys", json={"name": "A", "scopes": ["x"] * 100_000})
    assert len(check_problem(scopes, 422, "invalid_request")["errors"]) <= 20
