"""The command that measures how well documents are found."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import AsJson, CommandError, print_json, print_table, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import AgentName, check_text, remote
from app.cli.remote.filters import Filters, read_filters
from app.cli.remote.follow import follow
from app.domain.counting import count_of

program = typer.Typer(add_completion=False)

_PAGE = 1000
_DIGEST_CHARACTERS = 12
_WORST = 5
_MODES = ("hybrid", "vector", "text")


def _read_modes(value: str) -> str:
    modes = value.split(",")
    if len(set(modes)) < len(modes) or not set(modes) <= set(_MODES):
        raise typer.BadParameter(f"must name some of {', '.join(_MODES)}, separated by commas")
    return value


@program.command("eval")
@remote
def evaluate(
    client: Client,
    agent: AgentName,
    questions: Annotated[
        str, typer.Option("--set", callback=check_text, help="A file of questions as JSON lines, or a set's id.")
    ],
    modes: Annotated[str, typer.Option(callback=_read_modes, help="How to search, separated by commas.")] = "hybrid",
    top_k: Annotated[int, typer.Option(help="Maximum number of results of each search.", min=1, max=100)] = 10,
    ask: Annotated[bool, typer.Option("--ask", help="Answer each question, too.")] = False,
    filters: Filters = None,
    compare: Annotated[int | None, typer.Option(help="The id of an evaluation to compare with.", min=1)] = None,
    min_ndcg: Annotated[
        float | None, typer.Option(help="Exit with 1 if a mode's nDCG@10 is lower.", min=0, max=1)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well an agent's documents are found: search for every question of a set."""
    where = read_filters(filters)
    path = f"/agents/{find_agent(client, agent)}"
    set_id = _find_set(client, path, questions)
    body = {"question_set": set_id, "modes": modes.split(","), "top_k": top_k, "ask": ask, "filter": where}
    if compare is not None:
        client.get(f"{path}/evaluations/{compare}")  # before minutes of work
    accepted = client.post(f"{path}/evaluations", body)
    [task] = follow(client, {accepted["task_id"]: "evaluation"})
    if task["state"] != "SUCCESS":
        raise CommandError(task["error"]["message"] if task["error"] else task["status"])
    report = client.get(f"{path}/evaluations/{accepted['evaluation_id']}", compare=compare)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if _is_below(report, min_ndcg):
        sys.exit(1)


def _find_set(client: Client, path: str, given: str) -> int:
    """The id of the question set: the one that is named, or that of a file, which is stored unless it is already.

    The name of a stored file has a digest of its content, so that evaluations of the same file can be compared.

    Raises:
        CommandError: there is no such file.
    """
    if given.isdecimal():
        return int(given)
    file = Path(given)
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:_DIGEST_CHARACTERS]
    except OSError as error:
        raise CommandError(f"{given} cannot be read ({error.strerror}).", 2) from error
    name, after = f"{file.name[:100]} {digest}", None
    while True:
        page = client.get(f"{path}/question-sets", limit=_PAGE, after=after)
        for stored in page["question_sets"]:
            if stored["name"] == name:
                return int(stored["id"])
        if (after := page["next"]) is None:
            break
    made = client.upload(f"{path}/question-sets", "file", [file], {"name": name})
    say(f"Stored {count_of(made['question_count'], 'question')} as question set {made['id']}.")
    return int(made["id"])


def _print_report(report: Mapping[str, Any]) -> None:
    summary, index = report["summary"], report["index"]
    asked = count_of(summary["questions"], "question")
    say(f"Evaluation {report['id']}: {asked} of set {report['question_set']}, {index['provider']} {index['model']}.")
    if reranker := report["reranker"]:
        say(f"Results of the mode hybrid are reranked by {reranker['provider']} {reranker['model']}.")
    if missing := summary["with_missing_documents"]:
        say(f"{count_of(missing, 'question')} with an expected document that the agent lacks count as not found.")
    means, times = ("ndcg", "recall", "reciprocal_rank"), ("p50", "p95")
    rows = [
        [mode, *(_show(one[name]) for name in means), *(one["latency_ms"][name] for name in times)]
        for mode, one in ((mode, summary["modes"][mode]) for mode in report["modes"])
    ]
    print_table(["mode", "nDCG@10", "recall@10", "MRR", "p50 ms", "p95 ms"], rows)
    if summary["ask"]:
        _print_answers(summary["ask"])
    for mode, compared in (report["comparison"] or {}).items():
        say(f"{mode}: nDCG@10 {_show(compared['before'])} before. {compared['hint']}")
    for one in report["differences"] or ():
        say(f"{one['name']} differs: {_show_value(one['before'])} before, now {_show_value(one['after'])}.")
    _print_worst(report["worst"])


def _print_answers(ask: Mapping[str, Any]) -> None:
    counts = (("answered", "answerable"), ("refused", "unanswerable"), ("quoted", "with_expected_quotes"))
    rows = [[part, ask[part], ask[whole], _show(ask[f"{part}_share"])] for part, whole in counts]
    print_table(["answers", "number", "of", "share"], [*rows, ["p95 ms", ask["latency_ms"]["p95"], "", ""]])


def _print_worst(worst: Sequence[Mapping[str, Any]]) -> None:
    if not worst:
        return
    rows = []
    for one in worst[:_WORST]:
        found = {hit["filename"] or hit["document_id"] for hits in one["found"].values() for hit in hits[:1]}
        rows.append([one["number"], _show(min(one["ndcg"].values())), one["question"], sorted(map(str, found))])
    print_table(["worst", "nDCG@10", "question", "found first"], rows)


def _is_below(report: Mapping[str, Any], least: float | None) -> bool:
    """Whether a mode's nDCG is lower than it must be; says so."""
    if least is None:
        return False
    found = {mode: one["ndcg"] or 0.0 for mode, one in report["summary"]["modes"].items()}
    low = [mode for mode, ndcg in found.items() if ndcg < least]
    for mode in low:
        say(f"{mode}: nDCG@10 is {_show(found[mode])}, less than {least}.")
    return bool(low)


def _show_value(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _show(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.3f}"
