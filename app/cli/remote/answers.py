"""Commands that search and answer."""

import sys
from typing import Annotated, Literal

import typer

from app.cli.output import AsJson, print_answer, print_hits, print_json, print_references, print_sentence, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import AgentName, check_text, remote
from app.cli.remote.filters import Filters, read_filters
from app.cli.remote.follow import follow

program = typer.Typer(add_completion=False)

Agents = Annotated[list[str], typer.Option("--agent", "-a", help="An agent's id or slug; may be repeated.")]


@program.command("search")
@remote
def search(
    client: Client,
    query: Annotated[str, typer.Argument(callback=check_text, help="Words or a question.")],
    agent: Agents,
    top_k: Annotated[int, typer.Option(help="Maximum number of results.", min=1, max=100)] = 5,
    mode: Annotated[Literal["hybrid", "vector", "text"], typer.Option(help="By words, by meaning or both.")] = "hybrid",
    neighbours: Annotated[int, typer.Option(help="Chunks to show before and after each hit.", min=0, max=5)] = 0,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each was found.")] = False,
    filters: Filters = None,
    as_json: AsJson = False,
) -> None:
    """Search the documents of one or several agents."""
    body = {
        "query": query,
        "top_k": top_k,
        "mode": mode,
        "filter": read_filters(filters),
        "neighbours": neighbours,
        "explain": explain,
    }
    if len(agent) == 1:
        found = client.query(f"/agents/{find_agent(client, agent[0])}/search", body)
    else:
        found = client.query("/search", {"agents": [find_agent(client, name) for name in agent], **body})
    for warning in found["warnings"]:
        say(warning["message"])
    if as_json:
        print_json(found)
    elif found["results"]:
        print_hits(found["results"])
    else:
        say("Nothing was found.")


@program.command("ask")
@remote
def ask(
    client: Client,
    question: Annotated[str, typer.Argument(callback=check_text, help="A question.")],
    agent: AgentName,
    top_k: Annotated[int, typer.Option(help="Maximum number of passages to answer from.", min=1, max=50)] = 5,
    filters: Filters = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question from an agent's documents. On a terminal, the answer is shown while it is written."""
    body = {"question": question, "top_k": top_k, "filter": read_filters(filters)}
    accepted = client.post(f"/agents/{find_agent(client, agent)}/ask", body)
    streams = sys.stdout.isatty() and not as_json
    [task] = follow(client, {accepted["task_id"]: "question"}, print_sentence if streams else None)
    if task["state"] != "SUCCESS":
        say(task["error"]["message"] if task["error"] else task["status"])
        sys.exit(1)
    if as_json:
        print_json(task["result"])
    elif streams:
        sys.stdout.write("\n")
        print_references(task["result"])
    else:
        print_answer(task["result"])
