"""The demo: runs the whole stack in a temporary folder, processes real documents and prints a cited answer."""

import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from app.cli.local.demo_files import list_examples
from app.cli.local.stack import run_stack
from app.cli.local.stop import Stopped, listen_for_stop
from app.cli.output import CommandError, print_answer, print_hits, say
from app.cli.remote.client import Client
from app.cli.remote.follow import follow
from app.cli.remote.place import Place
from app.cli.remote.uploads import upload_file
from app.cli.running import make_url
from app.domain.errors import SluiceError
from app.logs import configure_logs
from app.settings import load_settings

_LOG_CHARACTERS = 4000
_QUESTION = "What is the maximum draught at the Alder Gate?"


def run_demo(files: Sequence[Path], question: str) -> None:
    """Run the demo. Exits with 1 if no document was processed.

    Args:
        files: Documents. If there are none: the examples.
        question: A question that the documents answer. Empty: that of the examples, or none.
    """
    began, key = time.monotonic(), secrets.token_urlsafe(24)
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
                    succeeded = _show(client, files or list_examples(), question or ("" if files else _QUESTION))
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
