"""docs/cli.md lists every command with its arguments, its options and the first sentence of its help."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.cli import program
from tests.docs.pages import PAGES

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "cli.md").read_text()
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


def test_every_command_that_a_page_or_message_names_exists_with_its_options() -> None:
    known = {
        path: {option for parameter in command.params for option in parameter.opts} | _EVERYWHERE | {"--version"}
        for name in program._COMMANDS
        for path, command in _walk(program._load(name), name)
    }
    groups = {path.partition(" ")[0] for path in known}
    wrong = []
    for file in (*PAGES, *_ROOT.glob("*.md"), *(_ROOT / "app").rglob("*.py"), _ROOT / ".env.example"):
        for command in re.findall(r"\./sluice ([a-z][^`\n|;)\"]*)", file.read_text()):
            words = command.split()
            path = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in known), None)
            options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            if (path is None and words[0].rstrip(".,:") not in groups) or (path and options - known[path]):
                wrong.append((file.name, command))
    assert wrong == []
