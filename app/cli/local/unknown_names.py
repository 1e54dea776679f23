"""Warnings about variables that look like settings and are none: most often typing errors."""

import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from app.cli.output import say
from app.settings import Settings

_ALIKE, _SIMILAR = 0.85, 0.6
_ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=", re.MULTILINE)
# Variables of other programs that read the same ``.env``: Docker Compose and the libraries of providers.
_OTHERS = ("AWS_", "COMPOSE_", "DOCKER_", "HF_", "PG", "POSTGRES_")


def warn_of_unknown_names() -> None:
    """Print a line for each variable that is probably a misspelled setting."""
    env_file = Settings.model_config.get("env_file")
    for line in find_unknown_names(env_file if isinstance(env_file, Path) else None):
        say(line)


def find_unknown_names(env_file: Path | None) -> Iterator[str]:
    """Find the unknown names in ``.env``, and the variables of the environment whose names are almost a setting's."""
    known = {"SLUICE_URL", "SLUICE_API_KEY", *(name.upper() for name in Settings.model_fields)}
    in_file = _ASSIGNMENT.findall(env_file.read_text()) if env_file and env_file.is_file() else []
    for name in in_file:
        if name.upper() not in known and not name.upper().startswith(_OTHERS):
            yield _describe(name, f"{env_file}: ", _find_nearest(name, known, _SIMILAR))
    for name in os.environ:
        # A name of one word, such as HOSTS, may be any program's.
        given = name.upper() in known or name in in_file or "_" not in name
        if not given and (nearest := _find_nearest(name, known, _ALIKE)):
            yield _describe(name, "", nearest)


def _find_nearest(name: str, known: set[str], alike: float) -> str | None:
    return next(iter(get_close_matches(name.upper(), known, 1, alike)), None)


def _describe(name: str, where: str, nearest: str | None) -> str:
    return f"Warning: {where}{name} is not a setting and has no effect." + (f" Is it {nearest}?" if nearest else "")
