"""docs/errors.md describes every stable code, as the code defines it."""

import re
from collections.abc import Iterator
from pathlib import Path

from app.domain.errors import SluiceError
from app.ledger import parents

_ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| `(\w+)` \| (\w+|-) \| (yes|no) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_ROWS = _ROW.findall((_ROOT / "docs" / "errors.md").read_text())
_OF_STATEMENTS = set(re.findall(r"jsonb_build_object\('code', '(\w+)'", Path(parents.__file__).read_text()))
"""Codes that SQL writes into a task's error."""


def _list_classes(cls: type[SluiceError] = SluiceError) -> Iterator[type[SluiceError]]:
    yield cls
    for subclass in cls.__subclasses__():
        yield from _list_classes(subclass)


def test_every_error_class_has_a_row_with_its_status_and_meaning() -> None:
    written = {row[:4] for row in _ROWS}
    defined = {
        cls.code: (cls.code, str(cls.status), "yes" if cls.retryable else "no", cls.title())
        for cls in reversed([*_list_classes()])  # of several classes with one code, the first counts
    }
    assert set(defined.values()) - written == set(), "add or correct these rows in docs/errors.md"


def test_every_row_is_of_a_code_that_exists_once() -> None:
    codes = [row[0] for row in _ROWS]
    classes = {cls.code for cls in _list_classes()}
    assert sorted(codes) == sorted(set(codes))
    assert set(codes) == classes | {"method_not_allowed", "http_error"} | _OF_STATEMENTS


def test_a_code_has_one_status_and_one_answer_to_whether_a_retry_may_succeed() -> None:
    answers: dict[str, set[tuple[int, bool]]] = {}
    for cls in _list_classes():
        answers.setdefault(cls.code, set()).add((cls.status, cls.retryable))
    assert {code: given for code, given in answers.items() if len(given) > 1} == {}
