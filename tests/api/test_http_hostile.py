"""Hostile requests are refused with the right error, and other requests do not suffer."""

import json
from typing import Any

import pytest

from tests.running import Stack

REFUSALS = {400, 404, 413, 415, 422}
BODIES = {
    "brackets in brackets": b"[" * 100_000,
    "objects in objects": b'{"query":' * 100_000,
    "metadata nested": b'{"query": "a", "filter": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
    "a number of too many digits": b'{"query": "a", "top_k": ' + b"9" * 5000 + b"}",
    "half a character": b'{"query": "\\ud800"}',
    "half a character as a filter": b'{"query": "a", "filter": {"a": "\\ud800"}}',
    "a zero as a filter": b'{"query": "a", "filter": {"a": "\\u0000"}}',
    "a number beyond numbers as a filter": b'{"query": "a", "filter": {"a": 1e999}}',
    "no number as a filter": b'{"query": "a", "filter": {"a": NaN}}',
    "a long number as a filter": b'{"query": "a", "filter": {"a": ' + b"9" * 4000 + b"}}",
    "a document that is a word": b'{"query": "a", "filter": {"document_id": "x"}}',
    "a document that is an object": b'{"query": "a", "filter": {"document_id": {"a": 1}}}',
    "a document beyond numbers": b'{"query": "a", "filter": {"document_id": 99999999999999999999}}',
    "documents in documents": b'{"query": "a", "filter": {"document_id": [[1], [2]]}}',
    "a document in part": b'{"query": "a", "filter": {"document_id": 1.5}}',
    "bytes that are none": b'{"query": "\xff\xfe"}',
}
_DISPOSITION = 'Content-Disposition: form-data; name="file"; '
FORMS = {
    "a name in an encoding of escapes": f"{_DISPOSITION}filename*=unicode_escape''%5Cud800.txt\r\n\r\nThe heron.",
    "a name in raw escapes": f"{_DISPOSITION}filename*=raw_unicode_escape''%5Cud800.txt\r\n\r\nThe heron.",
    "a name in no encoding": f"{_DISPOSITION}filename*=zlib_codec''%5Cud800.txt\r\n\r\nThe heron.",
    "a name of UTF-7": f"{_DISPOSITION}filename*=utf-7''+2AA-.txt\r\n\r\nThe heron.",
    "a name of half a character": f"{_DISPOSITION}filename*=utf-8''%ED%A0%80.txt\r\n\r\nThe heron.",
    "a name of a megabyte": f'{_DISPOSITION}filename="{"x" * 1_000_000}.txt"\r\n\r\nThe heron.',
    "a name that is a path": f'{_DISPOSITION}filename="../../../etc/passwd"\r\n\r\nThe heron.',
    "parameters without end": f'{_DISPOSITION}filename="a.txt"{"; a=b" * 50_000}\r\n\r\nThe heron.',
    "quotes without end": f'{_DISPOSITION}filename="{chr(92) * 100_001}\r\n\r\nThe heron.',
    "headers without end": f'{_DISPOSITION}filename="a.txt"\r\n{"X: a" + chr(13) + chr(10)}' * 20_000
    + "\r\n\r\nThe heron.",
    "no header": "\r\nThe heron.",
}


@pytest.mark.parametrize("title", BODIES)
def test_a_hostile_body_is_refused(shared_stack: Stack, agent: int, title: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = shared_stack.client.post(f"/agents/{agent}/search", content=BODIES[title], headers=headers)
    assert response.status_code in REFUSALS | {200}, response.text
    _check(response.json(), response.status_code)


@pytest.mark.parametrize("title", FORMS)
def test_a_hostile_form_is_refused_or_read(shared_stack: Stack, agent: int, title: str) -> None:
    form = f"--b\r\n{FORMS[title]}\r\n--b--\r\n".encode("utf-8", "surrogateescape")
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = shared_stack.client.post(f"/documents/agent/{agent}/upload", content=form, headers=headers)
    assert response.status_code in REFUSALS | {202}, response.text
    body = response.json()
    _check(body, response.status_code)
    if response.status_code == 202:
        assert "/" not in body["filename"]
        assert shared_stack.finish([body["task_id"]])[0]["state"] == "SUCCESS"


@pytest.mark.parametrize("boundary", ["", '""', "b*=utf-8''x", "é", '"' + "x" * 100_000 + '"'])
def test_a_hostile_boundary_is_refused(shared_stack: Stack, agent: int, boundary: str) -> None:
    headers = {b"Content-Type": f"multipart/form-data; boundary={boundary}".encode("latin-1")}
    response = shared_stack.client.post(f"/documents/agent/{agent}/upload", content=b"--b\r\n", headers=headers)
    assert response.status_code in REFUSALS, response.text
    _check(response.json(), response.status_code)


def test_metadata_made_to_hurt_is_refused(shared_stack: Stack, agent: int) -> None:
    hurting = (
        "[" * 60_000,
        '{"a":' * 5000,
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": "\\u0000"}',
        '{"a": ' + "9" * 5000,
    )
    for metadata in hurting:
        response = shared_stack.client.post(
            f"/documents/agent/{agent}/upload", files={"file": ("a.txt", b"x")}, data={"metadata": metadata}
        )
        assert (response.status_code, response.json()["code"]) == (422, "invalid_metadata"), metadata[:20]


def _check(body: dict[str, Any], status: int) -> None:
    if status >= 400:
        assert body["status"] == status
        assert body["code"]
    assert json.dumps(body)
