"""The demo: runs the whole stack in a temporary folder, processes real documents and prints a cited answer."""

import json
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from app.cli.local.serve import Stopped, listen_for_stop
from app.cli.local.stack import run_stack, say
from app.cli.progress import ProgressBoard, print_answer, print_hits
from app.domain.errors import SluiceError, StartupError
from app.domain.media import ARCHIVES, SUPPORTED
from app.logs import configure_logs
from app.settings import Settings, load_settings

_EXAMPLES = Path(__file__).parents[3] / "examples"
_LOG_CHARACTERS = 4000
_QUESTION = "What is the maximum draught at the Alder Gate?"


def demo(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Documents. Default: those in examples/.", exists=True)
    ] = None,
    ask: Annotated[str, typer.Option(help="A question that the documents answer.")] = "",
) -> None:
    """Try Sluice: start everything, process documents, search them, answer a question, stop everything."""
    began, key = time.monotonic(), secrets.token_urlsafe(24)
    listen_for_stop()
    with tempfile.TemporaryDirectory(prefix="sluice-demo-", ignore_cleanup_errors=True) as folder:
        settings = load_settings(data_dir=Path(folder), port=_find_port(), host="127.0.0.1", bootstrap_api_key=key)
        configure_logs(settings, "ERROR")
        log = Path(folder) / "parts.log"
        try:
            say("Starting Postgres, Valkey, the API and four workers …")
            with run_stack(settings, log) as stack:
                say(f"Ready after {stack.wait_until_ready():.1f} s.\n")
                succeeded = _show(settings, key, files or list_examples(), ask or ("" if files else _QUESTION))
        except Stopped:
            sys.exit(1)
        except SluiceError:
            sys.stderr.write(log.read_text(errors="replace")[-_LOG_CHARACTERS:] if log.exists() else "")
            raise
    say(f"\nDone in {time.monotonic() - began:.1f} s. `make up` runs Sluice with permanent data.")
    if not succeeded:
        sys.exit(1)


def list_examples() -> list[Path]:
    """The example documents."""
    endings = tuple(ending for kinds in (SUPPORTED, ARCHIVES) for endings in kinds.values() for ending in endings)
    paths = sorted(path for path in _EXAMPLES.iterdir() if path.suffix in endings and path.name != "README.md")
    if not paths:
        raise StartupError(
            'The folder examples/ contains no documents. Name your own files: make demo FILES="report.pdf"'
        )
    return paths


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _show(settings: Settings, key: str, files: Sequence[Path], question: str) -> bool:
    """Do what a client does, over HTTP. False if a document failed."""
    headers = {"Authorization": f"Bearer {key}"}
    base = f"http://{settings.host}:{settings.port}/api/v1"
    with httpx.Client(base_url=base, headers=headers, timeout=120, trust_env=False) as client:
        agent = _check(client.post("/agents", json={"name": "Demo"}))["id"]
        try:
            uploads = [_upload(client, agent, path) for path in files]
            ended = _follow(client, {upload["task_id"]: upload["filename"] for upload in uploads})
            query = question or files[0].stem.replace("-", " ").replace("_", " ")
            say(f"\nSearch: {query}")
            hits = _check(client.post(f"/agents/{agent}/search", json={"query": query, "top_k": 3}))
            print_hits(hits["results"])
            if question:
                say(f"\nQuestion: {question}")
                task = _check(client.post(f"/agents/{agent}/ask", json={"question": question}))["task_id"]
                print_answer(_follow(client, {task: "question"})[0]["result"])
        finally:
            client.delete(f"/agents/{agent}")
    return all(task["state"] == "SUCCESS" for task in ended)


def _upload(client: httpx.Client, agent: int, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return _check(client.post(f"/documents/agent/{agent}/upload", files={"file": (path.name, file)}))


def _follow(client: httpx.Client, names: dict[str, str]) -> list[dict[str, Any]]:
    """Show the progress of tasks from their server-sent events; returns the finished tasks."""
    with ProgressBoard(names) as board, ThreadPoolExecutor(len(names)) as threads:

        def watch(task_id: str) -> dict[str, Any]:
            task: dict[str, Any] = {}
            with client.stream("GET", f"/tasks/{task_id}/events") as events:
                for line in events.iter_lines():
                    if line.startswith("data:"):
                        task = json.loads(line.removeprefix("data:"))
                        board.show(task_id, task["current"], task["status"])
            return task

        return list(threads.map(watch, names))


def _check(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    if response.is_error:
        raise StartupError(f"{response.request.url.path} answered {response.status_code}: {body.get('detail')}")
    return body


def add_to(program: typer.Typer) -> None:
    """Register the command."""
    program.command()(demo)
