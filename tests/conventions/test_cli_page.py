"""docs/cli.md lists every command with its arguments, its options and the first sentence of its help."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.cli import program

_PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
_EVERYWHERE = {"--help", "--url", "--key", "--json"}
"""The options that the page describes once."""


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not getattr(command, "commands", None) or command.invoke_without_command:
        yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, f"{path} {name}")


def _describe(path: str, command: Any) -> str:
    """The row of a command."""
    arguments = [p.name.upper() for p in command.params if p.param_type_name == "argument"]
    options = [p.opts[0] for p in command.params if p.param_type_name == "option" and p.opts[0] not in _EVERYWHERE]
    summary = re.split(r"(?<=[.:])\s", " ".join(command.help.split()), maxsplit=1)[0].rstrip(".:")
    return f"| `{' '.join([path, *arguments])}` | {' '.join(f'`{option}`' for option in options)} | {summary} |"


def test_the_page_lists_every_command_as_the_program_describes_it() -> None:
    wanted = [
        _describe(path, command) for name in program._COMMANDS for path, command in _walk(program._load(name), name)
    ]
    assert re.findall(r"^\| `.*\|$", _PAGE, re.MULTILINE) == wanted
