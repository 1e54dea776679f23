"""The demo: runs the whole stack in a temporary folder, processes real documents and prints a cited answer."""

import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.cli.local.demo_files import find_files, list_examples
from app.cli.local.stack import run_stack
from app.cli.local.stop import Stopped, listen_for_stop
from app.cli.output import CommandError, say
from app.cli.progress import print_answer, print_hits
from app.cli.remote.client import Client
from app.cli.remote.follow import follow
from app.cli.remote.place import Place
from app.cli.remote.uploads import upload_file
from app.cli.running import make_url
from app.domain.errors import SluiceError
from app.logs import configure_logs
from app.settings import load_settings

program = typer.Typer(add_completion=False)

_LOG_CHARACTERS = 4000
_QUESTION = "What is the maximum draught at the Alder Gate?"


@program.command()
def demo(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Documents. Default: those in examples/.", exists=True, dir_okay=False)
    ] = None,
    ask: Annotated[str, typer.Option(help="A question that the documents answer.")] = "",
    names: Annotated[
        str, typer.Option("--files", help="Documents in one text, as `make demo` passes them: names and patterns.")
    ] = "",
) -> None:
    """Try Sluice: start everything, process documents, search them, answer a question, stop everything.

    A file that is refused is named and left out. Exits with 0 if at least one document was processed.
    """
    began, key = time.monotonic(), secrets.token_urlsafe(24)
    given = [*(files or []), *find_files(names)]
    listen_for_stop()
    with tempfile.TemporaryDirectory(prefix="sluice-demo-", ignore_cleanup_errors=True) as folder:
        settings = load_settings(data_dir=Path(folder), port=0, host="127.0.0.1", bootstrap_api_key=key)
        configure_logs(settings, "ERROR")
        log = Path(folder) / "parts.log"
        try:
            say("Starting Postgres, Valkey, the API and four workers …")
            with run_stack(settings, log) as stack:
                say(f"Ready after {stack.wait_until_ready():.1f} s.\n")
                url = make_url(stack.settings.host, stack.settings.port)
                with Client(Place(url, key, "Its output is above.")) as client:
                    succeeded = _show(client, given or list_examples(), ask or ("" if given else _QUESTION))
        except Stopped:
            sys.exit(1)
        except (CommandError, SluiceError):
            sys.stderr.write(log.read_text(errors="replace")[-_LOG_CHARACTERS:] if log.exists() else "")
            raise
    say(f"\nDone in {time.monotonic() - began:.1f} s. `make up` runs Sluice with permanent data.")
    if not succeeded:
        sys.exit(1)


def _show(client: Client, files: Sequence[Path], question: str) -> bool:
    """Do what a client does, over HTTP. False if no document was processed."""
    agent = client.post("/agents", {"name": "Demo"})["id"]
    ended = follow(client, _upload(client, agent, files))
    if not any(task["state"] == "SUCCESS" for task in ended):
        say("\nNo document was processed.")
        return False
    query = question or files[0].stem.replace("-", " ").replace("_", " ")
    say(f"\nSearch: {query}")
    print_hits(client.query(f"/agents/{agent}/search", {"query": query, "top_k": 3})["results"])
    if question:
        say(f"\nQuestion: {question}")
        accepted = client.post(f"/agents/{agent}/ask", {"question": question})
        [task] = follow(client, {accepted["task_id"]: "question"})
        if task["state"] == "SUCCESS":
            print_answer(task["result"])
        else:
            say(task["status"])
            return False
    return True


def _upload(client: Client, agent: int, files: Sequence[Path]) -> dict[str, str]:
    """Upload the files, and name each that is refused; returns the names of the others by task id."""
    names = {}
    for path in files:
        result = upload_file(client, agent, path, {})
        if result.get("state") == "REFUSED":
            say(f"{path.name} was refused and is left out: {result['error']['detail']}")
        else:
            names[result["task_id"]] = result["filename"]
    return names
