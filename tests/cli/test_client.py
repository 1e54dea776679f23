"""The HTTP client of the commands, with a server that fails as networks and proxies do."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.cli.output import CommandError, print_sentence
from app.cli.remote.client import ApiError, Client
from app.cli.remote.follow import follow
from app.cli.remote.place import Place, find_place

_AGENTS: dict[str, Any] = {"agents": [], "total": 0, "next": None}


class _Server(ThreadingHTTPServer):
    """Answers each request with the next of ``answers``: a status with headers and a body, or None to hang up."""

    answers: list[tuple[int, dict[str, str], Any] | None]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.path, dict(self.headers), body))
        answer = self.server.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, headers, content = answer
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.close_connection = "Content-Length" in headers
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that the base class calls

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@contextmanager
def connect(server: _Server) -> Iterator[Client]:
    with Client(Place(server.url, "a-key", "Look there.")) as client:
        yield client


def test_a_write_whose_connection_is_lost_is_repeated_with_the_same_idempotency_key(
    server: _Server, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("The whole text.")
    server.answers += [(200, {}, _AGENTS), None, (202, {}, {"task_id": "1"})]
    with connect(server) as client:
        client.get("/agents")
        assert client.upload("/documents/agent/1/upload", "file", [path], {}) == {"task_id": "1"}
    (_, first, _), (_, second, body) = server.requests[1:]
    assert first["Idempotency-Key"] == second["Idempotency-Key"]
    assert b"The whole text." in body


def test_a_search_leaves_no_stored_response(server: _Server) -> None:
    server.answers.append((200, {}, {"results": []}))
    with connect(server) as client:
        client.query("/agents/1/search", {"query": "boat"})
    assert "Idempotency-Key" not in server.requests[0][1]


def test_a_task_is_followed_over_a_lost_stream_and_a_restart_of_the_api(
    server: _Server, capsys: pytest.CaptureFixture[str]
) -> None:
    def describe(version: int, state: str) -> dict[str, Any]:
        return {"state": state, "current": 10 * version, "status": f"Step {version}", "version": version}

    starting = {"code": "service_unavailable", "detail": "Temporarily unavailable.", "retryable": True}
    server.answers += [
        (200, {"Content-Type": "application/json"}, {"workers": 0}),
        (200, {}, f"event: progress\nid: 4\ndata: {json.dumps(describe(4, 'PROGRESS'))}\n\n"),
        (503, {"Retry-After": "1"}, starting),
        (204, {}, ""),
        (200, {}, describe(9, "SUCCESS")),
    ]
    with connect(server) as client:
        assert follow(client, {"a-task": "a.pdf"}) == [describe(9, "SUCCESS")]
    paths = [(path, headers.get("Last-Event-ID", headers.get("last-event-id"))) for path, headers, _ in server.requests]
    assert paths[2:] == [
        ("/api/v1/tasks/a-task/events", "4"),
        ("/api/v1/tasks/a-task/events", "4"),
        ("/api/v1/tasks/a-task", None),
    ]
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("No worker is running, so the tasks wait.")
    assert shown[1:] == ["a.pdf   40%  Step 4", "a.pdf   90%  Step 9"]


def test_a_download_that_breaks_off_leaves_no_file(server: _Server, tmp_path: Path) -> None:
    server.answers.append((200, {"Content-Length": "1000"}, "only a part"))
    with connect(server) as client, pytest.raises(CommandError, match="does not answer"):
        client.download("/documents/1/content", tmp_path / "a.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_download_to_a_folder_that_does_not_exist_names_the_file(server: _Server, tmp_path: Path) -> None:
    server.answers.append((200, {}, "all of it"))
    target = tmp_path / "nowhere" / "a.pdf"
    with connect(server) as client, pytest.raises(CommandError, match="cannot be written") as failed:
        client.download("/documents/1/content", target)
    assert str(target) in str(failed.value)


def test_an_address_or_a_key_that_cannot_be_sent_is_bad_usage() -> None:
    for url, key in (
        ("http://a b", "key"),
        ("http://host:x", "key"),
        ("http://[::1", "key"),
        ("http://host", "schlüssel"),
    ):
        with pytest.raises(CommandError) as raised:
            Client(find_place(url, key))
        assert raised.value.exit_code == 2


def test_an_answer_is_printed_as_it_arrives_and_again_if_it_is_written_anew(
    server: _Server, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = {"state": "SUCCESS", "current": 100, "status": "Answered", "version": 9}
    parts = [
        ("sentence", {"text": "It shuts."}),
        ("restart", {"attempt": 2}),
        ("sentence", {"text": "It shuts at dusk. [1]"}),
    ]
    events = [*parts, ("end", ended)]
    server.answers += [
        (200, {"Content-Type": "application/json"}, {"workers": 1}),
        (
            200,
            {},
            "".join(f"event: {name}\nid: {n}\ndata: {json.dumps(data)}\n\n" for n, (name, data) in enumerate(events)),
        ),
    ]
    with connect(server) as client:
        assert follow(client, {"a-task": "question"}, print_sentence) == [ended]
    shown = capsys.readouterr()
    assert shown.out == "It shuts.It shuts at dusk. [1]"
    assert shown.err == "\nThe answer was interrupted and is written anew:\n"


def test_a_busy_server_is_asked_again_when_it_says(server: _Server) -> None:
    problem = {"code": "backlog_full", "detail": "The backlog is full.", "request_id": "7"}
    server.answers += [(429, {"Retry-After": "0"}, problem), (200, {}, _AGENTS)]
    with connect(server) as client:
        assert client.get("/agents") == _AGENTS
        server.answers += [(503, {"Retry-After": "3600"}, problem)]
        with pytest.raises(ApiError, match=r"^The backlog is full\. \(backlog_full, request 7\)$"):
            client.get("/agents")


def test_another_server_at_the_address_is_named_as_such(server: _Server) -> None:
    for status, content in ((404, "<html>"), (200, "<html>"), (500, [])):
        server.answers.append((status, {}, content))
        with connect(server) as client, pytest.raises(CommandError, match="is not Sluice"):
            client.get("/agents")


def test_an_invalid_request_is_bad_usage(server: _Server) -> None:
    for code, exit_code in (("invalid_request", 2), ("invalid_metadata", 2), ("url_not_allowed", 1), ("not_found", 1)):
        server.answers.append((422, {}, {"code": code, "detail": "name: too long"}))
        with connect(server) as client, pytest.raises(ApiError) as raised:
            client.get("/agents")
        assert raised.value.exit_code == exit_code


def test_a_key_of_this_machine_is_sent_to_no_other_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BOOTSTRAP_API_KEY", "the-key-of-this-machine")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PORT", "8123")
    for name in ("SLUICE_URL", "SLUICE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert find_place(None, None).key == "the-key-of-this-machine"
    assert find_place("http://127.0.0.1:8123/api/v1/", None).key == "the-key-of-this-machine"
    assert find_place("https://sluice.example.com", None).key is None
    assert find_place("https://sluice.example.com", "given").key == "given"
    monkeypatch.setenv("SLUICE_URL", "https://sluice.example.com")
    assert (find_place(None, None).url, find_place(None, None).key) == ("https://sluice.example.com", None)
    monkeypatch.setenv("SLUICE_API_KEY", "from-the-environment")
    assert find_place(None, None).key == "from-the-environment"
    assert find_place("http://127.0.0.1:8123", "given").key == "given"
    with pytest.raises(CommandError, match="must be http"):
        find_place("sluice.example.com", None)
