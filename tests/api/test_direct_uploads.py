"""Uploads are served without FastAPI's dependencies, their forms read the short way, and answered in one write."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from app.api.multipart import read_form
from app.api.server.joined_writes import JoinedWrites
from tests.api.checks import check_problem
from tests.running import Stack

_FILE = {"file": ("note.txt", b"A heron.")}


@pytest.mark.parametrize("given", ["0", "-1", "abc", "1.5", "9223372036854775808", "99999999999999999999"])
def test_an_agent_id_that_is_none_is_refused_by_name(shared_stack: Stack, given: str) -> None:
    response = shared_stack.client.post(f"/documents/agent/{given}/upload", files=_FILE)
    problem = check_problem(response, 422, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == ["path.agent_id"]


@pytest.mark.parametrize("given", ["9223372036854775807", "999999999999999999", "1000000000000000000"])
def test_the_largest_ids_are_ids_of_agents_that_do_not_exist(shared_stack: Stack, given: str) -> None:
    check_problem(shared_stack.client.post(f"/documents/agent/{given}/upload", files=_FILE), 404, "not_found")


def test_an_unknown_query_parameter_is_refused(shared_stack: Stack, agent: int) -> None:
    response = shared_stack.client.post(f"/documents/agent/{agent}/upload?priority=low", files=_FILE)
    problem = check_problem(response, 422, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == ["query.priority"]


def test_an_id_with_zeros_before_it_is_the_same_agent(shared_stack: Stack, agent: int) -> None:
    response = shared_stack.client.post(f"/documents/agent/00{agent}/upload", files=_FILE)
    assert response.status_code == 202


def test_a_key_that_may_only_read_is_refused(shared_stack: Stack, agent: int) -> None:
    made = shared_stack.post("/api-keys", {"name": "Reader", "scopes": ["read"]})
    headers = {"Authorization": f"Bearer {made['secret']}"}
    response = shared_stack.client.post(f"/documents/agent/{agent}/upload", files=_FILE, headers=headers)
    check_problem(response, 403, "forbidden")
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 0


def test_a_key_is_invalid_for_uploads_as_soon_as_it_is_revoked(shared_stack: Stack, agent: int) -> None:
    made = shared_stack.post("/api-keys", {"name": "Writer", "scopes": ["write"]})
    headers = {"Authorization": f"Bearer {made['secret']}"}
    path = f"/documents/agent/{agent}/upload"
    assert shared_stack.client.post(path, files=_FILE, headers=headers).status_code == 202
    assert shared_stack.client.delete(f"/api-keys/{made['id']}").is_success
    check_problem(shared_stack.client.post(path, files=_FILE, headers=headers), 401, "unauthorized")


class _Sink:
    """Collects the files of a form."""

    def __init__(self) -> None:
        self.files: list[tuple[str, bytes]] = []

    async def begin(self, filename: str) -> None:
        self.files.append((filename, b""))

    async def write(self, data: bytes) -> None:
        name, before = self.files[-1]
        self.files[-1] = (name, before + data)


async def _read(content_type: str, disposition: str, boundary: str = "cut") -> tuple[list[tuple[str, bytes]], Any]:
    async def body() -> AsyncIterator[bytes]:
        yield f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\nA heron.\r\n--{boundary}--\r\n".encode()

    sink = _Sink()
    form = await read_form(content_type, body(), sink, requires_file=False)
    return sink.files, form.fields


# The first of each pair is what clients usually send, the second means the same.
_NAMES = [
    "note.txt",
    "  spaced.txt ",
    "a;b=c.txt",
    "folder/note.txt",
    "",
    "Ærø 🦢.txt",
    "it's.txt",
    "%41.txt",
    "tab\t.txt",
]


@pytest.mark.parametrize("name", _NAMES)
async def test_the_usual_form_is_read_as_the_complete_grammar_reads_it(name: str) -> None:
    usual = await _read("multipart/form-data; boundary=cut", f'form-data; name="file"; filename="{name}"')
    other = await _read('Multipart/Form-Data; charset=x; boundary="cut"', f'form-data;name="file";  filename="{name}"')
    assert usual == other
    assert len(usual[0]) == 1


async def test_a_field_without_a_filename_is_no_file() -> None:
    assert await _read("multipart/form-data; boundary=cut", 'form-data; name="metadata"') == (
        [],
        {"metadata": "A heron."},
    )


async def test_a_quoted_boundary_with_other_characters_is_read() -> None:
    files, _ = await _read('multipart/form-data; boundary="a b:c"', 'form-data; name="file"; filename="n"', "a b:c")
    assert files == [("n", b"A heron.")]


class _Transport:
    """Records what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing


def _open() -> tuple[_Transport, JoinedWrites]:
    transport = _Transport()
    return transport, JoinedWrites(cast("asyncio.Transport", transport), asyncio.get_running_loop())


async def test_head_and_body_are_one_write() -> None:
    transport, response = _open()
    for data in (b"head ", b"body", b"more"):
        response.write(data)
    await asyncio.sleep(0)
    assert transport.written == [b"head body", b"more"]


async def test_a_head_whose_body_comes_later_is_sent_at_once() -> None:
    transport, response = _open()
    response.write(b"head")
    await asyncio.sleep(0)
    assert transport.written == [b"head"]
    response.write(b"event")
    assert transport.written == [b"head", b"event"]


async def test_a_close_sends_the_head_and_a_closed_connection_receives_nothing() -> None:
    transport, response = _open()
    response.write(b"head")
    response.close()
    assert (transport.written, transport.closing) == ([b"head"], True)
    transport, response = _open()
    response.write(b"head")
    transport.close()
    await asyncio.sleep(0)
    assert transport.written == []


def test_a_response_to_head_has_its_headers(shared_stack: Stack) -> None:
    url = str(shared_stack.client.base_url).replace("/api/v1/", "/livez")
    assert httpx.get(url, trust_env=False).is_success
    assert httpx.head(url, trust_env=False).headers["x-request-id"]
