"""The documents of the demo."""

import shlex
from glob import glob, has_magic
from pathlib import Path

import typer

from app.domain.errors import StartupError
from app.domain.media import ACCEPTED

_EXAMPLES = Path(__file__).parents[3] / "examples"


def list_examples() -> list[Path]:
    """The example documents."""
    endings = tuple(ending for endings in ACCEPTED.values() for ending in endings)
    paths = sorted(path for path in _EXAMPLES.iterdir() if path.suffix in endings and path.name != "README.md")
    if not paths:
        raise StartupError(
            'The folder examples/ contains no documents. Name your own files: make demo FILES="report.pdf"'
        )
    return paths


def find_files(text: str) -> list[Path]:
    """The files that a text names, separated by spaces.

    Names may contain spaces: of the readings, the one whose first names are longest and exist is taken. Patterns such
    as ``*.pdf`` are expanded. Quotes as in a shell are understood where the text is no name as it stands.

    Raises:
        typer.BadParameter: a name or pattern matches no file.
    """
    if text and (matches := _match(text)):
        return matches
    words = text.split()
    found: list[Path] = []
    first = 0
    while first < len(words):
        for end in range(len(words), first, -1):
            if matches := _match(" ".join(words[first:end])):
                found += matches
                first = end
                break
        else:
            return _find_quoted(text, words[first])
    return found


def _find_quoted(text: str, unknown: str) -> list[Path]:
    try:
        names = shlex.split(text)
    except ValueError:
        names = [unknown]
    found = []
    for name in names:
        if not (matches := _match(name)):
            raise typer.BadParameter(f"There is no file {name!r}.", param_hint="FILES")
        found += matches
    return found


def _match(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if path.is_file():
        return [path]
    found = sorted(glob(str(path))) if has_magic(name) else []  # noqa: PTH207 - Path.glob takes no absolute pattern
    return [Path(one) for one in found if Path(one).is_file()]
