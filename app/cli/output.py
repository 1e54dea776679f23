"""What commands print: data on standard output, messages on standard error."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

_PIPE_COLUMNS = 1000
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class CommandError(Exception):
    """A command failed. The text is one line for the user."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        self.exit_code = exit_code
        super().__init__(message)


def make_printable(text: str) -> str:
    """Remove control characters except tabs and line breaks. Names and texts of documents must not steer a terminal."""
    return _CONTROLS.sub("", text)


def say(line: str) -> None:
    """Print a line for the operator on standard error, after the data that was printed before it."""
    sys.stdout.flush()
    sys.stderr.write(f"{make_printable(line)}\n")


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False, indent=2) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table on standard output."""
    from rich.console import Console  # noqa: PLC0415 - rich takes longer to import than most commands run
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(make_printable(_show(cell))) for cell in row))
    # In a pipe, cells are not shortened to fit a window.
    Console(soft_wrap=True, width=None if sys.stdout.isatty() else _PIPE_COLUMNS).print(table)


def print_fields(record: Mapping[str, Any]) -> None:
    """Print a record on standard output, a line for each field. Nested values are JSON."""
    width = max(map(len, record), default=0)
    for name, value in record.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
        sys.stdout.write(make_printable(f"{name:<{width}}  {'' if shown is None else shown}").rstrip() + "\n")


def print_list(page: Mapping[str, Any], items: str, columns: Sequence[str], *, as_json: bool) -> None:
    """Print a page of a list as the API returns it: a table of some columns, or the JSON.

    Args:
        page: The response: the items, ``total`` and ``next``.
        items: The name of the items in it.
        columns: The fields to show in the table.
        as_json: Print the response itself.
    """
    if as_json:
        print_json(page)
        return
    print_table(columns, [[item[column] for column in columns] for item in page[items]])
    if page["next"] is not None:
        say(f"{len(page[items])} of {page['total']} shown. The next page: --after {page['next']}")


def _show(cell: Any) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, dict):
        return json.dumps(cell, ensure_ascii=False)
    return " ".join(map(str, cell)) if isinstance(cell, (list, tuple)) else "" if cell is None else str(cell)


def print_hits(hits: Sequence[Mapping[str, Any]]) -> None:
    """Print search results: the place of each, and the part of it that matches."""
    for number, hit in enumerate(hits, 1):
        text = " ".join(make_printable(hit["expanded_text"] or hit["snippet"]).split())
        page = f", page {hit['page']}" if hit["page"] else ""
        name = make_printable(hit["filename"])
        sys.stdout.write(f"  {number}. {name}{page}  (score {hit['score']:.3f})\n     {text}\n")
        if why := hit["explanation"]:
            sys.stdout.write(f"     {_explain(why)}\n")


def _explain(why: Mapping[str, Any]) -> str:
    words = ", ".join(f"{make_printable('/'.join(word['forms']))} {word['weight']:.2f}" for word in why["words"])
    cosine = "not compared" if why["cosine"] is None else f"cosine {why['cosine']:.3f}"
    rerank = "" if why["rerank_score"] is None else f"; reranked {why['rerank_score']:.3f}"
    return (
        f"words {why['words_part']:.3f} ({words or 'none'}; share {why['share']:.2f})"
        f" + meaning {why['meaning_part']:.3f} ({cosine}){rerank}"
    )


def print_answer(result: Mapping[str, Any]) -> None:
    """Print an answer with its references."""
    sys.stdout.write(f"  {make_printable(result['answer'])}\n")
    print_references(result)


def print_sentence(event: str, data: Mapping[str, Any]) -> None:
    """Print a part of an answer as it arrives: a sentence, or that the answer begins again."""
    if event == "sentence":
        sys.stdout.write(make_printable(data["text"]))
        sys.stdout.flush()
    else:
        say("\nThe answer was interrupted and is written anew:")


def print_references(result: Mapping[str, Any]) -> None:
    """Print the references of an answer."""
    for number, reference in enumerate(result["references"], 1):
        page = f", page {reference['page']}" if reference["page"] else ""
        where = f"characters {reference['start']} to {reference['end']}"
        sys.stdout.write(f"  [{number}] {make_printable(reference['filename'])}{page}, {where}\n")
