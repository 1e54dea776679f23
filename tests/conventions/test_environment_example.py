"""``.env.example`` and ``app.settings`` agree."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from app.settings import Settings

_LINES = (Path(__file__).parents[2] / ".env.example").read_text().splitlines()
_WRITTEN = dict(line.split("=", 1) for line in _LINES if re.match(r"[A-Z0-9_]+=", line))
_FIELDS = {name.upper(): field for name, field in Settings.model_fields.items()}


def test_the_example_lists_exactly_the_settings() -> None:
    assert set(_WRITTEN) == set(_FIELDS)


def test_the_example_lists_the_settings_in_their_order() -> None:
    assert list(_WRITTEN) == list(_FIELDS)


@pytest.mark.parametrize("name", sorted(_FIELDS))
def test_the_example_shows_the_default(name: str) -> None:
    default = _FIELDS[name].default
    shown = "" if default is None else str(default)
    assert _WRITTEN.get(name) == (shown.lower() if isinstance(default, bool) else shown)


def test_every_variable_is_explained_in_the_line_above_it() -> None:
    bare = [line for above, line in pairwise(_LINES) if re.match(r"[A-Z0-9_]+=", line) and not above.startswith("# ")]
    assert bare == []
